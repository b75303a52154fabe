//! Originals: the stored objects that documents are judged by, and when they may go (row V12).
//!
//! The upload's own row is the note of what is to be deleted. It is marked first, in a transaction that sees that no document needs the
//! object, and from then on nobody can submit it; then the bytes go, then the row. Whoever dies in between leaves a mark, and the next
//! sweep goes on from there.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, Query},
};
use touchstone_core::{ids::OrganizationId, organization::Retention, time::Timestamp};

use crate::{
    AnalysisStatus, Store, StoreError, UploadState,
    entities::{
        document, organization,
        upload::{Column, Entity},
    },
    progress,
    uploads::expiring,
};

/// A mark of this age is of somebody who died: deleting one object takes seconds.
const ABANDONED: Duration = Duration::from_secs(600);

impl Store {
    /// Originals that may go, for [`Store::expire_originals`]: every document that they are of has ended, before `ended_before` where its
    /// submission may be repeated. Those whose deletion somebody began and did not end are among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_originals(&self, ended_before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        let abandoned = Timestamp::now() - ABANDONED;
        let abandoned = Column::State.eq(UploadState::Expiring).and(Column::ExpiringSince.lt(abandoned.0));
        let wanted = Condition::any().add(due(ended_before)).add(abandoned);
        Ok(keys(wanted).order_by_asc(Column::ExpiresAt).limit(limit).into_tuple().all(self.reader()).await?)
    }

    /// Marks those of these originals that may go (still): nobody can submit them from now on. Answers which: delete their bytes, then
    /// [`Store::originals_are_gone`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_originals(&self, object_keys: &[String], ended_before: Timestamp) -> Result<Vec<String>, StoreError> {
        let these = || Condition::all().add(Column::ObjectKey.is_in(object_keys));
        let write = self.write().await?;
        // Whoever submits one of them at this moment is waited for, and seen by the look that follows.
        Entity::find().filter(these()).order_by_asc(Column::ObjectKey).lock_exclusive().all(&*write).await?;
        let may_go = Condition::any().add(due(ended_before)).add(Column::State.eq(UploadState::Expiring));
        let going: Vec<String> = keys(these().add(may_go)).into_tuple().all(&*write).await?;
        expiring().filter(Column::ObjectKey.is_in(&going)).exec(&*write).await?;
        write.commit().await?;
        Ok(going)
    }

    /// Marks every upload of an organisation, whatever it is needed for: nobody can submit one from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_uploads_of(&self, organization: OrganizationId, limit: u64) -> Result<Vec<String>, StoreError> {
        let theirs = Column::OrganizationId.eq(organization.0).and(Column::State.ne(UploadState::Removed));
        let write = self.write().await?;
        let going: Vec<String> = keys(Condition::all().add(theirs)).limit(limit).into_tuple().all(&*write).await?;
        expiring().filter(Column::ObjectKey.is_in(&going)).exec(&*write).await?;
        write.commit().await?;
        Ok(going)
    }

    /// The version of an object that was submitted last; `None` when none was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn submitted_version(&self, object_key: &str) -> Result<Option<String>, StoreError> {
        let last = document::Entity::find().filter(document::Column::ObjectKey.eq(object_key));
        let last = last.order_by_desc(document::Column::CreatedAt).one(self.reader()).await?;
        Ok(last.map(|document| document.object_etag))
    }

    /// The bytes of marked originals were deleted. Their rows go as well, but for those that a client has a URL to write to (`by_url`).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn originals_are_gone(&self, object_keys: &[String], by_url: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let these = |keys: Vec<&String>| Column::ObjectKey.is_in(keys).and(Column::State.eq(UploadState::Expiring));
        let (stay, go): (Vec<_>, Vec<_>) = object_keys.iter().partition(|key| by_url(key));
        let write = self.write().await?;
        let removed = Entity::update_many().col_expr(Column::State, Expr::value(UploadState::Removed));
        removed.filter(these(stay)).exec(&*write).await?;
        Entity::delete_many().filter(these(go)).exec(&*write).await?;
        write.commit().await
    }
}

fn keys(which: Condition) -> sea_orm::Select<Entity> {
    Entity::find().select_only().column(Column::ObjectKey).filter(which)
}

/// No document needs it any more. Where nothing is kept but the verdict, no repeated submission does either.
fn due(ended_before: Timestamp) -> Condition {
    let zero = organization::Entity::find().select_only().column(organization::Column::Id);
    let zero = zero.filter(organization::Column::Retention.eq(Retention::Zero.name())).into_query();
    let of_zero = Condition::all().add(Column::OrganizationId.in_subquery(zero)).add(needed(Timestamp::now()).not());
    Condition::all().add(Column::State.eq(UploadState::Taken)).add(Condition::any().add(needed(ended_before).not()).add(of_zero))
}

/// Whether a document needs the object. THE place where whatever else holds an original joins: a review, an appeal, evidence.
fn needed(ended_before: Timestamp) -> Expr {
    use document::Column as Of;
    let unended = progress::under_way()
        .add(Of::AnalysisStatus.eq(AnalysisStatus::Analyzing).and(Of::AnalysisUntil.gt(Timestamp::now().0)))
        // Row T17; nobody repeats a submission of the /v1 API.
        .add(Of::V1.is_null().and(Of::FinishedAt.gte(ended_before.0)));
    let of_it = Expr::col((document::Entity, Of::ObjectKey)).equals((Entity, Column::ObjectKey));
    Expr::exists(Query::select().expr(Expr::val(1)).from(document::Entity).and_where(of_it).cond_where(unended).take())
}
