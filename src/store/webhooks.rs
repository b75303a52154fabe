//! Webhook endpoints: made, changed, rotated, deleted. A secret is shown when it is made, and otherwise kept sealed.

use std::{collections::BTreeSet, time::Duration};

use rand::{TryRngCore, rngs::OsRng};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::LockType,
};
use touchstone_core::{
    ids::{OrganizationId, ProjectId, WebhookId},
    time::Timestamp,
    webhook::{Disabled, Event, Health, Secret, Secrets},
};

use crate::{
    AccountError, Store, StoreError,
    entities::{
        project,
        webhook_endpoint::{ActiveModel, Column, Entity, Model},
    },
    seal::Sealer,
};

/// A webhook about to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Whose it will be.
    pub organization: OrganizationId,
    /// Which of its projects it tells of.
    pub project: ProjectId,
    /// Where it is sent.
    pub url: String,
    /// What it tells of.
    pub events: BTreeSet<Event>,
    /// What its people call it; may be empty.
    pub description: String,
}

/// A webhook as people administer it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Where it is sent.
    pub url: String,
    /// What it tells of.
    pub events: BTreeSet<Event>,
    /// What its people call it; may be empty.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when the secret before the last rotation signs as well, if it still does.
    pub old_secret_until: Option<Timestamp>,
    /// How its deliveries went lately.
    pub health: Health,
    /// Since when and why it gets nothing any more.
    pub disabled: Option<(Timestamp, Disabled)>,
}

/// What is to be changed of a webhook; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Where it is sent.
    pub url: Option<String>,
    /// What it tells of.
    pub events: Option<BTreeSet<Event>>,
    /// What its people call it.
    pub description: Option<String>,
    /// Whether it gets anything.
    pub enabled: Option<bool>,
}

/// What came of asking for a new secret.
#[derive(Debug, Clone)]
pub enum Rotated {
    /// It signs from now on.
    Yes(Box<Webhook>, Secret),
    /// The one before the last rotation still signs, until then.
    JustNow {
        /// When its overlap ends.
        until: Timestamp,
    },
    /// The project has no such webhook.
    Unknown,
}

impl Store {
    /// Makes a webhook and the secret that signs what is sent there. `None`: the project has `most` already.
    ///
    /// # Errors
    /// [`AccountError::NoProject`], [`StoreError::Busy`], or when the database fails.
    pub async fn create_webhook(&self, new: NewWebhook, most: u64) -> Result<Option<(Webhook, Secret)>, StoreError> {
        let sealer = Sealer::of(self).await?;
        let (id, secret) = (WebhookId::random(), fresh()?);
        let sealed = sealer.seal(secret.bytes(), id.0)?;
        let write = self.write_at_door().await?;
        // Held, so that of two at once only one is the last that fits.
        let project = project::Entity::find_by_id(new.project.0).lock_exclusive().one(&*write).await?;
        if project.is_none_or(|project| project.organization_id != new.organization.0) {
            return Err(AccountError::NoProject(new.project).into());
        }
        if Entity::find().filter(of(new.project)).count(&*write).await? >= most {
            return Ok(None);
        }
        let row = row(id, new, sealed);
        Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*write).await?;
        write.commit().await?;
        Ok(Some((read(row)?, secret)))
    }

    /// A project's webhooks, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(&self, project: ProjectId) -> Result<Vec<Webhook>, StoreError> {
        let rows = Entity::find().filter(of(project)).order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
        rows.all(self.reader()).await?.into_iter().map(read).collect()
    }

    /// One webhook; `None`: the project has none of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook(&self, project: ProjectId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        own(project, id).one(self.reader()).await?.map(read).transpose()
    }

    /// Changes a webhook. Another URL, or being enabled, is a new beginning; being disabled ends what is on its way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_webhook(&self, project: ProjectId, id: WebhookId, change: WebhookChange) -> Result<Option<Webhook>, StoreError> {
        // What still waits from before it was disabled shall not come back by itself.
        if change.enabled == Some(true) && self.webhook(project, id).await?.is_some_and(|hook| hook.disabled.is_some()) {
            self.abandon_all_of(id).await?;
        }
        let write = self.write().await?;
        let Some(mut row) = hold(&write, project, id).await? else { return Ok(None) };
        let begun = (row.disabled_at, change.enabled);
        if change.enabled == Some(true) || change.url.as_ref().is_some_and(|url| *url != row.url) {
            set_health(&mut row, Health::default());
        }
        match change.enabled {
            Some(true) => (row.disabled_at, row.disabled_reason) = (None, None),
            Some(false) if row.disabled_at.is_none() => disable(&mut row, Disabled::ByOwner, Timestamp::now()),
            _ => {}
        }
        row.url = change.url.unwrap_or(row.url);
        row.events = change.events.map_or(row.events, |events| list(&events));
        row.description = change.description.unwrap_or(row.description);
        ActiveModel::from(row.clone()).reset_all().update(&*write).await?;
        write.commit().await?;
        if begun == (None, Some(false)) {
            self.abandon_all_of(id).await?;
        }
        self.tell_deliverer();
        read(row).map(Some)
    }

    /// Makes a new secret. The one before signs as well for `overlap`; while one from before that still does, it is made by `force` alone,
    /// and that one signs no more: a client that asks again after a lost answer shall not end what its receivers know.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_webhook_secret(
        &self,
        project: ProjectId,
        id: WebhookId,
        overlap: Duration,
        force: bool,
    ) -> Result<Rotated, StoreError> {
        let (sealer, secret) = (Sealer::of(self).await?, fresh()?);
        let sealed = sealer.seal(secret.bytes(), id.0)?;
        let write = self.write().await?;
        let Some(mut row) = hold(&write, project, id).await? else { return Ok(Rotated::Unknown) };
        let now = Timestamp::now();
        if let Some(until) = row.old_secret_until.map(Timestamp).filter(|until| !force && *until > now) {
            return Ok(Rotated::JustNow { until });
        }
        row.old_secret = Some(std::mem::replace(&mut row.secret, sealed));
        row.old_secret_until = Some((now + overlap).0);
        ActiveModel::from(row.clone()).reset_all().update(&*write).await?;
        write.commit().await?;
        Ok(Rotated::Yes(Box::new(read(row)?), secret))
    }

    /// Deletes a webhook: from now on nobody sees it and nothing is sent there. What is on its way and its log go by
    /// [`Store::forget_webhooks`]. `false`: the project has none of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_webhook(&self, project: ProjectId, id: WebhookId) -> Result<bool, StoreError> {
        let deleted = self.delete_webhooks(of(project).add(Column::Id.eq(id.0))).await?;
        Ok(deleted > 0)
    }

    /// The same for every webhook of an organisation; says how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_webhooks_of(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        self.delete_webhooks(Column::OrganizationId.eq(organization.0).and(Column::DeletedAt.is_null()).into()).await
    }

    async fn delete_webhooks(&self, which: Condition) -> Result<u64, StoreError> {
        let now = Timestamp::now();
        let nothing = ActiveModel {
            url: Set(String::new()),
            description: Set(String::new()),
            secret: Set(Vec::new()),
            old_secret: Set(None),
            old_secret_until: Set(None),
            disabled_at: Set(Some(now.0)),
            disabled_reason: Set(Some(Disabled::ByOwner.name().to_owned())),
            deleted_at: Set(Some(now.0)),
            ..Default::default()
        };
        let write = self.write().await?;
        let deleted = Entity::update_many().set(nothing).filter(which).exec(&*write).await?;
        write.commit().await?;
        Ok(deleted.rows_affected)
    }
}

/// Those of a project that are not deleted.
pub(crate) fn of(project: ProjectId) -> Condition {
    Condition::all().add(Column::ProjectId.eq(project.0)).add(Column::DeletedAt.is_null())
}

pub(crate) fn own(project: ProjectId, id: WebhookId) -> sea_orm::Select<Entity> {
    Entity::find_by_id(id.0).filter(of(project))
}

/// Held against other changes, but not against deliveries that are about to be queued.
pub(crate) async fn hold(write: &DatabaseTransaction, project: ProjectId, id: WebhookId) -> Result<Option<Model>, StoreError> {
    Ok(own(project, id).lock(LockType::NoKeyUpdate).one(write).await?)
}

/// Nothing is sent there any more; what waits is abandoned after that ([`Store::abandon_all_of`]), and can be replayed.
pub(crate) fn disable(row: &mut Model, why: Disabled, now: Timestamp) {
    (row.disabled_at, row.disabled_reason) = (Some(now.0), Some(why.name().to_owned()));
}

/// How a row's deliveries went lately.
pub(crate) fn health(row: &Model) -> Health {
    let moment = |column: Option<i64>| column.map(Timestamp);
    Health { failing_since: moment(row.failing_since), failures: row.failures, rests_until: moment(row.rests_until) }
}

pub(crate) fn set_health(row: &mut Model, health: Health) {
    row.failing_since = health.failing_since.map(|since| since.0);
    row.failures = health.failures;
    row.rests_until = health.rests_until.map(|until| until.0);
}

/// What an endpoint is told of. A name that this program does not know is a newer one's matter: it stops nothing that is known.
pub(crate) fn events(row: &Model) -> BTreeSet<Event> {
    row.events.split(',').filter_map(|name| name.parse().ok()).collect()
}

/// What signs now.
pub(crate) fn secrets(sealer: &Sealer, row: &Model, now: Timestamp) -> Result<Secrets, StoreError> {
    let open = |sealed: &[u8]| sealer.unseal(sealed, row.id).map(Secret::of).ok_or_else(|| unreadable(row, "secret"));
    let old = row.old_secret.as_deref().filter(|_| row.old_secret_until.is_some_and(|until| until > now.0));
    Ok(Secrets { current: open(&row.secret)?, old: old.map(open).transpose()? })
}

fn unreadable(row: &Model, what: &'static str) -> StoreError {
    StoreError::Unreadable { row: format!("webhook_endpoint {}", row.id), what }
}

fn fresh() -> Result<Secret, StoreError> {
    let mut bytes = vec![0; 32];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(Secret::of(bytes))
}

fn list(events: &BTreeSet<Event>) -> String {
    events.iter().map(|event| event.name()).collect::<Vec<_>>().join(",")
}

fn row(id: WebhookId, new: NewWebhook, sealed: Vec<u8>) -> Model {
    Model {
        id: id.0,
        organization_id: new.organization.0,
        project_id: new.project.0,
        url: new.url,
        events: list(&new.events),
        description: new.description,
        secret: sealed,
        old_secret: None,
        old_secret_until: None,
        created_at: Timestamp::now().0,
        failing_since: None,
        failures: 0,
        rests_until: None,
        disabled_at: None,
        disabled_reason: None,
        deleted_at: None,
    }
}

fn read(row: Model) -> Result<Webhook, StoreError> {
    let disabled = row.disabled_at.zip(row.disabled_reason.as_deref());
    let disabled = disabled.map(|(at, why)| why.parse().map(|why| (Timestamp(at), why)).map_err(|_| unreadable(&row, "disabled_reason")));
    Ok(Webhook {
        id: WebhookId(row.id),
        events: events(&row),
        health: health(&row),
        disabled: disabled.transpose()?,
        created_at: Timestamp(row.created_at),
        old_secret_until: row.old_secret_until.map(Timestamp).filter(|until| *until > Timestamp::now()),
        url: row.url,
        description: row.description,
    })
}
