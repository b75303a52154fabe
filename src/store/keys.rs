//! API keys: made, imported, rotated, revoked, listed. A secret is shown once and kept only as its SHA-256.

mod present;
mod secret;

use std::{fmt::Display, time::Duration};

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use secrecy::{ExposeSecret, SecretString};
use touchstone_core::{
    ids::{KeyId, OrganizationId, ProjectId},
    key::{ApiKey, Limits},
    time::Timestamp,
};

pub use present::Presented;

use crate::{
    AccountError, Store, StoreError,
    entities::api_key::{ActiveModel, Column, Entity, Model},
    projects,
    submit::is_duplicate,
};

/// A key about to be made or imported.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it will be.
    pub organization: OrganizationId,
    /// Which of its projects it belongs to; `None`: the default one.
    pub project: Option<ProjectId>,
    /// What its people call it; may be empty.
    pub name: String,
    /// A test key: its documents are marked and cost nothing.
    pub test: bool,
    /// What confines it.
    pub limits: Limits,
}

impl Store {
    /// Makes a key of 256 random bits: `aidet_live_sk_…` or, for tests, `aidet_test_sk_…`. The secret cannot be read again.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`AccountError::NoProject`], [`AccountError::Archived`], or when the database fails.
    pub async fn issue_key(&self, new: NewKey) -> Result<(ApiKey, SecretString), StoreError> {
        let secret = secret::fresh(new.test)?;
        let write = self.write().await?;
        let made = insert(&write, new, &secret).await?;
        write.commit().await?;
        Ok((made, secret.into()))
    }

    /// Makes a key of the default project that nothing confines.
    ///
    /// # Errors
    /// As [`Store::issue_key`].
    pub async fn create_key(&self, organization: OrganizationId, test: bool) -> Result<(KeyId, SecretString), StoreError> {
        let new = NewKey { organization, project: None, name: String::new(), test, limits: Limits::default() };
        self.issue_key(new).await.map(|(key, secret)| (key.id, secret))
    }

    /// Takes over a key of another system, so that a customer who moves here need not change it anywhere.
    ///
    /// # Errors
    /// [`AccountError::NotForeign`], [`AccountError::KeyTaken`], and as [`Store::issue_key`].
    pub async fn import_key(&self, new: NewKey, secret: &SecretString) -> Result<ApiKey, StoreError> {
        let secret = secret.expose_secret();
        if !secret::is_foreign(secret) {
            return Err(AccountError::NotForeign.into());
        }
        let write = self.write().await?;
        let made = insert(&write, new, secret).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Makes a key of ours with the same rights as this one, which ends after `overlap`, if not before. The new one ends when the old
    /// one would have, or at `expires_at`. A key that was rotated before has had its end moved: then `expires_at` must be named.
    ///
    /// # Errors
    /// [`AccountError::NoKey`] when it opens nothing any more, [`AccountError::Rotated`], and as [`Store::issue_key`].
    pub async fn rotate_key(
        &self,
        id: KeyId,
        overlap: Duration,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, SecretString), StoreError> {
        let now = Timestamp::now();
        let write = self.write().await?;
        let row = Entity::find_by_id(id.0).lock_exclusive().one(&*write).await?;
        let old = row.map(read).transpose()?.ok_or(AccountError::NoKey(id))?;
        if let Some(newer) = old.replaced_by.filter(|_| old.is_live(now) && expires_at.is_none()) {
            return Err(AccountError::Rotated { key: id, newer }.into());
        }
        let end = old.limits.expires_at.map_or(now + overlap, |end| end.min(now + overlap));
        let secret = secret::fresh(old.test)?;
        let ApiKey { organization, project, name, test, limits, .. } = old;
        let limits = Limits { expires_at: expires_at.or(limits.expires_at), ..limits };
        let made = insert(&write, NewKey { organization, project: Some(project), name, test, limits }, &secret).await?;
        let ended = Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::value(end.0))
            .col_expr(Column::ReplacedBy, Expr::value(made.id.0))
            .filter(Column::Id.eq(id.0).and(Column::RevokedAt.is_null()))
            .filter(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now.0)))
            .exec(&*write)
            .await?;
        if ended.rows_affected == 0 {
            return Err(AccountError::NoKey(id).into());
        }
        write.commit().await?;
        Ok((made, secret.into()))
    }

    /// Ends a key at once. Says whether there was one that was not revoked before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let revoked = revoke(&write, Column::Id.eq(key.0).into()).await?;
        write.commit().await?;
        Ok(revoked > 0)
    }

    /// Every key of an organisation, or of all, oldest first; also those that open nothing any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys(&self, organization: Option<OrganizationId>) -> Result<Vec<ApiKey>, StoreError> {
        let whose = organization.map(|organization| Column::OrganizationId.eq(organization.0));
        let keys = Entity::find().filter(Condition::all().add_option(whose)).order_by_asc(Column::CreatedAt);
        keys.all(self.reader()).await?.into_iter().map(read).collect()
    }
}

/// Ends all keys at once that these words describe and that were not ended before; says how many.
pub(crate) async fn revoke(write: &DatabaseTransaction, which: Condition) -> Result<u64, StoreError> {
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(Timestamp::now().0))
        .filter(which.add(Column::RevokedAt.is_null()))
        .exec(write)
        .await?;
    Ok(revoked.rows_affected)
}

async fn insert(write: &DatabaseTransaction, new: NewKey, secret: &str) -> Result<ApiKey, StoreError> {
    let project = projects::open(write, new.organization, new.project).await?;
    let row = Model {
        id: KeyId::random().0,
        organization_id: new.organization.0,
        prefix: secret::readable(secret),
        hash: secret::hash(secret),
        test: new.test,
        created_at: Timestamp::now().0,
        revoked_at: None,
        expires_at: new.limits.expires_at.map(|end| end.0),
        last_used_at: None,
        project_id: project.0,
        name: new.name,
        scopes: new.limits.scopes.map(list),
        networks: (!new.limits.networks.is_empty()).then(|| list(new.limits.networks)),
        replaced_by: None,
    };
    match Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(write).await {
        Err(error) if is_duplicate(&error) => Err(AccountError::KeyTaken.into()),
        inserted => inserted.map_err(StoreError::from).and_then(|_| read(row)),
    }
}

fn list<T: Display>(entries: impl IntoIterator<Item = T>) -> String {
    entries.into_iter().map(|entry| entry.to_string()).collect::<Vec<_>>().join(",")
}

fn read(row: Model) -> Result<ApiKey, StoreError> {
    let unreadable = |what| StoreError::Unreadable { row: format!("api_key {}", row.id), what };
    let entries = |text: &Option<String>| {
        text.iter().flat_map(|text| text.split(',')).filter(|entry| !entry.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let scopes = entries(&row.scopes).iter().map(|entry| entry.parse()).collect::<Result<_, _>>().map_err(|_| unreadable("scope"))?;
    let networks = entries(&row.networks).iter().map(|entry| entry.parse()).collect::<Result<_, _>>().map_err(|_| unreadable("network"))?;
    Ok(ApiKey {
        id: KeyId(row.id),
        organization: OrganizationId(row.organization_id),
        project: ProjectId(row.project_id),
        name: row.name,
        prefix: row.prefix,
        test: row.test,
        limits: Limits { scopes: row.scopes.is_some().then_some(scopes), networks, expires_at: row.expires_at.map(Timestamp) },
        created_at: Timestamp(row.created_at),
        revoked_at: row.revoked_at.map(Timestamp),
        replaced_by: row.replaced_by.map(KeyId),
        last_used_at: row.last_used_at.map(Timestamp),
    })
}
