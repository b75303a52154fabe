//! Uploads: the stored objects that somebody may submit, from the presigned URL to the submission that takes them.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DeriveActiveEnum, EntityTrait, EnumIter, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, UpdateMany, sea_query::Expr,
};
use touchstone_core::{ids::OrganizationId, time::Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError, credits,
    entities::upload::{ActiveModel, Column, Entity, Model},
};

/// The states of what somebody may still submit.
const UNSUBMITTED: [UploadState; 2] = [UploadState::Issued, UploadState::Stored];

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum UploadState {
    /// A URL was given out. On S3 the bytes may lie there already: the client does not tell us.
    Issued,
    /// The bytes are stored.
    Stored,
    /// A document was made of it; it may not be written again, but submitted again.
    Taken,
    /// Not needed any more and about to be deleted; too late to submit it.
    Expiring,
    /// Its bytes were deleted. Whoever submits it again within minutes is told the first document (row T17), and the row stays as long as
    /// its URL may be used, so that what is written there late is found.
    Removed,
}

/// An upload about to be permitted.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// `uploads/<uuid>_<date>_<name>`, or `fetched/<organisation>/<sha256>.<extension>`.
    pub object_key: String,
    /// Who may submit it.
    pub organization: OrganizationId,
    /// The id told with the URL: for correlation only, never a document's.
    pub correlation: Uuid,
    /// The content type that the bytes must carry.
    pub content_type: String,
    /// When the URL ends.
    pub expires_at: Timestamp,
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// `uploads/<uuid>_<date>_<name>`, or `fetched/<organisation>/<sha256>.<extension>`.
    pub object_key: String,
    /// Who may submit it.
    pub organization: OrganizationId,
    /// The id told with the URL.
    pub correlation: Uuid,
    /// The content type that the bytes must carry.
    pub content_type: String,
    /// When the URL was given out.
    pub created_at: Timestamp,
    /// When the URL ends.
    pub expires_at: Timestamp,
    /// How far it has come.
    pub state: UploadState,
    /// Bytes, once stored.
    pub size: Option<u64>,
    /// The storage's name for exactly these bytes, once stored.
    pub etag: Option<String>,
}

/// What [`Store::issue_upload`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Issued {
    /// The upload may come.
    Yes,
    /// The organisation has as many unsubmitted uploads as it may.
    QuotaReached,
}

impl Store {
    /// Permits one upload, unless the organisation has `quota` unsubmitted ones.
    ///
    /// # Errors
    /// [`StoreError::Busy`], or when the database fails.
    pub async fn issue_upload(&self, new: NewUpload, quota: u64) -> Result<Issued, StoreError> {
        let write = self.write_at_door().await?;
        // Two uploads of one organisation at once must not both see the last free place.
        credits::locked(&write, new.organization).await?;
        let waiting = Entity::find()
            .filter(Column::OrganizationId.eq(new.organization.0))
            .filter(Column::State.is_in(UNSUBMITTED))
            .count(&*write)
            .await?;
        if waiting >= quota {
            return Ok(Issued::QuotaReached);
        }
        Entity::insert(row(new)).exec_without_returning(&*write).await?;
        write.commit().await?;
        Ok(Issued::Yes)
    }

    /// Permits an upload that the server itself is about to store under a key that says what is in it: the same key comes back when
    /// the same image does, and is then permitted anew. Says `false` while the one before is being deleted.
    ///
    /// # Errors
    /// [`StoreError::Busy`], or when the database fails.
    pub async fn issue_again(&self, new: NewUpload) -> Result<bool, StoreError> {
        let write = self.write_at_door().await?;
        // Two of one organisation at once must not both find nothing there.
        credits::locked(&write, new.organization).await?;
        let known = Entity::find_by_id(new.object_key.as_str()).lock_exclusive().one(&*write).await?;
        match known.map(|row| row.state) {
            Some(UploadState::Expiring | UploadState::Removed) => return Ok(false),
            Some(_) => {
                let later = Entity::update_many().col_expr(Column::ExpiresAt, Expr::value(new.expires_at.0));
                later.filter(Column::ObjectKey.eq(new.object_key)).exec(&*write).await?;
            }
            None => Entity::insert(row(new)).exec_without_returning(&*write).await.map(drop)?,
        }
        write.commit().await?;
        Ok(true)
    }

    /// Nobody may submit this upload any more. Says `false` when somebody has, or there is none. Delete the object, then
    /// [`Store::forget_upload`]; after a crash in between the sweep finds it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_upload(&self, object_key: &str) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let expired = expiring().filter(Column::ObjectKey.eq(object_key).and(Column::State.ne(UploadState::Taken))).exec(&*write).await?;
        write.commit().await?;
        Ok(expired.rows_affected > 0)
    }

    /// One upload, whoever's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upload(&self, object_key: &str) -> Result<Option<Upload>, StoreError> {
        Ok(Entity::find_by_id(object_key).one(self.reader()).await?.map(read))
    }

    /// The bytes have come. Says `false` when they may not (any more): no such upload, submitted, or expiring.
    ///
    /// # Errors
    /// [`StoreError::Busy`], or when the database fails.
    pub async fn mark_stored(&self, object_key: &str, size: u64, etag: &str) -> Result<bool, StoreError> {
        let write = self.write_at_door().await?;
        let stored = Entity::update_many()
            .col_expr(Column::State, Expr::value(UploadState::Stored))
            .col_expr(Column::Size, Expr::value(i64::try_from(size).unwrap_or(i64::MAX)))
            .col_expr(Column::Etag, Expr::value(etag))
            .filter(Column::ObjectKey.eq(object_key).and(Column::State.is_in(UNSUBMITTED)))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(stored.rows_affected > 0)
    }

    /// Uploads whose URL ended before `before` and that nobody submitted: marked so that nobody can from now on, oldest first.
    /// Delete the object, then [`Store::forget_upload`]; after a crash in between they are listed again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expired_uploads(&self, before: Timestamp, limit: u64) -> Result<Vec<Upload>, StoreError> {
        let write = self.write().await?;
        let over = Entity::find()
            .filter(Column::State.ne(UploadState::Taken).and(Column::ExpiresAt.lt(before.0)))
            .order_by_asc(Column::ExpiresAt)
            .limit(limit)
            .lock_exclusive()
            .all(&*write)
            .await?;
        expiring().filter(Column::ObjectKey.is_in(over.iter().map(|row| row.object_key.clone()))).exec(&*write).await?;
        write.commit().await?;
        Ok(over.into_iter().map(|row| Upload { state: UploadState::Expiring, ..read(row) }).collect())
    }

    /// Removes the record of an upload that is no document's. Says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_upload(&self, object_key: &str) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let removed =
            Entity::delete_many().filter(Column::ObjectKey.eq(object_key).and(Column::State.ne(UploadState::Taken))).exec(&*write).await?;
        write.commit().await?;
        Ok(removed.rows_affected > 0)
    }
}

/// Nobody may submit it from now on.
pub(crate) fn expiring() -> UpdateMany<Entity> {
    let marked = Entity::update_many().col_expr(Column::State, Expr::value(UploadState::Expiring));
    marked.col_expr(Column::ExpiringSince, Expr::value(Timestamp::now().0))
}

fn row(new: NewUpload) -> ActiveModel {
    ActiveModel {
        object_key: Set(new.object_key),
        organization_id: Set(new.organization.0),
        document_id: Set(new.correlation),
        content_type: Set(new.content_type),
        created_at: Set(Timestamp::now().0),
        expires_at: Set(new.expires_at.0),
        state: Set(UploadState::Issued),
        size: Set(None),
        etag: Set(None),
        expiring_since: Set(None),
    }
}

fn read(row: Model) -> Upload {
    Upload {
        object_key: row.object_key,
        organization: OrganizationId(row.organization_id),
        correlation: row.document_id,
        content_type: row.content_type,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
        state: row.state,
        size: row.size.and_then(|size| u64::try_from(size).ok()),
        etag: row.etag,
    }
}
