//! Usage: what was used, its way to Stripe, and Stripe's answers. For backends, not for those who have images judged.

pub(crate) mod events;
pub(crate) mod sync;
pub(crate) mod usage;
