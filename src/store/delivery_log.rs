//! The log of deliveries: what was sent and how it was answered; sent again, one by one or from a moment on.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};
use touchstone_core::{
    ids::{DeliveryId, DocumentId, EventId, ProjectId, WebhookId},
    time::Timestamp,
    webhook::Event,
};
use uuid::Uuid;

use crate::{
    Attempt, DeliveryState, Store, StoreError,
    deliveries::unreadable,
    entities::{
        webhook_attempt,
        webhook_delivery::{Column, Entity, Model},
        webhook_endpoint, webhook_event,
    },
    outbox, webhooks,
};

/// Events that one call of [`Store::replay_since`] sends again at most.
pub const MOST_REPLAYED: u64 = 10_000;

/// Events that are looked at together.
const PART: u64 = 500;

/// One delivery, whole.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// Its identifier.
    pub id: DeliveryId,
    /// Its place in the log, to go on from.
    pub cursor: i64,
    /// What it tells of, by the id that receivers see.
    pub event: EventId,
    /// What happened.
    pub kind: Event,
    /// The image or the batch; a test has none.
    pub document: Option<DocumentId>,
    /// How far it has come.
    pub state: DeliveryState,
    /// Whether it is a replay.
    pub replay: bool,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it is tried next, if it is to be.
    pub next_attempt_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Every try, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy)]
pub struct LogPage {
    /// Only what was queued before this place; `None`: from the newest on.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: u64,
    /// Only what has come so far.
    pub state: Option<DeliveryState>,
}

/// What came of asking for a delivery by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Asked<T> {
    /// It is queued.
    Queued(T),
    /// The endpoint is disabled.
    Disabled,
    /// The project has no such webhook, or the webhook no such delivery.
    Unknown,
}

impl Store {
    /// A part of a webhook's log, newest first; `None`: the project has no such webhook.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries_of(&self, project: ProjectId, id: WebhookId, page: LogPage) -> Result<Option<Vec<DeliveryRecord>>, StoreError> {
        if self.webhook(project, id).await?.is_none() {
            return Ok(None);
        }
        let mut of_it = Entity::find().filter(Column::EndpointId.eq(id.0));
        if let Some(before) = page.before {
            of_it = of_it.filter(Column::Seq.lt(before));
        }
        if let Some(state) = page.state {
            of_it = of_it.filter(Column::State.eq(state));
        }
        let found = of_it.order_by_desc(Column::Seq).limit(page.limit).find_also_related(webhook_event::Entity).all(self.reader()).await?;
        let mut attempts = self.attempts(found.iter().map(|(row, _)| row.id)).await?;
        found
            .into_iter()
            .map(|(row, event)| {
                let tries = attempts.remove(&row.id).unwrap_or_default();
                read(row, event, tries)
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    async fn attempts(&self, of: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, Vec<Attempt>>, StoreError> {
        use webhook_attempt::{Column, Entity};
        let rows = Entity::find().filter(Column::DeliveryId.is_in(of)).order_by_asc(Column::Id).all(self.reader()).await?;
        let mut attempts: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
        for row in rows {
            attempts.entry(row.delivery_id).or_default().push(attempt(row));
        }
        Ok(attempts)
    }

    /// Queues a test event for one webhook.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn test_webhook(&self, project: ProjectId, id: WebhookId) -> Result<Asked<DeliveryId>, StoreError> {
        let write = self.write_at_door().await?;
        let endpoint = match enabled(&write, project, id).await? {
            Asked::Queued(endpoint) => endpoint,
            Asked::Disabled => return Ok(Asked::Disabled),
            Asked::Unknown => return Ok(Asked::Unknown),
        };
        let event = outbox::insert_event(&write, Event::Test, &endpoint, None).await?;
        self.queue(write, vec![(event, id.0, 0)]).await
    }

    /// Sends what a delivery told of once more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay(&self, project: ProjectId, id: WebhookId, delivery: DeliveryId) -> Result<Asked<DeliveryId>, StoreError> {
        let write = self.write_at_door().await?;
        match enabled(&write, project, id).await? {
            Asked::Queued(_) => {}
            Asked::Disabled => return Ok(Asked::Disabled),
            Asked::Unknown => return Ok(Asked::Unknown),
        }
        let of_it = Entity::find().filter(Column::Id.eq(delivery.0).and(Column::EndpointId.eq(id.0)));
        let Some(row) = of_it.one(&*write).await? else { return Ok(Asked::Unknown) };
        let last = last_replay(&write, row.event_id, id).await?.map_or(0, |last| last.replay);
        self.queue(write, vec![(EventId(row.event_id), id.0, last + 1)]).await
    }

    /// Sends again what happened since then and did not arrive: what failed, was abandoned, or happened while the endpoint was disabled.
    /// Oldest first, and no more than [`MOST_REPLAYED`] at once; says how many. Events are read in parts that hold nothing, and queued in
    /// such parts: however much there is, nobody else waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay_since(&self, project: ProjectId, id: WebhookId, since: Timestamp) -> Result<Asked<u64>, StoreError> {
        let Some(row) = webhooks::own(project, id).one(self.reader()).await? else { return Ok(Asked::Unknown) };
        let (until, mut count, mut after) = (Timestamp::now(), 0, None);
        while count < MOST_REPLAYED {
            let part = part_of(&row, since, until, after).all(self.reader()).await?;
            let Some(last) = part.last() else { break };
            after = Some((last.created_at, last.id));
            let ids: Vec<Uuid> = part.iter().map(|event| event.id).collect();
            let mut missed = missed(self.reader(), id, &ids).await?;
            missed.truncate(usize::try_from(MOST_REPLAYED - count).unwrap_or(usize::MAX));
            match self.queue_missed(project, id, &missed).await? {
                Asked::Queued(queued) => count += queued,
                refused => return Ok(refused),
            }
        }
        self.tell_deliverer();
        Ok(Asked::Queued(count))
    }

    /// Queues those of a part of the events that are still missed, now that the webhook is held.
    async fn queue_missed(&self, project: ProjectId, id: WebhookId, events: &[(EventId, i32)]) -> Result<Asked<u64>, StoreError> {
        let write = self.write_at_door().await?;
        match enabled(&write, project, id).await? {
            Asked::Queued(_) => {}
            Asked::Disabled => return Ok(Asked::Disabled),
            Asked::Unknown => return Ok(Asked::Unknown),
        }
        let events: Vec<Uuid> = events.iter().map(|(event, _)| event.0).collect();
        let again: Vec<_> = missed(&*write, id, &events).await?.into_iter().map(|(event, replay)| (event, id.0, replay)).collect();
        outbox::insert_deliveries(&write, &again).await?;
        write.commit().await?;
        Ok(Asked::Queued(again.len() as u64))
    }

    async fn queue(&self, write: crate::store::Write, which: Vec<(EventId, Uuid, i32)>) -> Result<Asked<DeliveryId>, StoreError> {
        let made = outbox::insert_deliveries(&write, &which).await?;
        write.commit().await?;
        self.tell_deliverer();
        Ok(made.first().copied().map_or(Asked::Unknown, Asked::Queued))
    }

    /// How many deliveries are to be tried, now or later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries_waiting(&self) -> Result<u64, StoreError> {
        use sea_orm::PaginatorTrait;
        Ok(Entity::find().filter(Column::State.eq(DeliveryState::Pending)).count(self.reader()).await?)
    }
}

/// The webhook, held, if something may be queued for it.
async fn enabled(write: &DatabaseTransaction, project: ProjectId, id: WebhookId) -> Result<Asked<webhook_endpoint::Model>, StoreError> {
    Ok(match webhooks::hold(write, project, id).await? {
        None => Asked::Unknown,
        Some(row) if row.disabled_at.is_some() => Asked::Disabled,
        Some(row) => Asked::Queued(row),
    })
}

async fn last_replay(write: &DatabaseTransaction, event: Uuid, id: WebhookId) -> Result<Option<Model>, StoreError> {
    let of_both = Entity::find().filter(Column::EventId.eq(event).and(Column::EndpointId.eq(id.0)));
    Ok(of_both.order_by_desc(Column::Replay).one(write).await?)
}

/// A part of what happened that the endpoint is subscribed to, oldest first.
fn part_of(
    endpoint: &webhook_endpoint::Model,
    since: Timestamp,
    until: Timestamp,
    after: Option<(i64, Uuid)>,
) -> sea_orm::Select<webhook_event::Entity> {
    use webhook_event::{Column, Entity};
    let kinds: Vec<&str> = webhooks::events(endpoint).into_iter().map(Event::name).collect();
    let (from, id) = after.unwrap_or((since.0, Uuid::nil()));
    let rest = Condition::any().add(Column::CreatedAt.gt(from)).add(Column::Id.gt(id));
    Entity::find()
        .filter(Column::ProjectId.eq(endpoint.project_id).and(Column::Event.is_in(kinds)))
        .filter(Column::CreatedAt.gte(from).and(Column::CreatedAt.lte(until.0)))
        .filter(rest)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .limit(PART)
}

/// Which of these events the webhook has not got, nor is about to get, and the how-manieth replay each will be; in the same order.
async fn missed(connection: &impl ConnectionTrait, id: WebhookId, events: &[Uuid]) -> Result<Vec<(EventId, i32)>, StoreError> {
    let of_both = Entity::find().filter(Column::EndpointId.eq(id.0).and(Column::EventId.is_in(events.iter().copied())));
    let mut next: HashMap<Uuid, Option<i32>> = HashMap::new();
    for row in of_both.all(connection).await? {
        let got = matches!(row.state, DeliveryState::Delivered | DeliveryState::Pending);
        let before = next.entry(row.event_id).or_insert(Some(0));
        *before = before.filter(|_| !got).map(|replay| std::cmp::max(replay, row.replay + 1));
    }
    Ok(events.iter().filter_map(|event| next.get(event).copied().unwrap_or(Some(0)).map(|replay| (EventId(*event), replay))).collect())
}

fn read(row: Model, event: Option<webhook_event::Model>, attempts: Vec<Attempt>) -> Result<DeliveryRecord, StoreError> {
    let event = event.ok_or_else(|| unreadable(&row, "event_id"))?;
    Ok(DeliveryRecord {
        id: DeliveryId(row.id),
        cursor: row.seq,
        event: EventId(event.id),
        kind: event.event.parse().map_err(|_| unreadable(&row, "event"))?,
        document: event.document_id.map(DocumentId),
        state: row.state,
        replay: row.replay > 0,
        created_at: Timestamp(row.created_at),
        next_attempt_at: (row.state == DeliveryState::Pending).then_some(Timestamp(row.next_attempt_at)),
        ended_at: row.ended_at.map(Timestamp),
        attempts,
    })
}

fn attempt(row: webhook_attempt::Model) -> Attempt {
    Attempt {
        started_at: Timestamp(row.started_at),
        took: std::time::Duration::from_millis(u64::try_from(row.took_ms).unwrap_or(0)),
        url: row.url,
        headers: row.headers,
        body: row.body,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        answer: row.answer,
        error: row.error,
    }
}
