//! Projects: what the keys of an organisation belong to. Every organisation has one from the start, which has its own id.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use touchstone_core::{
    ids::{OrganizationId, ProjectId},
    time::Timestamp,
    webhook::Disabled,
};

use crate::{
    AccountError, Store, StoreError,
    entities::{
        api_key,
        project::{ActiveModel, Column, Entity, Model},
        webhook_endpoint,
    },
    keys,
    submit::is_duplicate,
};

/// The name of the project that every organisation has.
const DEFAULT: &str = "default";

/// A part of an organisation with keys of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name, once in each organisation.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was archived.
    pub archived_at: Option<Timestamp>,
}

impl Store {
    /// Makes a project.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`AccountError::ProjectTaken`], or when the database fails.
    pub async fn create_project(&self, organization: OrganizationId, name: &str) -> Result<Project, StoreError> {
        if self.organization(organization).await?.is_none() {
            return Err(StoreError::NoOrganization(organization));
        }
        let write = self.write().await?;
        let made = insert(&write, ProjectId::random(), organization, name, Timestamp::now()).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Archives a project, revokes its keys and disables its webhooks; says how many keys. Its documents stay.
    ///
    /// # Errors
    /// [`AccountError::NoProject`], [`AccountError::DefaultProject`], [`AccountError::Archived`], or when the database fails.
    pub async fn archive_project(&self, id: ProjectId) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let row = Entity::find_by_id(id.0).lock_exclusive().one(&*write).await?.ok_or(AccountError::NoProject(id))?;
        if row.id == row.organization_id {
            return Err(AccountError::DefaultProject.into());
        }
        if row.archived_at.is_some() {
            return Err(AccountError::Archived(id).into());
        }
        let archived = ActiveModel { id: Set(id.0), archived_at: Set(Some(Timestamp::now().0)), ..Default::default() };
        archived.update(&*write).await?;
        // No key administers them any more. What waits for them is abandoned by the sweep.
        let mut disabled = webhook_endpoint::Entity::update_many();
        disabled = disabled.col_expr(webhook_endpoint::Column::DisabledAt, Expr::value(Timestamp::now().0));
        disabled = disabled.col_expr(webhook_endpoint::Column::DisabledReason, Expr::value(Disabled::ByOwner.name()));
        let enabled = webhook_endpoint::Column::ProjectId.eq(id.0).and(webhook_endpoint::Column::DisabledAt.is_null());
        disabled.filter(enabled).exec(&*write).await?;
        let revoked = keys::revoke(&write, Condition::all().add(api_key::Column::ProjectId.eq(id.0))).await?;
        write.commit().await?;
        Ok(revoked)
    }

    /// Every project of an organisation, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn projects(&self, organization: OrganizationId) -> Result<Vec<Project>, StoreError> {
        let rows = Entity::find().filter(Column::OrganizationId.eq(organization.0)).order_by_asc(Column::CreatedAt);
        Ok(rows.all(self.reader()).await?.into_iter().map(read).collect())
    }
}

/// The project that an organisation has from the start.
pub(crate) async fn insert_default(
    write: &DatabaseTransaction,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Project, StoreError> {
    insert(write, ProjectId::default_of(organization), organization, DEFAULT, now).await
}

/// The project that a new key is to belong to, held until the transaction ends, so that none is made while it is being archived.
pub(crate) async fn open(
    write: &DatabaseTransaction,
    organization: OrganizationId,
    project: Option<ProjectId>,
) -> Result<ProjectId, StoreError> {
    let id = project.unwrap_or(ProjectId::default_of(organization));
    let own = Entity::find_by_id(id.0).filter(Column::OrganizationId.eq(organization.0));
    match own.lock_exclusive().one(write).await? {
        Some(row) if row.archived_at.is_some() => Err(AccountError::Archived(id).into()),
        Some(_) => Ok(id),
        None if project.is_none() => Err(StoreError::NoOrganization(organization)),
        None => Err(AccountError::NoProject(id).into()),
    }
}

async fn insert(
    write: &DatabaseTransaction,
    id: ProjectId,
    organization: OrganizationId,
    name: &str,
    now: Timestamp,
) -> Result<Project, StoreError> {
    let row = Model { id: id.0, organization_id: organization.0, name: name.to_owned(), created_at: now.0, archived_at: None };
    match Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(write).await {
        Err(error) if is_duplicate(&error) => Err(AccountError::ProjectTaken.into()),
        inserted => inserted.map_err(StoreError::from).map(|_| read(row)),
    }
}

fn read(row: Model) -> Project {
    Project {
        id: ProjectId(row.id),
        organization: OrganizationId(row.organization_id),
        name: row.name,
        created_at: Timestamp(row.created_at),
        archived_at: row.archived_at.map(Timestamp),
    }
}
