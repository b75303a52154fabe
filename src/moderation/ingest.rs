//! The third step of a client: submit an uploaded file. One transaction in the store takes the upload, reserves the
//! credits, writes the document and its job; nothing is accepted halfway.

use std::time::Duration;

use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    media::{Format, SNIFF_BYTES, UploadKind},
    refusal::Refusal,
    submission::Submission,
};
use touchstone_store::{NewDocument, Submitted, Upload};

use crate::{
    judge::JudgeDocument,
    names,
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

impl Road {
    /// The object key that a client's `url` names (row T3). Nothing is looked up and nothing is fetched.
    ///
    /// # Errors
    /// [`Refusal::EmptyUrl`], [`Refusal::ForeignUrl`], [`Refusal::FileMissing`].
    pub fn object_key(&self, url: &str) -> Result<String, Refusal> {
        names::object_key(url, &self.settings().known_hosts)
    }

    /// Accepts a submission: from here on the image is judged or its credit released, whatever crashes.
    ///
    /// # Errors
    /// What the object, the organisation's credits or the queue refuse.
    pub async fn submit(&self, submission: Submission) -> Result<DocumentId, Refusal> {
        let upload = self.own_upload(&submission).await?;
        let kind = UploadKind::from_file_name(&submission.object_key).ok_or(Refusal::FileMissing)?;
        let UploadKind::Image(expected) = kind else {
            return Err(Refusal::UnsupportedImageType { file_name: upload.object_key });
        };
        let etag = self.inspect(&upload.object_key, expected).await?;
        let id = submission.id.unwrap_or_else(DocumentId::random);
        let document = self.new_document(submission, id, etag).trouble()?;
        match self.store().submit(document, self.settings().jobs.backlog).await.trouble()? {
            Submitted::Created(id) | Submitted::Replayed(id) => Ok(id),
            Submitted::IdTaken => Err(Refusal::IdTaken),
            Submitted::NotEnoughCredits => Err(Refusal::NotEnoughCredits),
            Submitted::Busy => Err(Refusal::Busy { retry_after: RETRY_AFTER }),
            Submitted::NoUpload => Err(Refusal::FileMissing),
        }
    }

    /// The upload, if it is the caller's own. Another organisation's and a missing one give the same answer.
    async fn own_upload(&self, submission: &Submission) -> Result<Upload, Refusal> {
        let upload = self.store().upload(&submission.object_key).await.trouble()?;
        upload.filter(|upload| upload.organization == submission.caller.organization.id).ok_or(Refusal::FileMissing)
    }

    /// Checks size and magic bytes of a stored object and answers its ETag: the version that will be judged. An object of a wrong size is deleted: on S3 nobody else could.
    async fn inspect(&self, object_key: &str, expected: Format) -> Result<String, Refusal> {
        let uploads = &self.settings().uploads;
        let stored = self.blobs().head(object_key).await.trouble()?.ok_or(Refusal::FileMissing)?;
        let wrong_size = if stored.size < uploads.min_bytes {
            Some(Refusal::FileTooSmall { least: uploads.min_bytes })
        } else if stored.size > uploads.max_bytes {
            Some(Refusal::FileTooLarge { most: uploads.max_bytes })
        } else {
            None
        };
        if let Some(refusal) = wrong_size {
            self.blobs().delete(object_key).await.trouble()?;
            return Err(refusal);
        }
        let head = self.blobs().head_bytes(object_key, SNIFF_BYTES as u64).await.trouble()?.ok_or(Refusal::FileMissing)?;
        let found = Format::sniff(&head);
        if !found.is_some_and(|found| expected.agrees_with(found)) {
            return Err(Refusal::InvalidFileType { found: found.map(Format::name), expected: expected.name() });
        }
        Ok(stored.etag)
    }

    fn new_document(&self, submission: Submission, id: DocumentId, object_etag: String) -> Result<NewDocument, serde_json::Error> {
        let jobs = &self.settings().jobs;
        let organization = submission.caller.organization.id;
        Ok(NewDocument {
            id,
            explicit: submission.id.is_some(),
            organization,
            object_key: submission.object_key,
            object_etag,
            options: submission.options,
            test: submission.caller.test,
            email: submission.email,
            user_agent: submission.user_agent,
            cost: jobs.credits_per_image,
            replay_window: Duration::from_secs(jobs.replay_seconds),
            job: NewJob::now(&JudgeDocument { document: id }, organization, Lane::Interactive)?,
        })
    }
}
