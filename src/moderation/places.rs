//! Bounded places for work that a request waits for and that its sender can make slow: fetching, and looking through archives.
//! Who finds no place, now or soon, is told when to come back, and one organisation never takes all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use touchstone_core::{ids::OrganizationId, refusal::Refusal};

use crate::trouble::RETRY_AFTER;

/// How long it is between two looks for a place.
const LOOK: Duration = Duration::from_millis(50);

/// How much of one sort of work may be done at once: by this node, and for each organisation on it.
pub struct Places {
    node: Arc<Semaphore>,
    each: usize,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
}

/// One place, given back when dropped.
pub struct Place {
    organization: OrganizationId,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    _node: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, and so many of them for each organisation.
    #[must_use]
    pub fn new(node: usize, each: usize) -> Self {
        Self { node: Arc::new(Semaphore::new(node.min(Semaphore::MAX_PERMITS))), each, taken: Arc::default() }
    }

    /// A place.
    ///
    /// # Errors
    /// That there is none just now: [`Refusal::TooManyRequests`] where the organisation has its share, [`Refusal::Busy`] where all are taken.
    pub fn take(&self, organization: OrganizationId) -> Result<Place, Refusal> {
        let node = Arc::clone(&self.node).try_acquire_owned().map_err(|_| Refusal::Busy { retry_after: RETRY_AFTER })?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let its = taken.entry(organization).or_default();
        if *its >= self.each {
            return Err(Refusal::TooManyRequests { retry_after: RETRY_AFTER });
        }
        *its += 1;
        Ok(Place { organization, taken: Arc::clone(&self.taken), _node: node })
    }

    /// The same, waited for no longer than this.
    ///
    /// # Errors
    /// As [`Places::take`].
    pub async fn wait(&self, organization: OrganizationId, within: Duration) -> Result<Place, Refusal> {
        let begun = Instant::now();
        loop {
            match self.take(organization) {
                Err(_) if begun.elapsed() < within => tokio::time::sleep(LOOK).await,
                taken => return taken,
            }
        }
    }

    /// Places that are free.
    pub(crate) fn free(&self) -> usize {
        self.node.available_permits()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is remembered who does nothing.
        if let Some(its) = taken.get_mut(&self.organization) {
            *its -= 1;
            if *its == 0 {
                taken.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_are_few_for_one_organisation_and_for_all_and_come_back() {
        // X9, T16
        let places = Places::new(3, 2);
        let [ann, ben, eve] = [1, 2, 3].map(|n| OrganizationId(Uuid::from_u128(n)));
        let first = places.take(ann).expect("a place");
        let _second = places.take(ann).expect("a place");
        assert_eq!(places.take(ann).err(), Some(Refusal::TooManyRequests { retry_after: RETRY_AFTER }));
        let _third = places.take(ben).expect("a refused try takes no place");
        assert_eq!(places.take(eve).err(), Some(Refusal::Busy { retry_after: RETRY_AFTER }));
        drop(first);
        drop(places.take(ann).expect("the place came back"));
        assert_eq!(places.taken.lock().expect("unpoisoned").len(), 2, "only who has one is remembered");
    }

    #[tokio::test]
    async fn a_place_may_be_waited_for_and_nobodys_share_grows_by_waiting() {
        // V2
        let places = Arc::new(Places::new(2, 1));
        let [ann, ben] = [1, 2].map(|n| OrganizationId(Uuid::from_u128(n)));
        let first = places.take(ann).expect("a place");
        let again = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.wait(ann, Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(places.wait(ann, Duration::ZERO).await.err(), Some(Refusal::TooManyRequests { retry_after: RETRY_AFTER }));
        drop(places.wait(ben, Duration::ZERO).await.expect("who waits holds up nobody else"));
        assert!(!again.is_finished());
        drop(first);
        assert!(again.await.expect("no panic").is_ok());
    }
}
