//! Bounded places for work that a request waits for and that its sender can make slow: fetching, and looking through archives.
//! Nobody waits in line here: who finds no place is told when to come back, and one organisation never takes all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use touchstone_core::{ids::OrganizationId, refusal::Refusal};

use crate::trouble::RETRY_AFTER;

/// How much of one sort of work may be done at once: by this node, and for each organisation on it.
pub(crate) struct Places {
    node: Arc<Semaphore>,
    each: usize,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
}

/// One place, given back when dropped.
pub(crate) struct Place {
    organization: OrganizationId,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    _node: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(node: usize, each: usize) -> Self {
        Self { node: Arc::new(Semaphore::new(node.min(Semaphore::MAX_PERMITS))), each, taken: Arc::default() }
    }

    /// A place, or the answer that there is none just now: 429 where the organisation has its share, 503 where all are taken.
    pub(crate) fn take(&self, organization: OrganizationId) -> Result<Place, Refusal> {
        let node = Arc::clone(&self.node).try_acquire_owned().map_err(|_| Refusal::Busy { retry_after: RETRY_AFTER })?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let its = taken.entry(organization).or_default();
        if *its >= self.each {
            return Err(Refusal::TooManyRequests { retry_after: RETRY_AFTER });
        }
        *its += 1;
        Ok(Place { organization, taken: Arc::clone(&self.taken), _node: node })
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
}
