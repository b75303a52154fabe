//! Where an error of ours becomes a refusal: it is logged once under a fresh reference, and the caller is told only that.

use std::{error::Error, panic::Location, time::Duration};

use touchstone_core::{causes::chain, refusal::Refusal};
use touchstone_store::StoreError;
use uuid::Uuid;

/// When to come back after a refusal for want of room.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Turns what a caller must not see into [`Refusal::Internal`], and a full queue of writers into [`Refusal::Busy`].
pub(crate) trait Trouble<T> {
    /// The value, or the refusal whose reference the log explains.
    fn trouble(self) -> Result<T, Refusal>;
}

impl<T, E: Error + 'static> Trouble<T> for Result<T, E> {
    #[track_caller]
    fn trouble(self) -> Result<T, Refusal> {
        let place = Location::caller();
        self.map_err(|error| refusal(&error, place))
    }
}

fn refusal(error: &(dyn Error + 'static), place: &Location<'_>) -> Refusal {
    if error.downcast_ref().is_some_and(StoreError::is_busy) {
        return Refusal::Busy { retry_after: RETRY_AFTER };
    }
    logged(error, place)
}

/// What nobody outside may see: logged, and answered by its reference.
#[track_caller]
pub(crate) fn internal(error: &(dyn Error + 'static)) -> Refusal {
    logged(error, Location::caller())
}

fn logged(error: &(dyn Error + 'static), place: &Location<'_>) -> Refusal {
    let reference = Uuid::new_v4().simple().to_string();
    tracing::error!(reference, %place, error = %chain(error), "an internal error was answered by its reference");
    Refusal::Internal { reference }
}
