//! Waiting for a verdict that somebody else makes. It costs a place and a look at the database now and then, nothing more: the document is
//! judged whether or not anybody still waits, and the wait ends as soon as the server is on its way out.

use std::time::{Duration, Instant};

use touchstone_core::ids::DocumentId;
use touchstone_moderation::DocumentRecord;

use crate::{errors::Failure, site::Site};

/// How long it is until the first look at the document, and between two looks in the end.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The document once it is as it is waited for; `None` as [`until`].
pub(crate) async fn wait_for(
    site: &Site,
    id: DocumentId,
    within: Duration,
    is_ready: fn(&DocumentRecord) -> bool,
) -> Result<Option<DocumentRecord>, Failure> {
    let look = async || Ok(site.road(|road| async move { road.document(id).await }).await?.filter(is_ready));
    until(site, within, look).await
}

/// What `look` finds in the end; `None` when that takes longer, when as many wait as may, or when the server is on its way out.
pub(crate) async fn until<T>(
    site: &Site,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let Some(_place) = site.wait_place() else { return Ok(None) };
    let (mut pause, longest) = LOOK;
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        let left = within.saturating_sub(begun.elapsed());
        if left.is_zero() || site.draining().is_some() {
            return Ok(None);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(longest);
    }
}
