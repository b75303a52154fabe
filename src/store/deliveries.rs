//! Deliveries on their way: tried, and recorded with how the endpoint fares. A lease fences what is written of a try.
//!
//! Locks are taken in one order: endpoints, by id, then deliveries.

use std::time::Duration;

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, DeriveActiveEnum, EntityTrait, EnumIter, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};
use touchstone_core::{
    ids::{DeliveryId, DocumentId, EventId, OrganizationId, WebhookId},
    time::Timestamp,
    webhook::{Disabled, Event, Health, Outcome, Secrets},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{
        webhook_attempt,
        webhook_delivery::{ActiveModel, Column, Entity, Model},
        webhook_endpoint,
    },
    forget_webhooks, webhooks,
};

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be tried, or tried again.
    Pending,
    /// The receiver has it.
    Delivered,
    /// Every try failed.
    Failed,
    /// The endpoint is gone or was disabled before it could be delivered, or what it tells of was erased.
    Abandoned,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Abandoned];

    /// The name that the API uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The right to try one delivery, until it lapses and somebody else claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryLease {
    /// Which one.
    pub delivery: DeliveryId,
    pub(crate) token: Uuid,
    pub(crate) endpoint: WebhookId,
}

/// A delivery to try now.
#[derive(Debug, Clone)]
pub struct Due {
    /// The right to try it.
    pub lease: DeliveryLease,
    /// What is told of, by the id that receivers see.
    pub event: EventId,
    /// What happened.
    pub kind: Event,
    /// The image or the batch; a test has none.
    pub document: Option<DocumentId>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// Where it goes.
    pub webhook: WebhookId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The address.
    pub url: String,
    /// What signs.
    pub secrets: Secrets,
    /// How many tries have failed.
    pub failed: u32,
}

/// One try, as it was sent and as it was answered.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Where it was sent.
    pub url: String,
    /// Its headers, as a JSON object.
    pub headers: String,
    /// Its body.
    pub body: String,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
    /// What went wrong, in words for the endpoint's owner.
    pub error: Option<String>,
}

impl Attempt {
    /// The same without what was said: nothing of it may be kept.
    fn wordless(self) -> Self {
        Self { headers: "{}".into(), body: String::new(), answer: None, ..self }
    }
}

/// What a try means, and what follows if it failed.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    /// What it means.
    pub outcome: Outcome,
    /// When to try again after a failure; `None`: that was the last try.
    pub again_at: Option<Timestamp>,
    /// An endpoint that has failed for so long is disabled with a delivery's last try.
    pub patience: Duration,
}

/// What came of recording a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It is recorded.
    Yes,
    /// It is recorded, and the endpoint gets nothing any more.
    Disabled(Disabled),
    /// The lease was lost, or the endpoint is gone: nothing was written.
    Lost,
}

impl Store {
    /// Waits until this process queued a delivery or ended one, or `at_most`.
    pub async fn wait_for_delivery(&self, at_most: Duration) {
        // Both ends are the same to the caller: it looks again.
        tokio::time::timeout(at_most, self.deliveries.notified()).await.unwrap_or_default();
    }

    /// Writes down how a try ended, and how the endpoint fares after it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_attempt(&self, lease: &DeliveryLease, attempt: Attempt, tried: Tried) -> Result<Recorded, StoreError> {
        let now = Timestamp::now();
        let write = self.write().await?;
        let Some(mut endpoint) = lock_endpoint(&write, lease.endpoint).await? else { return Ok(Recorded::Lost) };
        let Some(row) = Entity::find().filter(is_held(lease)).lock_exclusive().one(&*write).await? else { return Ok(Recorded::Lost) };
        let (status, error) = (attempt.status, attempt.error.clone());
        let attempt = if forget_webhooks::may_keep_words(&write, row.event_id).await? { attempt } else { attempt.wordless() };
        insert_attempt(&write, lease.delivery, attempt).await?;
        let (state, next) = match (tried.outcome, tried.again_at) {
            (Outcome::Delivered, _) => (DeliveryState::Delivered, None),
            (Outcome::Gone, _) => (DeliveryState::Abandoned, None),
            (_, Some(at)) => (DeliveryState::Pending, Some(at)),
            (_, None) => (DeliveryState::Failed, None),
        };
        let ended = ActiveModel {
            seq: Set(row.seq),
            state: Set(state),
            attempts: Set(row.attempts + 1),
            next_attempt_at: Set(next.map_or(row.next_attempt_at, |at| at.0)),
            lease_until: Set(None),
            lease_token: Set(None),
            last_status: Set(status.map(i32::from)),
            last_error: Set(error),
            ended_at: Set(next.is_none().then_some(now.0)),
            ..Default::default()
        };
        ended.update(&*write).await?;
        let disabled = fares(&write, &mut endpoint, tried, now).await?;
        write.commit().await?;
        let Some(why) = disabled else { return Ok(Recorded::Yes) };
        self.abandon_all_of(lease.endpoint).await?;
        Ok(Recorded::Disabled(why))
    }

    /// Ends a delivery that cannot be made: what it tells of is gone. `false`: the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn abandon_delivery(&self, lease: &DeliveryLease, why: &str) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let abandoned = Entity::update_many()
            .col_expr(Column::State, Expr::value(DeliveryState::Abandoned))
            .col_expr(Column::LastError, Expr::value(why))
            .col_expr(Column::EndedAt, Expr::value(Timestamp::now().0))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
            .filter(is_held(lease))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(abandoned.rows_affected > 0)
    }
}

/// Held against other changes; `None` for one that is gone.
pub(crate) async fn lock_endpoint(write: &DatabaseTransaction, id: WebhookId) -> Result<Option<webhook_endpoint::Model>, StoreError> {
    let there = webhook_endpoint::Entity::find_by_id(id.0).filter(webhook_endpoint::Column::DeletedAt.is_null());
    Ok(there.lock(LockType::NoKeyUpdate).one(write).await?)
}

/// Writes how the endpoint fares after a try, if that changed.
async fn fares(
    write: &DatabaseTransaction,
    endpoint: &mut webhook_endpoint::Model,
    tried: Tried,
    now: Timestamp,
) -> Result<Option<Disabled>, StoreError> {
    let before = webhooks::health(endpoint);
    let after = match tried.outcome {
        Outcome::Delivered => Health::default(),
        Outcome::Gone | Outcome::Failed => before.failed(now),
        Outcome::Unsent => before,
    };
    let disabled = match tried.outcome {
        Outcome::Gone => Some(Disabled::Gone),
        // Only where a delivery had all of its tries: days on which there was nothing to send are no days of failure.
        Outcome::Failed if tried.again_at.is_none() && after.has_failed_for(tried.patience, now) => Some(Disabled::Failing),
        Outcome::Failed | Outcome::Delivered | Outcome::Unsent => None,
    };
    // One that its owner disabled meanwhile keeps that reason.
    let disabled = disabled.filter(|_| endpoint.disabled_at.is_none());
    if after == before && disabled.is_none() {
        return Ok(None);
    }
    webhooks::set_health(endpoint, after);
    if let Some(why) = disabled {
        webhooks::disable(endpoint, why, now);
    }
    webhook_endpoint::ActiveModel::from(endpoint.clone()).reset_all().update(write).await?;
    Ok(disabled)
}

async fn insert_attempt(write: &DatabaseTransaction, delivery: DeliveryId, attempt: Attempt) -> Result<(), StoreError> {
    let row = webhook_attempt::ActiveModel {
        delivery_id: Set(delivery.0),
        started_at: Set(attempt.started_at.0),
        took_ms: Set(i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX)),
        url: Set(attempt.url),
        headers: Set(attempt.headers),
        body: Set(attempt.body),
        status: Set(attempt.status.map(i32::from)),
        answer: Set(attempt.answer),
        error: Set(attempt.error),
        ..Default::default()
    };
    webhook_attempt::Entity::insert(row).exec_without_returning(write).await?;
    Ok(())
}

/// A lease whose time ran out still stands until somebody else claims the delivery.
fn is_held(lease: &DeliveryLease) -> Condition {
    Condition::all().add(Column::Id.eq(lease.delivery.0)).add(Column::LeaseToken.eq(lease.token))
}

pub(crate) fn unreadable(row: &Model, what: &'static str) -> StoreError {
    StoreError::Unreadable { row: format!("webhook_delivery {}", row.id), what }
}
