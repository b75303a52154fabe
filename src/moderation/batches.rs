//! ZIP batches (rows T11, T12): an uploaded archive is looked through where it is stored, and each of its images becomes a document
//! with its own credit and its own job, in one transaction. Nothing is unpacked; each job reads its own range of the archive.

use touchstone_blobs::{BlobError, Stored};
use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    media::UploadKind,
    refusal::{Refusal, human_bytes},
    submission::Submission,
};
use touchstone_store::{BatchRecord, DocumentRecord, NewBatch, NewMember, Work};

use crate::{
    archive::{self, Image, Limits, Plan, Unusable},
    judge::JudgeDocument,
    names::{self, Named},
    ranges::Ranges,
    road::Road,
    trouble::{Trouble, internal},
};

/// A batch that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batched {
    /// The batch.
    pub id: DocumentId,
    /// How many of its images are judged.
    pub expected_count: usize,
}

impl Road {
    /// The key of the archive that a client's `url` names (row T11).
    ///
    /// # Errors
    /// [`Refusal::EmptyUrl`], [`Refusal::NotAZip`], [`Refusal::FileMissing`].
    pub fn archive_key(&self, url: &str) -> Result<String, Refusal> {
        let elsewhere = || Refusal::NotAZip { reason: "The url names no upload of this server.".into() };
        let Named::Upload(object_key) = names::named(url, &self.settings().known_hosts)? else { return Err(elsewhere()) };
        match UploadKind::from_file_name(&object_key) {
            Some(UploadKind::Zip) => Ok(object_key),
            _ => Err(Refusal::NotAZip { reason: "The url's path does not end in .zip.".into() }),
        }
    }

    /// Accepts the images of an archive: from here on each is judged or its credit released, whatever crashes.
    ///
    /// # Errors
    /// What the archive, the organisation's credits or the queue refuse; then nothing of it is judged.
    pub async fn submit_batch(&self, submission: Submission) -> Result<Batched, Refusal> {
        let object_key = self.own_upload(&submission).await?.object_key;
        let stored = self.stored(&object_key, UploadKind::Zip).await.map_err(|refusal| match refusal {
            Refusal::FileTooLarge { most } => {
                Refusal::ZipTooLarge { reason: format!("The archive may have at most {}.", human_bytes(most)) }
            }
            other => other,
        })?;
        let etag = stored.etag.clone();
        let _place = self.archives().take(submission.caller.organization.id)?;
        let Plan { images, skipped } = self.look_through(object_key, stored).await?;
        let members = images.into_iter().map(|image| member(image, &submission)).collect::<Result<_, _>>().trouble()?;
        let id = submission.id.unwrap_or_else(DocumentId::random);
        let id = self.accept(self.new_document(submission, id, etag, Work::Batch(NewBatch { members, skipped }))).await?;
        // Of a retry, what the first one made.
        let made = self.document(id).await?.ok_or(Refusal::FileMissing)?;
        let expected_count = self.batch(&made).await?.map_or(0, |batch| batch.members.len());
        Ok(Batched { id, expected_count })
    }

    /// A batch with its images; `None` when the document is a single image.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn batch(&self, document: &DocumentRecord) -> Result<Option<BatchRecord>, Refusal> {
        self.store().batch(document).await.trouble()
    }

    /// Reads the archive's directory and the beginning of each file that may be an image. It holds a thread while it waits for the
    /// storage, so there are only so many places for it.
    async fn look_through(&self, object_key: String, stored: Stored) -> Result<Plan, Refusal> {
        let (size, limits) = (stored.size, self.limits());
        let reader = Ranges::new(self.blobs().clone(), object_key, stored);
        let looked = tokio::task::spawn_blocking(move || archive::plan(reader, size, &limits)).await.trouble()?;
        looked.map_err(refusal)
    }

    fn limits(&self) -> Limits {
        let (batches, uploads) = (&self.settings().batches, &self.settings().uploads);
        Limits {
            images: batches.max_images,
            entries: batches.max_entries,
            directory_bytes: batches.max_directory_bytes,
            image_bytes: uploads.min_bytes..=uploads.max_bytes,
            ratio: batches.max_ratio,
            inflated_bytes: batches.max_inflated_bytes,
        }
    }
}

fn member(image: Image, submission: &Submission) -> Result<NewMember, serde_json::Error> {
    let id = DocumentId::random();
    let job = NewJob::now(&JudgeDocument { document: id }, submission.caller.organization.id, Lane::Batch)?;
    let job = NewJob { queue: submission.queue.clone(), ..job };
    Ok(NewMember { id, file_name: image.file_name, entry: image.entry, job })
}

/// What the archive's owner is told.
fn refusal(unusable: Unusable) -> Refusal {
    match unusable {
        Unusable::NotAZip(why) => Refusal::NotAZip { reason: format!("The file is no readable ZIP archive ({why}).") },
        Unusable::TooManyEntries(most) => Refusal::TooManyFiles { reason: format!("The archive may list at most {most} entries.") },
        Unusable::TooManyImages(most) => Refusal::TooManyFiles { reason: format!("The archive may hold at most {most} images.") },
        Unusable::DirectoryTooLarge(most) => {
            Refusal::ZipTooLarge { reason: format!("The archive's directory may have at most {}.", human_bytes(most)) }
        }
        Unusable::InflatesTooMuch(most) => {
            Refusal::ZipTooLarge { reason: format!("The archive's images may have at most {} in all.", human_bytes(most)) }
        }
        Unusable::NoImages(skipped) => Refusal::NoValidImages {
            reason: skipped.first().map_or_else(
                || "The archive is empty.".to_owned(),
                |first| {
                    format!("All {} entries were skipped, the first, \"{}\", because: {}.", skipped.len(), first.filename, first.reason)
                },
            ),
        },
        Unusable::Unread(error) if is_changed(&error) => Refusal::FileMissing,
        Unusable::Unread(error) => internal(&error),
    }
}

/// Whether the object was replaced or deleted while it was read.
fn is_changed(error: &std::io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(|error| matches!(error, BlobError::Changed(_)))
}
