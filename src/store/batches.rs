//! Batches: one archive of images, each of them a document with its own credits and its own job. The state of a batch is
//! never stored: it follows from its members whenever it is read, so nothing has to be mended after a crash.

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use touchstone_core::{
    batch::{Entry, Skipped},
    ids::DocumentId,
    job::NewJob,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    DocumentKind, DocumentRecord, DocumentStatus, NewSet, Settlement, Store, StoreError,
    documents::{self, parse},
    entities::document::{ActiveModel, Column, Entity, Model},
};

/// What a submission causes.
#[derive(Debug, Clone)]
pub enum Work {
    /// One image: one job.
    Image(NewJob),
    /// An archive: a document and a job for each of its images.
    Batch(NewBatch),
    /// A batch of the /v1 API: the same.
    Set(NewSet),
}

/// The images of an archive about to be submitted.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// In the archive's order; at least one.
    pub members: Vec<NewMember>,
    /// What is not judged.
    pub skipped: Vec<Skipped>,
}

/// One image of an archive about to be submitted.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// The id it will have.
    pub id: DocumentId,
    /// Its name in the archive, safe to show.
    pub file_name: String,
    /// Where it lies in the archive.
    pub entry: Entry,
    /// The work that it causes.
    pub job: NewJob,
}

impl Work {
    /// How many images it judges, which is how many jobs it makes and how often its price is paid.
    #[must_use]
    pub fn images(&self) -> usize {
        match self {
            Self::Image(_) => 1,
            Self::Batch(batch) => batch.members.len(),
            Self::Set(set) => set.parts.len(),
        }
    }

    /// The queue that its jobs wait in: one for all.
    #[must_use]
    pub fn queue(&self) -> &str {
        match self {
            Self::Image(job) => &job.queue,
            Self::Batch(batch) => batch.members.first().map_or("", |member| &member.job.queue),
            Self::Set(set) => set.parts.first().map_or("", |part| &part.job.queue),
        }
    }
}

/// An image's place in its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The batch.
    pub batch: DocumentId,
    /// Its name in the archive, safe to show.
    pub file_name: String,
    /// Where its bytes lie in the archive.
    pub entry: Entry,
}

/// One batch, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// The document that stands for the archive.
    pub id: DocumentId,
    /// Its images, in the archive's order.
    pub members: Vec<DocumentRecord>,
    /// What was not judged.
    pub skipped: Vec<Skipped>,
}

impl BatchRecord {
    /// How far it has come: `pending` until the first image is looked at, `analyzing` until the last has ended, then `done`, or
    /// `failed` when none could be judged (row T12).
    #[must_use]
    pub fn status(&self) -> DocumentStatus {
        let is = |status| move |member: &DocumentRecord| member.status == status;
        if self.members.iter().all(DocumentRecord::is_final) {
            return if self.members.iter().any(is(DocumentStatus::Done)) { DocumentStatus::Done } else { DocumentStatus::Failed };
        }
        if self.members.iter().all(is(DocumentStatus::Pending)) { DocumentStatus::Pending } else { DocumentStatus::Analyzing }
    }
}

impl Store {
    /// A batch with all its images; `None` when the id is none of a batch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn batch(&self, document: &DocumentRecord) -> Result<Option<BatchRecord>, StoreError> {
        let Some(row) = Entity::find_by_id(document.id.0).one(self.reader()).await? else { return Ok(None) };
        let Some(skipped) = row.skipped.as_ref().filter(|_| row.kind == DocumentKind::Zip) else { return Ok(None) };
        let skipped = parse(&row, "skipped", skipped)?;
        // What was forgotten by itself is not told.
        let members = members(self.reader(), row.id).await?.into_iter().filter(|member| member.forgotten.is_none());
        let members = members.map(|row| documents::read(row, document.organization.clone())).collect::<Result<_, _>>()?;
        Ok(Some(BatchRecord { id: document.id, members, skipped }))
    }
}

/// The row that stands for the archive.
pub(crate) fn whole(document: ActiveModel, skipped: &[Skipped], now: Timestamp) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        kind: Set(DocumentKind::Zip),
        skipped: Set(Some(serde_json::to_string(skipped)?)),
        status: Set(DocumentStatus::Done),
        settlement: Set(Settlement::Settled),
        finished_at: Set(Some(now.0)),
        ..document
    })
}

/// The row of one image in it. Nobody submits it again by itself: its fingerprint is its place.
pub(crate) fn part(document: ActiveModel, batch: DocumentId, position: usize, member: &NewMember) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(member.id.0),
        explicit_id: Set(false),
        fingerprint: Set(format!("{batch}/{position}")),
        batch_id: Set(Some(batch.0)),
        position: Set(Some(i32::try_from(position).unwrap_or(i32::MAX))),
        file_name: Set(Some(member.file_name.clone())),
        entry: Set(Some(serde_json::to_string(&member.entry)?)),
        ..document
    })
}

/// A row's place in its archive.
pub(crate) fn member(row: &Model) -> Result<Option<Member>, StoreError> {
    let (Some(batch), Some(file_name), Some(entry)) = (row.batch_id, &row.file_name, &row.entry) else { return Ok(None) };
    Ok(Some(Member { batch: DocumentId(batch), file_name: file_name.clone(), entry: parse(row, "entry", entry)? }))
}

/// Whether no image of a batch could be judged.
pub(crate) async fn has_failed(connection: &impl ConnectionTrait, batch: Uuid) -> Result<bool, StoreError> {
    Ok(members(connection, batch).await?.iter().all(|member| member.status == DocumentStatus::Failed))
}

async fn members(connection: &impl ConnectionTrait, batch: Uuid) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(Column::BatchId.eq(batch)).order_by_asc(Column::Position).all(connection).await?)
}
