//! Metered use on its way to Stripe, so that every document is billed exactly once (rows B3–B5), and the proof of it.
//!
//! What is settled is frozen into an outbox by `touchstone_store`; here it is sent, asked about, compared and answered for. The
//! ledger alone says what was used; nothing here changes it. Serves no HTTP: `touchstone_web` translates.

mod billing;
mod meter;
mod period;
mod reconcile;
mod report;
mod rules;
mod send;
mod settings;
mod signature;
mod sync;
mod trouble;
mod usage;

pub use billing::Billing;
pub use period::Period;
pub use reconcile::{Reconciled, ReconciledDay};
pub use settings::{Settings, WrongSettings};
pub use sync::{SyncReport, SyncRequest};
pub use usage::{InQuestion, UsageDay, UsageReport};
