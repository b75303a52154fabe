//! What is kept, and for how long (row V12): originals go soon after their verdicts, pictures later, documents when the operator says so,
//! and whatever somebody wants erased at once.
//!
//! Every object that is to go is written down in the transaction that forgets it, and its bytes are deleted after that: nothing is said to
//! be there that is gone, and whoever dies in between leaves it to the next sweep.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde::Serialize;
use touchstone_blobs::Blobs;
use touchstone_core::{
    ids::{DocumentId, OrganizationId},
    time::Timestamp,
};
use touchstone_store::{Erasure, Found, Stopped, Store};

use crate::{names, settings::Retention};

/// How many one round of a sweep, or one transaction of an erasure, looks at.
const ROUND: u64 = 500;

/// Objects that are deleted at once.
const AT_ONCE: usize = 16;

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

    /// Lets go of everything whose time is over. What cannot be deleted holds up nothing else.
    ///
    /// # Errors
    /// When the database or the object store fails; the next sweep goes on where this one stopped.
    pub async fn sweep(&self) -> anyhow::Result<Swept> {
        let (mut swept, now) = (Swept::default(), Timestamp::now());
        let Retention { pictures_days, documents_days, .. } = self.settings;
        let originals = self.sweep_originals(&mut swept.originals).await;
        let pictures = self.forget_pictures(now - DAY * days(pictures_days), &mut swept.pictures).await;
        let documents = match documents_days {
            0 => Ok(()),
            some => self.forget_documents(now - DAY * days(some), &mut swept.documents).await,
        };
        let objects = self.delete_doomed(&mut swept.objects).await;
        originals.and(pictures).and(documents).and(objects).map(|()| swept)
    }

    async fn sweep_originals(&self, gone: &mut u64) -> anyhow::Result<()> {
        let mut first = Ok(());
        loop {
            let due = self.store.due_originals(self.ended_before(), ROUND).await?;
            let going = self.store.expire_originals(&due, self.ended_before()).await?;
            if going.is_empty() {
                return first;
            }
            *gone += going.len() as u64;
            first = first.and(self.delete_marked(&going).await);
        }
    }

    async fn forget_pictures(&self, until: Timestamp, forgotten: &mut u64) -> anyhow::Result<()> {
        while let gone @ 1.. = self.store.forget_pictures(until, ROUND).await? {
            *forgotten += gone;
        }
        Ok(())
    }

    async fn forget_documents(&self, until: Timestamp, forgotten: &mut u64) -> anyhow::Result<()> {
        while let gone @ 1.. = self.store.forget_documents(until, ROUND).await? {
            *forgotten += gone;
        }
        Ok(())
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
        let mut first = Ok(());
        loop {
            let documents = self.store.documents_to_erase(what, ROUND).await?;
            if documents.is_empty() {
                break;
            }
            let originals = self.erase_documents(&documents).await?;
            first = first.and(self.delete_originals(&originals, Timestamp::now()).await);
        }
        if let Erasure::Organization(id) = what {
            first = first.and(self.erase_uploads(id).await);
            self.store.delete_webhooks_of(id).await?;
            while self.store.forget_webhooks(Some(id)).await? {}
            // Whoever pays goes last: what was judged until now is still theirs.
            self.store.erase_payer(id).await?;
        }
        let left = self.store.originals_left(what).await?;
        first.and(self.delete_originals(&left, Timestamp::now()).await).and(self.delete_doomed(&mut 0).await)
    }

    async fn erase_uploads(&self, id: OrganizationId) -> anyhow::Result<()> {
        let mut first = Ok(());
        while first.is_ok() {
            let uploads = self.store.expire_uploads_of(id, ROUND).await?;
            if uploads.is_empty() {
                break;
            }
            first = self.delete_marked(&uploads).await;
        }
        first
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
            false => self.delete_originals(&[object_key.to_owned()], self.ended_before()).await,
        };
        if let Err(error) = gone {
            tracing::warn!(error = format!("{error:#}"), "an original stays until it is swept");
        }
    }

    /// Documents that ended before then are told to nobody who repeats their submission.
    fn ended_before(&self) -> Timestamp {
        Timestamp::now() - Duration::from_secs(self.settings.originals_minutes * 60)
    }

    /// Deletes those of these originals that may go.
    async fn delete_originals(&self, object_keys: &[String], ended_before: Timestamp) -> anyhow::Result<()> {
        let mut first = Ok(());
        for some in object_keys.chunks(ROUND as usize) {
            let going = self.store.expire_originals(some, ended_before).await?;
            first = first.and(self.delete_marked(&going).await);
        }
        first
    }

    /// Deletes originals that nobody can submit any more.
    async fn delete_marked(&self, object_keys: &[String]) -> anyhow::Result<()> {
        let Deleted { gone, first_error, .. } = self.delete(object_keys).await;
        if !gone.is_empty() {
            self.store.originals_are_gone(&gone, names::is_upload).await?;
        }
        first_error
    }

    /// Deletes the objects that nothing points to any more, as far as they were doomed by now.
    async fn delete_doomed(&self, deleted: &mut u64) -> anyhow::Result<()> {
        let (until, mut first) = (Timestamp::now(), Ok(()));
        loop {
            let doomed = self.store.doomed_objects(until, ROUND).await?;
            if doomed.is_empty() {
                return first;
            }
            let Deleted { gone, stay, first_error } = self.delete(&doomed).await;
            self.store.objects_are_gone(&gone).await?;
            self.store.put_off_doomed(&stay, until + Duration::from_millis(1)).await?;
            *deleted += gone.len() as u64;
            first = first.and(first_error);
        }
    }

    /// Deletes objects, some at a time. One that cannot be deleted keeps no other.
    async fn delete(&self, object_keys: &[String]) -> Deleted {
        let deleting = stream::iter(object_keys.to_vec()).map(|key| {
            let blobs = self.blobs.clone();
            async move {
                let deleted = blobs.delete(&key).await;
                (key, deleted)
            }
        });
        let mut deleting = deleting.buffer_unordered(AT_ONCE);
        let mut deleted = Deleted { gone: Vec::new(), stay: Vec::new(), first_error: Ok(()) };
        while let Some((key, result)) = deleting.next().await {
            match result {
                Ok(()) => deleted.gone.push(key),
                Err(error) => {
                    deleted.stay.push(key);
                    deleted.first_error =
                        deleted.first_error.and(Err(anyhow::Error::from(error).context("an object could not be deleted")));
                }
            }
        }
        deleted
    }
}

/// What came of deleting objects.
struct Deleted {
    gone: Vec<String>,
    stay: Vec<String>,
    first_error: anyhow::Result<()>,
}

fn days(days: u64) -> u32 {
    u32::try_from(days).unwrap_or(u32::MAX)
}
