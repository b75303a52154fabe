//! What this process asks of other servers over HTTP. The only holder of an HTTP client outside plugins and billing, so that
//! timeouts, redirects and tokens are dealt with in one place. It knows no database, no tenant and no platform.

pub mod fetch;
pub mod inference;
pub mod post;
pub mod wording;
