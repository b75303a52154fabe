//! `[stripe]`. `config.toml` is the manual: every key there, its default and one sentence.

use secrecy::SecretString;
use serde::Deserialize;

use crate::meter::Stripe;

/// `[stripe]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Stripe's secret key; empty: nothing is sent.
    pub secret_key: SecretString,
    /// Stripe's address; empty: Stripe's own.
    pub api_base: String,
    /// The event name of the meter that counts use.
    pub meter_event_name: String,
    /// That meter's id; empty: it is looked up by its event name.
    pub meter_id: String,
    /// The secret of the endpoint to which Stripe reports errors; empty: nobody is believed.
    pub webhook_secret: SecretString,
    /// How often one event is tried within one call.
    pub attempts: u32,
    /// Milliseconds before the second try; each later wait is twice as long.
    pub backoff_ms: u64,
    /// Seconds that one request may take.
    pub timeout_seconds: u64,
}

impl Settings {
    /// Checks what `serve` would refuse; asks nobody. rustls' default crypto provider must have been installed.
    ///
    /// # Errors
    /// Which setting cannot work, and why.
    pub fn check(&self) -> Result<(), WrongSettings> {
        Stripe::open(self).map(drop)
    }
}

/// What is wrong with `[stripe]`.
#[derive(Debug, thiserror::Error)]
#[error("stripe.{key} {reason}")]
pub struct WrongSettings {
    pub(crate) key: &'static str,
    pub(crate) reason: String,
}

impl WrongSettings {
    pub(crate) fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self { key, reason: reason.into() }
    }
}
