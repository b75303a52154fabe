//! Batches of the /v1 API (rows V2, V3): each image is a document of its own, all of them written in one transaction. What is wrong with
//! one of them is told in its place and holds up no other.

use std::collections::BTreeMap;

use touchstone_core::{
    batch::Refused,
    ids::DocumentId,
    job::{Lane, NewJob},
    organization::Caller,
    plan::Plan,
    refusal::Refusal,
    submission::Asked,
    time::Timestamp,
};
use touchstone_store::{DocumentRecord, DocumentStatus, NewPart, NewSet, Origin, SetRecord, Work};
use uuid::Uuid;

use crate::{
    detect::{Sent, options, submission},
    fetch_image::FetchImage,
    ingest::stored,
    judge::JudgeDocument,
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

/// One image of a batch, at its place among all that were sent.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its place.
    pub index: usize,
    /// Where its bytes are.
    pub origin: Origin,
    /// What is to be told of it.
    pub asked: Asked,
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetStatus {
    /// Nobody has looked at any of its images.
    Queued,
    /// Some have ended, or are looked at.
    Processing,
    /// All have ended, with all that is told of them, and at least one was judged.
    Completed,
    /// All have ended, and none could be judged.
    Failed,
}

/// What stands at one place of a batch.
#[derive(Debug)]
pub enum Place<'a> {
    /// An image that was accepted.
    Image(&'a DocumentRecord),
    /// One that was refused at the door.
    Refused(&'a Refused),
}

impl Road {
    /// A look before a batch is read, and anything of it stored; the submission decides.
    ///
    /// # Errors
    /// [`Refusal::NotEnoughCredits`], [`Refusal::TestsUsedUp`], [`Refusal::TooManyBatches`].
    pub async fn may_submit_set(&self, caller: &Caller) -> Result<(), Refusal> {
        self.can_pay_anew(caller).await?;
        let most = self.most_under_way(caller);
        if self.store().are_too_many(caller.project, most).await.trouble()? { Err(Refusal::TooManyBatches { most }) } else { Ok(()) }
    }

    /// Batches of a project of the caller's plan that may be under way at once.
    fn most_under_way(&self, caller: &Caller) -> u32 {
        self.plans().map_or(0, |plans| plans.terms(caller.organization.plan).concurrent_batches)
    }

    /// Takes in one image of a batch: its bytes are kept, a URL is only looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn take_in_part(&self, caller: &Caller, sent: Sent) -> Result<Origin, Refusal> {
        match sent {
            Sent::Bytes(bytes) => {
                let format = self.believed(&bytes)?;
                let kept = self.keep_sent(caller.organization.id, Uuid::new_v4(), bytes, format).await?;
                Ok(Origin::Kept { object_key: kept.object_key, object_etag: kept.object_etag })
            }
            Sent::Url(url) => {
                self.foreign(&url)?;
                Ok(Origin::At(url))
            }
        }
    }

    /// Accepts a batch: from here on each of its images is judged or its credit released, whatever crashes.
    ///
    /// # Errors
    /// What the organisation's credits, its plan or the queue refuse; then nothing of it is left.
    pub async fn submit_set(&self, caller: Caller, parts: Vec<Part>, refused: Vec<Refused>, asked: Asked) -> Result<DocumentId, Refusal> {
        let origins: Vec<Origin> = parts.iter().map(|part| part.origin.clone()).collect();
        let submitted = self.write_set(caller, parts, refused, asked).await;
        if submitted.is_err() {
            self.drop_parts(&origins).await;
        }
        submitted
    }

    /// Removes what was kept for a batch that was not submitted. What stays is swept.
    pub async fn drop_parts(&self, origins: &[Origin]) {
        for origin in origins {
            let Origin::Kept { object_key, .. } = origin else { continue };
            if let Err(error) = self.discard(object_key).await {
                tracing::warn!(%error, "an image of a batch that was refused stays until it is swept");
            }
        }
    }

    async fn write_set(&self, caller: Caller, parts: Vec<Part>, refused: Vec<Refused>, asked: Asked) -> Result<DocumentId, Refusal> {
        let most_under_way = self.most_under_way(&caller);
        let parts = parts.into_iter().map(|part| new_part(part, &caller)).collect::<Result<_, _>>().trouble()?;
        let id = DocumentId::random();
        let work = Work::Set(NewSet { parts, refused, most_under_way });
        // A batch is no object itself.
        let new = self.new_document(submission(caller, String::new(), asked), id, String::new(), work);
        match self.accept(new).await {
            // It was here a moment ago: the same image was submitted twice at once, and the other one was refused.
            Err(Refusal::FileMissing) => Err(Refusal::Busy { retry_after: RETRY_AFTER }),
            accepted => accepted,
        }
    }

    /// Whether the caller's plan has batches in the background.
    ///
    /// # Errors
    /// [`Refusal::NoBackgroundBatches`].
    pub fn may_work_in_background(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.organization.plan == Plan::Free { Err(Refusal::NoBackgroundBatches) } else { Ok(()) }
    }

    /// A batch with its images; `None` when the document is none.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn set(&self, document: &DocumentRecord) -> Result<Option<SetRecord>, Refusal> {
        self.store().set(document).await.trouble()
    }

    /// Whether every image of a batch has ended, with all that is told of it.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn has_ended(&self, batch: DocumentId) -> Result<bool, Refusal> {
        Ok(self.store().unfinished_parts(batch).await.trouble()? == 0)
    }
}

fn new_part(part: Part, caller: &Caller) -> Result<NewPart, serde_json::Error> {
    let (id, organization) = (DocumentId::random(), caller.organization.id);
    let part = Part { asked: stored(part.asked, caller), ..part };
    let job = match &part.origin {
        Origin::Kept { .. } => NewJob::now(&JudgeDocument { document: id }, organization, Lane::Batch)?,
        Origin::At(_) => NewJob::now(&FetchImage { document: id }, organization, Lane::Batch)?,
    };
    Ok(NewPart { id, position: part.index, options: options(&part.asked), origin: part.origin, asked: part.asked, job })
}

/// How far a batch has come.
#[must_use]
pub fn status(set: &SetRecord) -> SetStatus {
    let is = |status| move |part: &DocumentRecord| part.status == status;
    if set.parts.iter().all(DocumentRecord::is_told) {
        return if set.parts.iter().any(is(DocumentStatus::Done)) { SetStatus::Completed } else { SetStatus::Failed };
    }
    if set.parts.iter().all(is(DocumentStatus::Pending)) { SetStatus::Queued } else { SetStatus::Processing }
}

/// When its last image ended; `None` while one has not, with all that is told of it.
#[must_use]
pub fn finished_at(set: &SetRecord) -> Option<Timestamp> {
    set.parts.iter().map(|part| part.finished_at.filter(|_| part.is_told())).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Everything that was sent, in its order.
#[must_use]
pub fn places(set: &SetRecord) -> BTreeMap<usize, Place<'_>> {
    let images = set.parts.iter().filter_map(|part| Some((part.batch?.1, Place::Image(part))));
    images.chain(set.refused.iter().map(|refused| (refused.index, Place::Refused(refused)))).collect()
}

#[cfg(test)]
#[path = "sets_tests.rs"]
mod tests;
