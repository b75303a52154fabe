//! Named leases, so that of N nodes one runs a periodic job.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use touchstone_core::time::Timestamp;

use crate::{
    Store, StoreError,
    entities::lease::{ActiveModel, Column, Entity},
};

impl Store {
    /// Takes or keeps a named lease for `span` from now. `false`: somebody else holds it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_lease(&self, name: &str, holder: &str, span: Duration) -> Result<bool, StoreError> {
        let now = Timestamp::now();
        let row = ActiveModel { name: Set(name.to_owned()), holder: Set(holder.to_owned()), until: Set((now + span).0) };
        let mine_or_over = Expr::col((Entity, Column::Holder)).eq(holder).or(Expr::col((Entity, Column::Until)).lte(now.0));
        let take =
            OnConflict::column(Column::Name).update_columns([Column::Holder, Column::Until]).action_and_where(mine_or_over).to_owned();
        let write = self.write().await?;
        let taken = Entity::insert(row).on_conflict(take).exec_without_returning(&*write).await?;
        write.commit().await?;
        Ok(taken > 0)
    }

    /// Until when a named lease was last taken. `None`: it never was, or it was given back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_until(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = Entity::find_by_id(name).one(self.reader()).await?;
        Ok(row.map(|row| Timestamp(row.until)))
    }

    /// Gives a lease back before its time. Nothing happens when somebody else holds it by now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let write = self.write().await?;
        Entity::delete_many().filter(Column::Name.eq(name).and(Column::Holder.eq(holder))).exec(&*write).await?;
        write.commit().await
    }
}
