//! Objects that nothing points to any more: written down in the transaction that forgets them, so that their bytes go whatever crashes.

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use touchstone_core::time::Timestamp;

use crate::{
    Store, StoreError,
    entities::doomed_object::{ActiveModel, Column, Entity},
};

impl Store {
    /// Objects that were doomed until then, oldest first, to be deleted; then [`Store::objects_are_gone`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn doomed_objects(&self, until: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        let keys = Entity::find().select_only().column(Column::ObjectKey).filter(Column::CreatedAt.lte(until.0));
        Ok(keys.order_by_asc(Column::CreatedAt).limit(limit).into_tuple().all(self.reader()).await?)
    }

    /// Their bytes could not be deleted: they count as doomed then, and hold up nothing that was doomed before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_doomed(&self, object_keys: &[String], until: Timestamp) -> Result<(), StoreError> {
        let write = self.write().await?;
        let later = Entity::update_many().col_expr(Column::CreatedAt, Expr::value(until.0));
        later.filter(Column::ObjectKey.is_in(object_keys)).exec(&*write).await?;
        write.commit().await
    }

    /// Their bytes were deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn objects_are_gone(&self, object_keys: &[String]) -> Result<(), StoreError> {
        let write = self.write().await?;
        Entity::delete_many().filter(Column::ObjectKey.is_in(object_keys)).exec(&*write).await?;
        write.commit().await
    }
}

/// Writes down what is to be deleted.
pub(crate) async fn doom(write: &DatabaseTransaction, object_keys: Vec<String>) -> Result<(), StoreError> {
    let now = Timestamp::now();
    let rows: Vec<ActiveModel> =
        object_keys.into_iter().map(|object_key| ActiveModel { object_key: Set(object_key), created_at: Set(now.0) }).collect();
    if !rows.is_empty() {
        Entity::insert_many(rows).on_conflict_do_nothing().exec_without_returning(write).await?;
    }
    Ok(())
}
