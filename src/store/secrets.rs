//! Keys that sign URLs and seal secrets: made once by whichever node comes first, shared by all, rotated without a break.

use std::time::Duration;

use rand::{TryRngCore, rngs::OsRng};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use secrecy::SecretSlice;
use touchstone_core::time::Timestamp;

use crate::{
    Store, StoreError,
    entities::secret::{ActiveModel, Column, Entity, Model},
};

/// The purpose under which the keys of signed links are kept.
pub const LINK_KEYS: &str = "links";

/// The purpose under which the keys of receipts are kept.
pub const RECEIPT_KEYS: &str = "receipts";

/// How long links that an older key signed keep working after a rotation: as long as the longest upload URL lives.
pub const OLD_KEYS_LIVE: Duration = Duration::from_secs(24 * 3600);

/// One shared key of 32 random bytes.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Counts up within its purpose; names the key where a signature has to.
    pub ordinal: i32,
    /// The bytes.
    pub value: SecretSlice<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it still verifies, if a newer one signs.
    pub retires_at: Option<Timestamp>,
}

impl Store {
    /// The keys of a purpose that still verify, newest first; the first one signs. Never empty: the first call makes one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&self, purpose: &str) -> Result<Vec<Secret>, StoreError> {
        let known = living(self.reader(), purpose).await?;
        if !known.is_empty() {
            return Ok(known);
        }
        let write = self.write().await?;
        insert(&write, purpose, 1).await?;
        let made = living(&*write, purpose).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Makes a new key that signs from now on. The older ones verify for `keep_old_for`, or for good. Answers as [`Store::secrets`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_secret(&self, purpose: &str, keep_old_for: Option<Duration>) -> Result<Vec<Secret>, StoreError> {
        let newest = self.secrets(purpose).await?.first().map_or(0, |secret| secret.ordinal);
        let write = self.write().await?;
        insert(&write, purpose, newest + 1).await?;
        if let Some(keep_old_for) = keep_old_for {
            Entity::update_many()
                .col_expr(Column::RetiresAt, Expr::value((Timestamp::now() + keep_old_for).0))
                .filter(Column::Purpose.eq(purpose).and(Column::Ordinal.lte(newest)).and(Column::RetiresAt.is_null()))
                .exec(&*write)
                .await?;
        }
        let rotated = living(&*write, purpose).await?;
        write.commit().await?;
        Ok(rotated)
    }
}

async fn living<C: ConnectionTrait>(connection: &C, purpose: &str) -> Result<Vec<Secret>, StoreError> {
    let alive = Condition::any().add(Column::RetiresAt.is_null()).add(Column::RetiresAt.gt(Timestamp::now().0));
    let rows = Entity::find().filter(Column::Purpose.eq(purpose)).filter(alive).order_by_desc(Column::Ordinal).all(connection).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// Does nothing when another node made this one in the meantime: theirs is as good.
async fn insert(write: &DatabaseTransaction, purpose: &str, ordinal: i32) -> Result<(), StoreError> {
    let mut value = vec![0; 32];
    OsRng.try_fill_bytes(&mut value)?;
    let row = ActiveModel {
        purpose: Set(purpose.to_owned()),
        ordinal: Set(ordinal),
        value: Set(value),
        created_at: Set(Timestamp::now().0),
        retires_at: Set(None),
    };
    Entity::insert(row).on_conflict_do_nothing().exec_without_returning(write).await?;
    Ok(())
}

fn read(row: Model) -> Secret {
    Secret {
        ordinal: row.ordinal,
        value: row.value.into(),
        created_at: Timestamp(row.created_at),
        retires_at: row.retires_at.map(Timestamp),
    }
}
