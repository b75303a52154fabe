//! The third step of a client: submit an uploaded file. One transaction in the store takes the upload, reserves the
//! credits, writes the document and its job; nothing is accepted halfway.

use std::time::Duration;

use touchstone_blobs::Stored;
use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    media::{Format, SNIFF_BYTES, UploadKind},
    organization::Caller,
    refusal::Refusal,
    submission::{Asked, Route, Submission},
};
use touchstone_store::{NewDocument, Submitted, Upload, UploadState, Work};

use crate::{
    judge::JudgeDocument,
    names,
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

impl Road {
    /// Where a submission's `model` leads (row T4); left out, it is `generic`.
    ///
    /// # Errors
    /// [`Refusal::UnknownInstance`], [`Refusal::UnknownModel`].
    pub fn route(&self, model: Option<&str>) -> Result<Route, Refusal> {
        model.map_or_else(|| Ok(Route::default()), |model| Route::parse(model, &self.settings().jobs.instances))
    }

    /// Accepts a submission: from here on the image is judged or its credit released, whatever crashes. Of a fetched image
    /// whose submission is refused nothing is left.
    ///
    /// # Errors
    /// What the object, the organisation's credits or the queue refuse.
    pub async fn submit(&self, submission: Submission) -> Result<DocumentId, Refusal> {
        let fetched = names::is_fetched(&submission.object_key).then(|| submission.object_key.clone());
        let zero = submission.caller.organization.keeps_nothing();
        let submitted = self.submit_upload(submission).await;
        if let (Ok(_), Some(object_key), true) = (&submitted, &fetched, zero) {
            // The first submission's object is gone already: of a retry nothing is kept either.
            self.discard(object_key).await?;
        }
        let (Err(refusal), Some(object_key)) = (&submitted, fetched) else { return submitted };
        // The refusal stands whether or not the object goes now: the sweep takes what stays.
        if let Err(error) = self.discard(&object_key).await {
            tracing::warn!(%error, "a fetched image whose submission was refused stays until it is swept");
        }
        // It was here a moment ago: the same image was submitted twice at once, and the other one was refused.
        if *refusal == Refusal::FileMissing { Err(Refusal::Busy { retry_after: RETRY_AFTER }) } else { submitted }
    }

    async fn submit_upload(&self, submission: Submission) -> Result<DocumentId, Refusal> {
        let upload = self.own_upload(&submission).await?;
        let kind = UploadKind::from_file_name(&submission.object_key).ok_or(Refusal::FileMissing)?;
        let UploadKind::Image(expected) = kind else {
            return Err(Refusal::UnsupportedImageType { file_name: upload.object_key });
        };
        let etag = match upload.state {
            // Of a retry the object is not needed (row T17); of anything else it is missing, and the submission says so.
            UploadState::Expiring | UploadState::Removed => {
                self.store().submitted_version(&upload.object_key).await.trouble()?.ok_or(Refusal::FileMissing)?
            }
            _ => self.inspect(&upload.object_key, expected).await?,
        };
        let id = submission.id.unwrap_or_else(DocumentId::random);
        let job = NewJob::now(&JudgeDocument { document: id }, submission.caller.organization.id, Lane::Interactive).trouble()?;
        let job = NewJob { queue: submission.queue.clone(), ..job };
        self.accept(self.new_document(submission, id, etag, Work::Image(job))).await
    }

    /// The upload, if it is the caller's own. Another organisation's and a missing one give the same answer.
    pub(crate) async fn own_upload(&self, submission: &Submission) -> Result<Upload, Refusal> {
        let upload = self.store().upload(&submission.object_key).await.trouble()?;
        upload.filter(|upload| upload.organization == submission.caller.organization.id).ok_or(Refusal::FileMissing)
    }

    /// Size and version of a stored object of an allowed size. One of a wrong size is deleted: on S3 nobody else could.
    pub(crate) async fn stored(&self, object_key: &str, kind: UploadKind) -> Result<Stored, Refusal> {
        let (least, most) = (self.settings().uploads.min_bytes, self.settings().uploads.most(kind));
        let stored = self.blobs().head(object_key).await.trouble()?.ok_or(Refusal::FileMissing)?;
        let refusal = match stored.size {
            size if size < least => Refusal::FileTooSmall { least },
            size if size > most => Refusal::FileTooLarge { most },
            _ => return Ok(stored),
        };
        self.blobs().delete(object_key).await.trouble()?;
        Err(refusal)
    }

    /// Checks size and magic bytes of a stored object and answers its ETag: the version that will be judged.
    async fn inspect(&self, object_key: &str, expected: Format) -> Result<String, Refusal> {
        let stored = self.stored(object_key, UploadKind::Image(expected)).await?;
        let head = self.blobs().head_bytes(object_key, SNIFF_BYTES as u64).await.trouble()?.ok_or(Refusal::FileMissing)?;
        let found = Format::sniff(&head);
        if !found.is_some_and(|found| expected.agrees_with(found)) {
            return Err(Refusal::InvalidFileType { found: found.map(Format::name), expected: expected.name() });
        }
        Ok(stored.etag)
    }

    /// A submission as the store takes it.
    pub(crate) fn new_document(&self, submission: Submission, id: DocumentId, object_etag: String, work: Work) -> NewDocument {
        let jobs = &self.settings().jobs;
        let asked = submission.asked.map(|asked| stored(asked, &submission.caller));
        let Caller { organization, project, test, .. } = submission.caller;
        let keeps = !organization.keeps_nothing();
        NewDocument {
            id,
            explicit: submission.id.is_some(),
            organization: organization.id,
            project,
            object_key: submission.object_key,
            object_etag,
            options: submission.options,
            asked,
            question: None,
            test,
            tests_a_day: self.settings().accounts.test_documents_per_day,
            email: submission.email.filter(|_| keeps),
            user_agent: submission.user_agent.filter(|_| keeps),
            cost: jobs.credits_per_image,
            replay_window: Duration::from_secs(jobs.replay_seconds),
            work,
        }
    }

    /// Hands a submission to the store; answers the id that stands for it from now on.
    pub(crate) async fn accept(&self, document: NewDocument) -> Result<DocumentId, Refusal> {
        match self.store().submit(document, self.settings().jobs.backlog).await.trouble()? {
            Submitted::Created(id) | Submitted::Replayed(id) => Ok(id),
            Submitted::IdTaken => Err(Refusal::IdTaken),
            Submitted::NotEnoughCredits => Err(Refusal::NotEnoughCredits),
            Submitted::TestsUsedUp => Err(Refusal::TestsUsedUp { most: self.settings().accounts.test_documents_per_day }),
            Submitted::TooManyBatches(most) => Err(Refusal::TooManyBatches { most }),
            Submitted::Busy => Err(Refusal::Busy { retry_after: RETRY_AFTER }),
            Submitted::NoUpload => Err(Refusal::FileMissing),
        }
    }
}

/// What is written down of what was asked for: where nothing is kept but the verdict, the client's own words are only handed back.
pub(crate) fn stored(asked: Asked, caller: &Caller) -> Asked {
    if caller.organization.keeps_nothing() { Asked { metadata: None, ..asked } } else { asked }
}
