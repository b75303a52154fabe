//! What documents forget when their time is over (row V12): their pictures first, later everything but ids, amounts and times.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use touchstone_core::{
    ids::DocumentId,
    submission::{Options, Profile},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    AnalysisStatus, Asset, AssetStatus, Forgotten, Store, StoreError,
    doomed::doom,
    entities::document::{ActiveModel, Column, Entity, Model},
    forget_webhooks::forget_words,
    progress::{Columns, columns, picture},
};

impl Store {
    /// Forgets the pictures of documents that ended before then, oldest first; says of how many documents. Their objects are doomed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_pictures(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let due = Condition::all().add(has_pictures()).add(Column::FinishedAt.lt(ended_before.0));
        let write = self.write().await?;
        let rows = Entity::find().filter(due).order_by_asc(Column::FinishedAt).limit(limit).lock_exclusive().all(&*write).await?;
        if !rows.is_empty() {
            drop_pictures(&write, &rows).await?;
        }
        write.commit().await?;
        Ok(rows.len() as u64)
    }

    /// Forgets documents that ended before then, oldest first, but for ids, amounts and times; says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_documents(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let due = Column::Forgotten.is_null().and(Column::FinishedAt.lt(ended_before.0));
        let write = self.write().await?;
        let rows = Entity::find().filter(due).order_by_asc(Column::FinishedAt).limit(limit).lock_exclusive().all(&*write).await?;
        scrub(&write, &rows, Forgotten::Expired).await?;
        write.commit().await?;
        Ok(rows.len() as u64)
    }
}

/// As the index has it.
fn has_pictures() -> Condition {
    Condition::any().add(Column::HeatmapKey.is_not_null()).add(Column::PreviewKey.is_not_null())
}

/// Forgets the pictures of documents that are held, and dooms their objects.
async fn drop_pictures(write: &DatabaseTransaction, rows: &[Model]) -> Result<(), StoreError> {
    let keys = rows.iter().flat_map(|row| Asset::ALL.map(|which| picture(row, which).1)).flatten().cloned().collect();
    doom(write, keys).await?;
    for Columns { status, key, content_type } in Asset::ALL.map(columns) {
        Entity::update_many()
            .col_expr(status, Expr::value(AssetStatus::Removed))
            .col_expr(key, Expr::value(None::<String>))
            .col_expr(content_type, Expr::value(None::<String>))
            .filter(Column::Id.is_in(ids(rows)).and(key.is_not_null()))
            .exec(write)
            .await?;
    }
    Ok(())
}

/// Forgets documents that are held and what webhooks said of them, and dooms their pictures. Their originals are their uploads' matter: no document needs them now.
pub(crate) async fn scrub(write: &DatabaseTransaction, rows: &[Model], why: Forgotten) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    drop_pictures(write, rows).await?;
    forget_words(write, rows).await?;
    Entity::update_many().set(nothing(why)?).filter(Column::Id.is_in(ids(rows))).exec(write).await?;
    Ok(())
}

fn ids(rows: &[Model]) -> impl Iterator<Item = Uuid> {
    rows.iter().map(|row| row.id)
}

/// Every column that says more than ids, amounts, times and how far it came.
fn nothing(why: Forgotten) -> Result<ActiveModel, StoreError> {
    let options = Options { preview: false, heatmap: None, analysis: false, profile: Profile::Generic };
    Ok(ActiveModel {
        object_key: Set(String::new()),
        object_etag: Set(String::new()),
        options: Set(serde_json::to_string(&options)?),
        // No submission is a retry of it.
        fingerprint: Set(String::new()),
        email: Set(None),
        user_agent: Set(None),
        verdict: Set(None),
        error_message: Set(None),
        analysis_status: Set(AnalysisStatus::None),
        analysis: Set(None),
        analysis_until: Set(None),
        file_name: Set(None),
        entry: Set(None),
        skipped: Set(None),
        v1: Set(None),
        source_url: Set(None),
        failure_code: Set(None),
        regions: Set(None),
        forensics: Set(None),
        cached: Set(false),
        content_key: Set(None),
        forgotten: Set(Some(why)),
        ..Default::default()
    })
}

/// Documents that are held until the transaction ends.
pub(crate) async fn held(write: &DatabaseTransaction, documents: &[DocumentId]) -> Result<Vec<Model>, StoreError> {
    let these = Entity::find().filter(Column::Id.is_in(documents.iter().map(|id| id.0)));
    Ok(these.order_by_asc(Column::Id).lock_exclusive().all(write).await?)
}
