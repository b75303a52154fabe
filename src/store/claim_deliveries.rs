//! Claiming deliveries: round the endpoints, each of which has so many under way at most; one that rests has none, and one that failed
//! lately one. So a dead receiver holds up nobody, however much waits for it: a claim looks at endpoints, never through all that waits.

use std::{collections::HashMap, time::Duration};

use rand::seq::SliceRandom;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult, Iterable, Order, PaginatorTrait,
    QueryFilter, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType, Query},
};
use touchstone_core::{
    ids::{DeliveryId, DocumentId, EventId, OrganizationId, WebhookId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    DeliveryLease, DeliveryState, Due, Store, StoreError,
    deliveries::unreadable,
    entities::{
        webhook_delivery::{Column, Entity, Model},
        webhook_endpoint, webhook_event,
    },
    seal::Sealer,
    webhooks,
};

/// How long a delivery waits that only another program can read: a rolling update takes minutes.
const PUT_OFF: Duration = Duration::from_secs(600);

/// What one endpoint has under way.
#[derive(FromQueryResult)]
struct Held {
    endpoint_id: Uuid,
    deliveries: i64,
}

impl Store {
    /// Leases up to `limit` deliveries that are due, `each` at most under way to one endpoint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_deliveries(&self, limit: u32, each: u32, lease: Duration) -> Result<Vec<Due>, StoreError> {
        let now = Timestamp::now();
        let mut ready = self.ready(each, now).await?;
        if ready.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        ready.shuffle(&mut rand::rng());
        ready.truncate(limit as usize);
        // At least one each, for there are no more of them than that.
        let (sealer, share) = (Sealer::of(self).await?, limit / u32::try_from(ready.len()).unwrap_or(limit));
        let write = self.write().await?;
        let mut due = Vec::new();
        for endpoint in ready {
            due.extend(claim_of(&write, endpoint, share, each, lease, &sealer).await?);
        }
        write.commit().await?;
        Ok(due)
    }

    /// Endpoints with something due and room for it.
    async fn ready(&self, each: u32, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        use webhook_endpoint as endpoint;
        let of_it = Expr::col((Entity, Column::EndpointId)).equals((endpoint::Entity, endpoint::Column::Id));
        let due = Query::select().expr(Expr::val(1)).from(Entity).and_where(of_it).cond_where(is_due(now)).take();
        let waiting = endpoint::Entity::find().filter(is_awake(now)).filter(Expr::exists(due)).all(self.reader()).await?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let held = Entity::find()
            .select_only()
            .column(Column::EndpointId)
            .column_as(Column::Seq.count(), "deliveries")
            .filter(Column::EndpointId.is_in(waiting.iter().map(|row| row.id)).and(Column::LeaseUntil.gt(now.0)))
            .group_by(Column::EndpointId)
            .into_model::<Held>()
            .all(self.reader())
            .await?;
        let held: HashMap<Uuid, i64> = held.into_iter().map(|held| (held.endpoint_id, held.deliveries)).collect();
        let has_room = |row: &&endpoint::Model| held.get(&row.id).copied().unwrap_or(0) < i64::from(webhooks::health(row).at_once(each));
        Ok(waiting.iter().filter(has_room).map(|row| row.id).collect())
    }
}

/// Leases an endpoint's deliveries that are due, as many as it still has room for.
async fn claim_of(
    write: &DatabaseTransaction,
    endpoint: Uuid,
    share: u32,
    each: u32,
    lease: Duration,
    sealer: &Sealer,
) -> Result<Vec<Due>, StoreError> {
    let now = Timestamp::now();
    // Looked at again under its lock: another node may have claimed, or heard that it is dead. One that somebody else holds is passed over
    // until the next claim: nobody's delivery waits for another endpoint.
    let free = webhook_endpoint::Entity::find_by_id(endpoint).lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
    let Some(row) = free.one(write).await? else { return Ok(Vec::new()) };
    let health = webhooks::health(&row);
    if row.disabled_at.is_some() || health.rests(now) {
        return Ok(Vec::new());
    }
    let held = Entity::find().filter(Column::EndpointId.eq(endpoint).and(Column::LeaseUntil.gt(now.0))).count(write).await?;
    let room = std::cmp::min(u64::from(health.at_once(each)).saturating_sub(held), u64::from(share));
    if room == 0 {
        return Ok(Vec::new());
    }
    let Ok(secrets) = webhooks::secrets(sealer, &row, now) else {
        tracing::error!(webhook = %endpoint, "the secret of a webhook does not open: nothing is sent there until it has another");
        return Ok(Vec::new());
    };
    let leased = lease_some(write, endpoint, room, now, lease).await?;
    let mut due = Vec::with_capacity(leased.len());
    for delivery in leased {
        let event = webhook_event::Entity::find_by_id(delivery.event_id).one(write).await?;
        let event = event.ok_or_else(|| unreadable(&delivery, "event_id"))?;
        let Ok(kind) = event.event.parse() else {
            tracing::warn!(delivery = %delivery.id, event = event.event, "an event that a newer program may know is put off");
            put_off(write, delivery.seq, now).await?;
            continue;
        };
        due.push(Due {
            lease: DeliveryLease {
                delivery: DeliveryId(delivery.id),
                token: delivery.lease_token.ok_or_else(|| unreadable(&delivery, "lease_token"))?,
                endpoint: WebhookId(endpoint),
            },
            event: EventId(event.id),
            kind,
            document: event.document_id.map(DocumentId),
            happened_at: Timestamp(event.created_at),
            webhook: WebhookId(endpoint),
            organization: OrganizationId(row.organization_id),
            url: row.url.clone(),
            secrets: secrets.clone(),
            failed: u32::try_from(delivery.attempts).unwrap_or(0),
        });
    }
    Ok(due)
}

/// What this program cannot read is left to those that can, and holds up nothing of the same endpoint meanwhile.
async fn put_off(write: &DatabaseTransaction, seq: i64, now: Timestamp) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value((now + PUT_OFF).0))
        .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
        .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
        .filter(Column::Seq.eq(seq))
        .exec(write)
        .await?;
    Ok(())
}

async fn lease_some(
    write: &DatabaseTransaction,
    endpoint: Uuid,
    room: u64,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Model>, StoreError> {
    let first = Query::select()
        .column(Column::Seq)
        .from(Entity)
        .cond_where(is_due(now).add(Column::EndpointId.eq(endpoint)))
        .order_by(Column::NextAttemptAt, Order::Asc)
        .order_by(Column::Seq, Order::Asc)
        .limit(room)
        .take();
    let update = Query::update()
        .table(Entity)
        .value(Column::LeaseUntil, (now + lease).0)
        .value(Column::LeaseToken, Uuid::new_v4())
        .and_where(Column::Seq.in_subquery(first))
        .returning(Query::returning().columns(Column::iter()))
        .take();
    let rows = write.query_all(&update).await?;
    Ok(rows.iter().map(|row| Model::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

/// Enabled, and not resting.
fn is_awake(now: Timestamp) -> Condition {
    use webhook_endpoint::Column;
    let rested = Condition::any().add(Column::RestsUntil.is_null()).add(Column::RestsUntil.lte(now.0));
    Condition::all().add(Column::DisabledAt.is_null()).add(rested)
}

/// To be tried now, and nobody's.
fn is_due(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::State.eq(DeliveryState::Pending))
        .add(Column::NextAttemptAt.lte(now.0))
        .add(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now.0)))
}
