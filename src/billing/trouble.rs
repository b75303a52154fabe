//! Where an error of ours becomes a refusal: it is logged once under a fresh reference, and the caller is told only that.

use std::time::Duration;

use touchstone_core::{causes::chain, refusal::Refusal};
use touchstone_store::StoreError;

/// When to come back after a refusal for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why something could not be done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The caller may be told why.
    Refusal(Refusal),
    /// The state failed.
    Store(StoreError),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Trouble {
    /// What Stripe, or the settings for it, did not let anybody ask.
    pub(crate) fn stripe(reason: impl Into<String>) -> Self {
        Self::Refusal(Refusal::StripeUnasked { reason: reason.into() })
    }

    /// What the caller is told.
    pub(crate) fn told(self) -> Refusal {
        match self {
            Self::Refusal(refusal) => refusal,
            Self::Store(error) if error.is_busy() => Refusal::Busy { retry_after: RETRY_AFTER },
            Self::Store(error) => {
                let reference = uuid::Uuid::new_v4().simple().to_string();
                tracing::error!(reference, error = %chain(&error), "an internal error was answered by its reference");
                Refusal::Internal { reference }
            }
        }
    }
}
