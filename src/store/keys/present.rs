//! Who holds a key that was sent: the one look-up that every keyed request makes.

use std::{net::IpAddr, time::Duration};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use subtle::ConstantTimeEq;
use touchstone_core::{ids::KeyId, key::Denial, organization::Caller, time::Timestamp};

use super::{read, secret};
use crate::{
    Store, StoreError,
    entities::{api_key, organization},
    organizations,
};

/// `last_used_at` is for people: a write a minute is enough.
const USE_IS_NOTED_EVERY: Duration = Duration::from_secs(60);

/// What is known of a secret that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// A key that opens what it is made for.
    Accepted(Caller),
    /// A key that was ours, or is, and opens nothing here and now.
    Denied(Denial),
    /// Nobody's.
    Unknown,
}

impl Store {
    /// Who holds this secret, and whether it opens anything for a client at this address, if that is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caller(&self, secret: &str, client: Option<IpAddr>) -> Result<Presented, StoreError> {
        if !secret::may_be_a_key(secret) {
            return Ok(Presented::Unknown);
        }
        let hash = secret::hash(secret);
        let row = api_key::Entity::find().filter(api_key::Column::Hash.eq(hash.as_str())).find_also_related(organization::Entity);
        let row = row.one(self.reader()).await?.filter(|(key, _)| key.hash.as_bytes().ct_eq(hash.as_bytes()).into());
        let Some((key, Some(organization))) = row else { return Ok(Presented::Unknown) };
        let (key, now) = (read(key)?, Timestamp::now());
        if key.revoked_at.is_some() {
            return Ok(Presented::Denied(Denial::Revoked));
        }
        if let Err(denial) = key.limits.check(now, client) {
            return Ok(Presented::Denied(denial));
        }
        if key.last_used_at.is_none_or(|at| at < now - USE_IS_NOTED_EVERY) {
            self.note_use(key.id, now).await?;
        }
        let organization = organizations::read(organization)?;
        Ok(Presented::Accepted(Caller { organization, key: key.id, project: Some(key.project), test: key.test, scopes: key.limits.scopes }))
    }

    /// Nobody is refused because the note could not be taken for want of a place: the next call takes it.
    async fn note_use(&self, key: KeyId, now: Timestamp) -> Result<(), StoreError> {
        let write = match self.write_at_door().await {
            Err(StoreError::Busy) => return Ok(()),
            write => write?,
        };
        api_key::Entity::update_many()
            .col_expr(api_key::Column::LastUsedAt, Expr::value(now.0))
            .filter(api_key::Column::Id.eq(key.0))
            .exec(&*write)
            .await?;
        write.commit().await
    }
}
