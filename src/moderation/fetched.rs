//! Images behind foreign URLs (row X9): fetched within bounds, kept under a name that says what is in them, and from then on
//! uploads like any other. What is in the log about one that was not fetched names its host and the reason, never its URL.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use touchstone_core::{
    ids::OrganizationId,
    media::{Format, SNIFF_BYTES},
    organization::Caller,
    refusal::Refusal,
    time::Timestamp,
};
use touchstone_store::NewUpload;
use url::Url;
use uuid::Uuid;

use crate::{
    names::{self, Named},
    road::Road,
    trouble::{RETRY_AFTER, Trouble, chain},
};

/// How long a fetched image waits for its submission, which follows at once; after that the sweep may have it.
const SUBMITTED_WITHIN: Duration = Duration::from_secs(600);

impl Road {
    /// The object that a client's `url` names (row T3): an upload, by its key alone; anything else is fetched, and is an
    /// upload of the caller's organisation then. To be submitted at once, in the same breath.
    ///
    /// # Errors
    /// [`Refusal::EmptyUrl`], [`Refusal::FileMissing`]; for a foreign URL [`Refusal::NotEnoughCredits`] before anything is
    /// fetched, [`Refusal::Unfetchable`], or [`Refusal::Busy`].
    pub async fn object_at(&self, caller: &Caller, url: &str) -> Result<String, Refusal> {
        match names::named(url, &self.settings().known_hosts)? {
            Named::Upload(object_key) => Ok(object_key),
            Named::Foreign(url) => {
                self.can_pay(caller).await?;
                // Held until the bytes are stored: it bounds what lies in memory.
                let _place = self.places().take(caller.organization.id)?;
                let (bytes, format) = self.image_at(url).await?;
                self.keep_fetched(caller.organization.id, bytes, format).await
            }
        }
    }

    async fn can_pay(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.test || caller.organization.metered {
            return Ok(());
        }
        let left = self.store().credits(caller.organization.id).await.trouble()?;
        if left.total() < self.settings().jobs.credits_per_image { Err(Refusal::NotEnoughCredits) } else { Ok(()) }
    }

    /// An image of an accepted size and format, believed by its bytes alone.
    async fn image_at(&self, url: Url) -> Result<(Bytes, Format), Refusal> {
        let (least, most) = (self.settings().uploads.min_bytes, self.settings().uploads.max_bytes);
        let host = url.host_str().unwrap_or_default().to_owned();
        let reason = match self.fetcher().fetch(url, most).await {
            Ok(bytes) if (bytes.len() as u64) < least => format!("fewer than {least} bytes"),
            Ok(bytes) => match Format::sniff(&bytes[..bytes.len().min(SNIFF_BYTES)]) {
                Some(format) => {
                    metrics::counter!("touchstone_fetches_total", "outcome" => "fetched").increment(1);
                    return Ok((bytes, format));
                }
                None => "the bytes are no image that is accepted".to_owned(),
            },
            Err(error) => chain(&error),
        };
        metrics::counter!("touchstone_fetches_total", "outcome" => "refused").increment(1);
        tracing::info!(host, reason, "a foreign URL was not fetched");
        Err(Refusal::Unfetchable { least, most })
    }

    /// Stores an image under its own hash. The row comes first, so that whatever crashes, the sweep knows of the object.
    async fn keep_fetched(&self, organization: OrganizationId, bytes: Bytes, format: Format) -> Result<String, Refusal> {
        let object_key = names::fetched_key(organization, &hex::encode(Sha256::digest(&bytes)), format);
        let content_type = format.content_type();
        let upload = NewUpload {
            object_key: object_key.clone(),
            organization,
            correlation: Uuid::new_v4(),
            content_type: content_type.to_owned(),
            expires_at: Timestamp::now() + SUBMITTED_WITHIN,
        };
        if !self.store().issue_again(upload).await.trouble()? {
            return Err(Refusal::Busy { retry_after: RETRY_AFTER });
        }
        self.blobs().put_once(&object_key, content_type, bytes).await.trouble()?;
        Ok(object_key)
    }

    /// Removes a fetched image whose submission was refused, unless another submission has it.
    pub(crate) async fn discard(&self, object_key: &str) -> Result<(), Refusal> {
        if self.store().expire_upload(object_key).await.trouble()? {
            self.blobs().delete(object_key).await.trouble()?;
            self.store().forget_upload(object_key).await.trouble()?;
        }
        Ok(())
    }
}

/// How much may be fetched at once: by this node, and by each organisation on it.
pub(crate) struct Places {
    node: Arc<Semaphore>,
    each: usize,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
}

/// One fetch's place, given back when dropped.
pub(crate) struct Place {
    organization: OrganizationId,
    taken: Arc<Mutex<HashMap<OrganizationId, usize>>>,
    _node: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(node: usize, each: usize) -> Self {
        Self { node: Arc::new(Semaphore::new(node.min(Semaphore::MAX_PERMITS))), each, taken: Arc::default() }
    }

    /// A place, or the answer that there is none just now.
    fn take(&self, organization: OrganizationId) -> Result<Place, Refusal> {
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
        // Nobody is remembered who fetches nothing.
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
        assert_eq!(places.taken.lock().expect("unpoisoned").len(), 2, "only who fetches is remembered");
    }
}
