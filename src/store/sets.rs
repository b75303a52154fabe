//! Batches of the /v1 API (rows V2, V3): images that were sent in one request, each of them a document with its own credits and its own
//! job. As with archives, a batch has no state of its own: it follows from its images whenever it is read.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use touchstone_core::{
    batch::Refused,
    ids::{DocumentId, OrganizationId, ProjectId},
    job::NewJob,
    submission::{Asked, Options},
    time::Timestamp,
};

use crate::{
    AssetStatus, DocumentKind, DocumentRecord, DocumentStatus, Lease, Settlement, Store, StoreError,
    documents::{self, parse},
    entities::document::{ActiveModel, Column, Entity},
    jobs, progress, submit,
};

/// A batch about to be submitted.
#[derive(Debug, Clone)]
pub struct NewSet {
    /// Its images, in the order in which they were sent; at least one.
    pub parts: Vec<NewPart>,
    /// What was refused at the door.
    pub refused: Vec<Refused>,
    /// Batches of the project that may be under way at once, this one included; 0: any number.
    pub most_under_way: u32,
}

/// One image of it.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// The id it will have.
    pub id: DocumentId,
    /// Its place among all that were sent.
    pub position: usize,
    /// Where its bytes are.
    pub origin: Origin,
    /// What is to be told of it.
    pub asked: Asked,
    /// What shall come out.
    pub options: Options,
    /// The work that it causes: to be judged, or to be fetched.
    pub job: NewJob,
}

/// Where an image's bytes are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// In the object store.
    Kept {
        /// Under this key.
        object_key: String,
        /// Exactly these bytes.
        object_etag: String,
    },
    /// Behind this URL, still to be fetched.
    At(String),
}

/// One batch, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRecord {
    /// The batch.
    pub id: DocumentId,
    /// Its images, in the order in which they were sent.
    pub parts: Vec<DocumentRecord>,
    /// What was refused at the door.
    pub refused: Vec<Refused>,
    /// When it was submitted.
    pub created_at: Timestamp,
}

impl NewSet {
    /// The keys of the objects that its images are.
    pub(crate) fn object_keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match &part.origin {
            Origin::Kept { object_key, .. } => Some(object_key.as_str()),
            Origin::At(_) => None,
        })
    }
}

impl Store {
    /// A batch of the /v1 API with all its images; `None` when the document is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set(&self, document: &DocumentRecord) -> Result<Option<SetRecord>, StoreError> {
        let Some(row) = Entity::find_by_id(document.id.0).one(self.reader()).await? else { return Ok(None) };
        let Some(refused) = row.skipped.as_deref().filter(|_| row.kind == DocumentKind::Batch) else { return Ok(None) };
        let refused = parse(&row, "skipped", refused)?;
        // What was forgotten by itself is not told.
        let parts = Entity::find().filter(Column::BatchId.eq(row.id).and(Column::Forgotten.is_null()));
        let parts = parts.order_by_asc(Column::Position).all(self.reader()).await?;
        let parts = parts.into_iter().map(|part| documents::read(part, document.organization.clone())).collect::<Result<_, _>>()?;
        Ok(Some(SetRecord { id: document.id, parts, refused, created_at: document.created_at }))
    }

    /// Whether one more batch of this project would be more than may be under way; 0: any number may.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn are_too_many(&self, project: Option<ProjectId>, most: u32) -> Result<bool, StoreError> {
        are_too_many(self.reader(), project, most).await
    }

    /// How many images of a batch have not ended, with all that is told of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unfinished_parts(&self, batch: DocumentId) -> Result<u64, StoreError> {
        let unfinished = progress::unjudged().or(Column::HeatmapStatus.eq(AssetStatus::Pending));
        Ok(Entity::find().filter(Column::BatchId.eq(batch.0).and(unfinished)).count(self.reader()).await?)
    }

    /// The image of a document was fetched: it is kept there, and waits to be judged by this job. `false`: the lease was lost and nothing
    /// was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fetched(
        &self,
        lease: &Lease,
        document: DocumentId,
        (object_key, object_etag): (&str, &str),
        judge: &NewJob,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        let row = Entity::find_by_id(document.0).lock_exclusive().one(&*write).await?;
        if let Some(row) = row.filter(|row| row.status == DocumentStatus::Pending) {
            let fetched = ActiveModel {
                id: Set(row.id),
                object_key: Set(object_key.to_owned()),
                object_etag: Set(object_etag.to_owned()),
                // Where it came from is nobody's business any more.
                source_url: Set(None),
                ..Default::default()
            };
            fetched.update(&*write).await?;
            if !submit::take_upload(&write, OrganizationId(row.organization_id), object_key).await? {
                // It came too late, and the sweep has the object: nothing is written, and the job is tried again.
                return Err(StoreError::UploadGone(object_key.to_owned()));
            }
            jobs::insert(&write, judge, Timestamp::now()).await?;
        }
        jobs::remove(&write, lease).await?;
        write.commit().await?;
        self.wake.notify_one();
        Ok(true)
    }
}

/// Whether one more batch of this project would be more than may be under way.
pub(crate) async fn are_too_many(write: &impl ConnectionTrait, project: Option<ProjectId>, most: u32) -> Result<bool, StoreError> {
    let Some(project) = project.filter(|_| most > 0) else { return Ok(false) };
    // Those of archives are not of this API.
    let under_way = Entity::find()
        .filter(Column::ProjectId.eq(project.0).and(Column::BatchId.is_not_null()).and(Column::V1.is_not_null()))
        .filter(progress::unjudged())
        .select_only()
        .column(Column::BatchId)
        .distinct();
    Ok(under_way.count(write).await? >= u64::from(most))
}

/// The row that stands for the batch.
pub(crate) fn whole(document: ActiveModel, refused: &[Refused], now: Timestamp) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        kind: Set(DocumentKind::Batch),
        skipped: Set(Some(serde_json::to_string(refused)?)),
        status: Set(DocumentStatus::Done),
        settlement: Set(Settlement::Settled),
        finished_at: Set(Some(now.0)),
        ..document
    })
}

/// The row of one image in it. Nobody submits it again by itself: its fingerprint is its place.
pub(crate) fn part(document: ActiveModel, batch: DocumentId, part: &NewPart) -> Result<ActiveModel, StoreError> {
    let (object_key, object_etag, source_url) = match &part.origin {
        Origin::Kept { object_key, object_etag } => (object_key.clone(), object_etag.clone(), None),
        Origin::At(url) => (String::new(), String::new(), Some(url.clone())),
    };
    Ok(ActiveModel {
        id: Set(part.id.0),
        fingerprint: Set(format!("{batch}/{}", part.position)),
        batch_id: Set(Some(batch.0)),
        position: Set(Some(i32::try_from(part.position).unwrap_or(i32::MAX))),
        object_key: Set(object_key),
        object_etag: Set(object_etag),
        source_url: Set(source_url),
        v1: Set(Some(serde_json::to_string(&part.asked)?)),
        options: Set(serde_json::to_string(&part.options)?),
        ..document
    })
}
