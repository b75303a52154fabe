//! What is kept, and for how long (row V12): originals go soon after their verdicts, pictures later, documents when the operator says so,
//! and whatever somebody wants erased at once.
//!
//! Every object that is to go is written down in the transaction that forgets it, and its bytes are deleted after that: nothing is said to
//! be there that is gone, and whoever dies in between leaves it to the next sweep.

use std::time::{Duration, Instant};

use serde::Serialize;
use touchstone_blobs::Blobs;
use touchstone_core::{ids::DocumentId, time::Timestamp};
use touchstone_store::{Erasure, Found, Stopped, Store};

use crate::{names, settings::Retention};

/// How many one round of a sweep, or one transaction of an erasure, looks at.
const ROUND: u64 = 500;

/// How long an erasure waits for a worker that has one of the documents in hand.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it is between two looks at that worker.
const LOOK: Duration = Duration::from_millis(200);

const DAY: Duration = Duration::from_secs(86_400);

/// Lets go of what is not to be kept. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    store: Store,
    blobs: Blobs,
    settings: Retention,
}

/// What a sweep let go of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Uploaded and fetched images and archives.
    pub originals: u64,
    /// Documents that lost their pictures.
    pub pictures: u64,
    /// Documents of which only ids, amounts and times are left.
    pub documents: u64,
    /// Objects of documents that were deleted.
    pub objects: u64,
}

impl Keeper {
    /// A keeper of this database and object store.
    #[must_use]
    pub const fn new(store: Store, blobs: Blobs, settings: Retention) -> Self {
        Self { store, blobs, settings }
    }

    /// Lets go of everything whose time is over.
    ///
    /// # Errors
    /// When the database or the object store fails; the next sweep goes on where this one stopped.
    pub async fn sweep(&self) -> anyhow::Result<Swept> {
        let (mut swept, now) = (Swept::default(), Timestamp::now());
        let Retention { pictures_days, documents_days, .. } = self.settings;
        loop {
            let due = self.store.due_originals(self.ended_before(), ROUND).await?;
            let gone = self.delete_originals(&due, self.ended_before()).await?;
            swept.originals += gone;
            if gone == 0 {
                break;
            }
        }
        let pictures_until = now - DAY * days(pictures_days);
        while let gone @ 1.. = self.store.forget_pictures(pictures_until, ROUND).await? {
            swept.pictures += gone;
        }
        let documents_until = now - DAY * days(documents_days);
        while documents_days > 0
            && let gone @ 1.. = self.store.forget_documents(documents_until, ROUND).await?
        {
            swept.documents += gone;
        }
        swept.objects = self.delete_doomed().await?;
        Ok(swept)
    }

    /// What there is to erase; `None` when nothing has this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn found(&self, what: Erasure) -> anyhow::Result<Option<Found>> {
        Ok(self.store.to_erase(what).await?)
    }

    /// Erases, and says when all of it is gone. What was cut off is ended by doing it again.
    ///
    /// # Errors
    /// When the database or the object store fails, and when a document is being judged all the while.
    pub async fn erase(&self, what: Erasure) -> anyhow::Result<()> {
        match what {
            Erasure::Document(_) => {}
            Erasure::Member(id) => self.store.erase_member(id).await?,
            // Its keys first: nothing new comes then.
            Erasure::Organization(id) => self.store.erase_account(id).await?,
        }
        loop {
            let documents = self.store.documents_to_erase(what, ROUND).await?;
            if documents.is_empty() {
                break;
            }
            let originals = self.erase_documents(&documents).await?;
            self.delete_originals(&originals, Timestamp::now()).await?;
        }
        if let Erasure::Organization(id) = what {
            loop {
                let uploads = self.store.expire_uploads_of(id, ROUND).await?;
                if uploads.is_empty() {
                    break;
                }
                self.delete_marked(&uploads).await?;
            }
            // Whoever pays goes last: what was judged until now is still theirs.
            self.store.erase_payer(id).await?;
        }
        self.delete_doomed().await?;
        Ok(())
    }

    async fn erase_documents(&self, documents: &[DocumentId]) -> anyhow::Result<Vec<String>> {
        let begun = Instant::now();
        loop {
            match self.store.erase_documents(documents).await? {
                Stopped::Yes(originals) => return Ok(originals),
                Stopped::AtWork(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                Stopped::AtWork(document) => anyhow::bail!("the document {document} is being judged; erase again when it has ended"),
            }
        }
    }

    /// Lets go of the original of a document that has ended, if it may go now. A sweep takes what stays.
    pub(crate) async fn let_go(&self, object_key: &str) {
        let gone = match names::is_sent(object_key) {
            // Nobody else was ever told of it: the bytes go at once, and the row with the next sweep.
            true => self.blobs.delete(object_key).await.map_err(anyhow::Error::from),
            false => self.delete_originals(&[object_key.to_owned()], self.ended_before()).await.map(drop),
        };
        if let Err(error) = gone {
            tracing::warn!(error = format!("{error:#}"), "an original stays until it is swept");
        }
    }

    /// Documents that ended before then are told to nobody who repeats their submission.
    fn ended_before(&self) -> Timestamp {
        Timestamp::now() - Duration::from_secs(self.settings.originals_minutes * 60)
    }

    /// Deletes those of these originals that may go; says how many.
    async fn delete_originals(&self, object_keys: &[String], ended_before: Timestamp) -> anyhow::Result<u64> {
        if object_keys.is_empty() {
            return Ok(0);
        }
        let going = self.store.expire_originals(object_keys, ended_before).await?;
        self.delete_marked(&going).await?;
        Ok(going.len() as u64)
    }

    /// Deletes originals that nobody can submit any more.
    async fn delete_marked(&self, object_keys: &[String]) -> anyhow::Result<()> {
        for object_key in object_keys {
            self.blobs.delete(object_key).await?;
            self.store.original_is_gone(object_key, names::is_upload(object_key)).await?;
        }
        Ok(())
    }

    /// Deletes the objects that nothing points to any more.
    async fn delete_doomed(&self) -> anyhow::Result<u64> {
        let mut gone = 0;
        loop {
            let doomed = self.store.doomed_objects(ROUND).await?;
            if doomed.is_empty() {
                return Ok(gone);
            }
            for object_key in &doomed {
                self.blobs.delete(object_key).await?;
            }
            self.store.objects_are_gone(&doomed).await?;
            gone += doomed.len() as u64;
        }
    }
}

fn days(days: u64) -> u32 {
    u32::try_from(days).unwrap_or(u32::MAX)
}
