//! Images behind foreign URLs (row X9): fetched within bounds, kept under a name that says what is in them, and from then on
//! uploads like any other. What is in the log about one that was not fetched names its host and the reason, never its URL.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use touchstone_core::{
    causes::chain,
    ids::OrganizationId,
    media::{Format, SNIFF_BYTES},
    organization::Caller,
    refusal::Refusal,
    time::Timestamp,
};
use touchstone_net::fetch::FetchError;
use touchstone_store::NewUpload;
use url::Url;
use uuid::Uuid;

use crate::{
    names::{self, Named},
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

/// How long a fetched image waits for its submission, which follows at once; after that the sweep may have it.
const SUBMITTED_WITHIN: Duration = Duration::from_secs(600);

/// An image that was stored under its own hash, to be submitted at once.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) object_key: String,
    /// Exactly these bytes.
    pub(crate) object_etag: String,
}

/// Why no image came from a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFetched {
    /// It has more bytes than asked for. Only a public server's answer ever comes so far.
    TooLarge,
    /// Anything else: refused, late, failed, or no image.
    NoImage,
}

impl Road {
    /// The object that a client's `url` names (row T3): an upload, by its key alone; anything else is fetched, and is an
    /// upload of the caller's organisation then. To be submitted at once, in the same breath.
    ///
    /// # Errors
    /// [`Refusal::EmptyUrl`], [`Refusal::FileMissing`]; for a foreign URL [`Refusal::NotEnoughCredits`] or
    /// [`Refusal::TestsUsedUp`] before anything is fetched, [`Refusal::Unfetchable`], or [`Refusal::Busy`].
    pub async fn object_at(&self, caller: &Caller, url: &str) -> Result<String, Refusal> {
        match names::named(url, &self.settings().known_hosts)? {
            Named::Upload(object_key) => Ok(object_key),
            Named::Foreign(url) => {
                self.can_pay(caller).await?;
                // Held until the bytes are stored: it bounds what lies in memory.
                let _place = self.places().take(caller.organization.id)?;
                let (least, most) = (self.settings().uploads.min_bytes, self.settings().uploads.max_bytes);
                // How it failed is not told: nobody maps a network by it.
                let (bytes, format) = self.image_at(url, most).await.map_err(|_| Refusal::Unfetchable { least, most })?;
                Ok(self.keep_fetched(caller.organization.id, bytes, format).await?.object_key)
            }
        }
    }

    /// A look before anything is fetched; the submission decides. It may be the retry of a submission that took the last credit (row T17):
    /// whether it is shows when the bytes are here.
    pub(crate) async fn can_pay(&self, caller: &Caller) -> Result<(), Refusal> {
        let Err(refusal) = self.can_pay_anew(caller).await else { return Ok(()) };
        let recent = Timestamp::now() - Duration::from_secs(self.settings().jobs.replay_seconds);
        let (store, organization) = (self.store(), caller.organization.id);
        let tried =
            if caller.test { store.has_tested_since(organization, recent).await } else { store.has_paid_since(organization, recent).await };
        if tried.trouble()? { Ok(()) } else { Err(refusal) }
    }

    /// The same look for what is no retry of anything, before it is stored.
    pub(crate) async fn can_pay_anew(&self, caller: &Caller) -> Result<(), Refusal> {
        let (store, organization) = (self.store(), caller.organization.id);
        if caller.test {
            let most = self.settings().accounts.test_documents_per_day;
            let may = store.may_test(organization, most).await.trouble()?;
            return if may { Ok(()) } else { Err(Refusal::TestsUsedUp { most }) };
        }
        let price = self.settings().jobs.credits_per_image;
        let may = caller.organization.metered || store.credits(organization).await.trouble()?.total() >= price;
        if may { Ok(()) } else { Err(Refusal::NotEnoughCredits) }
    }

    /// An image of an accepted format and at most so many bytes, believed by its bytes alone.
    pub(crate) async fn image_at(&self, url: Url, most: u64) -> Result<(Bytes, Format), NotFetched> {
        let least = self.settings().uploads.min_bytes;
        let host = url.host_str().unwrap_or_default().to_owned();
        let (reason, error) = match self.fetcher().fetch(url, most).await {
            Ok(bytes) if (bytes.len() as u64) < least => (format!("fewer than {least} bytes"), NotFetched::NoImage),
            Ok(bytes) => match Format::sniff(&bytes[..bytes.len().min(SNIFF_BYTES)]) {
                Some(format) => {
                    metrics::counter!("touchstone_fetches_total", "outcome" => "fetched").increment(1);
                    return Ok((bytes, format));
                }
                None => ("the bytes are no image that is accepted".to_owned(), NotFetched::NoImage),
            },
            Err(error @ FetchError::TooLarge(_)) => (chain(&error), NotFetched::TooLarge),
            Err(error) => (chain(&error), NotFetched::NoImage),
        };
        metrics::counter!("touchstone_fetches_total", "outcome" => "refused").increment(1);
        tracing::info!(host, reason, "a foreign URL was not fetched");
        Err(error)
    }

    /// Stores an image under its own hash.
    pub(crate) async fn keep_fetched(&self, organization: OrganizationId, bytes: Bytes, format: Format) -> Result<Kept, Refusal> {
        let object_key = names::fetched_key(organization, &hex::encode(Sha256::digest(&bytes)), format);
        self.keep_image(organization, object_key, bytes, format).await
    }

    /// Stores an image of the /v1 API under a name of its own: whatever becomes of it concerns no other.
    pub(crate) async fn keep_sent(&self, organization: OrganizationId, name: Uuid, bytes: Bytes, format: Format) -> Result<Kept, Refusal> {
        self.keep_image(organization, names::sent_key(organization, name, format), bytes, format).await
    }

    /// The row comes first, so that whatever crashes, the sweep knows of the object.
    async fn keep_image(&self, organization: OrganizationId, object_key: String, bytes: Bytes, format: Format) -> Result<Kept, Refusal> {
        let content_type = format.content_type();
        let upload = NewUpload {
            object_key: object_key.clone(),
            organization,
            correlation: Uuid::new_v4(),
            content_type: content_type.to_owned(),
            // Nobody was given a URL: what is not submitted in time goes with the next sweep, not hours later.
            expires_at: Timestamp::now() + SUBMITTED_WITHIN - Duration::from_secs(self.settings().uploads.keep_unsubmitted_hours * 3600),
        };
        if !self.store().issue_again(upload).await.trouble()? {
            return Err(Refusal::Busy { retry_after: RETRY_AFTER });
        }
        let stored = self.blobs().put_once(&object_key, content_type, bytes).await.trouble()?;
        Ok(Kept { object_key, object_etag: stored.etag })
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
