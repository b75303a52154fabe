//! The outbox of webhooks: what happened is written, with a delivery to each endpoint that wants to know, in the transaction in which it
//! happens. A crash therefore loses no event, and makes none of what did not happen.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::LockType,
};
use touchstone_core::{
    ids::{DeliveryId, DocumentId, EventId, ProjectId, WebhookId},
    time::Timestamp,
    webhook::Event,
};
use uuid::Uuid;

use crate::{
    DeliveryState, DocumentStatus, StoreError,
    entities::{document, webhook_delivery, webhook_endpoint, webhook_event},
    progress, webhooks,
};

/// Rows that one statement writes: PostgreSQL takes 65 535 values.
const AT_ONCE: usize = 1000;

/// A document ended for good: its job leaves the queue in this transaction, so that this is told once. Whether anybody is to be told.
pub(crate) async fn document_ended(write: &DatabaseTransaction, document: DocumentId) -> Result<bool, StoreError> {
    let Some(row) = document::Entity::find_by_id(document.0).one(write).await? else { return Ok(false) };
    let Some(project) = row.project_id else { return Ok(false) };
    // Held against being deleted, as inserting their deliveries would: that must not fail what ends here. Not against being disabled: what
    // is queued in that very moment is abandoned by the sweep.
    let endpoints = webhook_endpoint::Entity::find().filter(webhooks::of(ProjectId(project)));
    let endpoints = endpoints.order_by_asc(webhook_endpoint::Column::Id).lock(LockType::KeyShare).all(write).await?;
    if endpoints.is_empty() {
        return Ok(false);
    }
    let mut told = row.status == DocumentStatus::Done && publish(write, Event::DetectionCompleted, &row, &endpoints).await?;
    if let Some(batch) = row.batch_id {
        told |= batch_ended(write, batch, &endpoints).await?;
    }
    Ok(told)
}

/// Tells of a batch once its last image has ended.
async fn batch_ended(write: &DatabaseTransaction, batch: Uuid, endpoints: &[webhook_endpoint::Model]) -> Result<bool, StoreError> {
    use document::{Column, Entity};
    // Held first: of two last images that end at once, the second looks after the first is committed.
    let Some(whole) = Entity::find_by_id(batch).lock_exclusive().one(write).await? else { return Ok(false) };
    let of_it = || Entity::find().filter(Column::BatchId.eq(batch));
    if of_it().filter(progress::under_way()).count(write).await? > 0 {
        return Ok(false);
    }
    // Pictures of one image may all be there a moment before its job leaves the queue.
    let ends = [Event::BatchCompleted, Event::BatchFailed].map(Event::name);
    let told = webhook_event::Entity::find().filter(webhook_event::Column::DocumentId.eq(batch));
    if told.filter(webhook_event::Column::Event.is_in(ends)).count(write).await? > 0 {
        return Ok(false);
    }
    let judged = of_it().filter(Column::Status.eq(DocumentStatus::Done)).count(write).await?;
    publish(write, if judged > 0 { Event::BatchCompleted } else { Event::BatchFailed }, &whole, endpoints).await
}

/// Writes the event if anybody subscribed to it, disabled or not: who is disabled can have it later. Whether anything is to be sent.
async fn publish(
    write: &DatabaseTransaction,
    event: Event,
    document: &document::Model,
    endpoints: &[webhook_endpoint::Model],
) -> Result<bool, StoreError> {
    let wanting: Vec<_> = endpoints.iter().filter(|endpoint| webhooks::events(endpoint).contains(&event)).collect();
    let Some(first) = wanting.first() else { return Ok(false) };
    let id = insert_event(write, event, first, Some(document.id)).await?;
    let enabled: Vec<_> = wanting.iter().filter(|endpoint| endpoint.disabled_at.is_none()).map(|endpoint| (id, endpoint.id, 0)).collect();
    insert_deliveries(write, &enabled).await?;
    Ok(!enabled.is_empty())
}

/// Writes an event of the endpoint's project.
pub(crate) async fn insert_event(
    write: &DatabaseTransaction,
    event: Event,
    endpoint: &webhook_endpoint::Model,
    document: Option<Uuid>,
) -> Result<EventId, StoreError> {
    let id = EventId::random();
    let row = webhook_event::ActiveModel {
        id: Set(id.0),
        organization_id: Set(endpoint.organization_id),
        project_id: Set(endpoint.project_id),
        event: Set(event.name().to_owned()),
        document_id: Set(document),
        created_at: Set(Timestamp::now().0),
    };
    webhook_event::Entity::insert(row).exec_without_returning(write).await?;
    Ok(id)
}

/// Queues deliveries: of which event, to which endpoint, and the how-manieth replay each is. Answers their ids.
pub(crate) async fn insert_deliveries(write: &DatabaseTransaction, which: &[(EventId, Uuid, i32)]) -> Result<Vec<DeliveryId>, StoreError> {
    let now = Timestamp::now();
    let rows: Vec<_> = which.iter().map(|(event, endpoint, replay)| delivery(*event, WebhookId(*endpoint), *replay, now)).collect();
    let ids = rows.iter().map(|(id, _)| *id).collect();
    let mut rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    while !rows.is_empty() {
        let some: Vec<_> = rows.drain(..rows.len().min(AT_ONCE)).collect();
        webhook_delivery::Entity::insert_many(some).exec_without_returning(write).await?;
    }
    Ok(ids)
}

fn delivery(event: EventId, endpoint: WebhookId, replay: i32, now: Timestamp) -> (DeliveryId, webhook_delivery::ActiveModel) {
    let id = DeliveryId::random();
    let row = webhook_delivery::ActiveModel {
        id: Set(id.0),
        event_id: Set(event.0),
        endpoint_id: Set(endpoint.0),
        replay: Set(replay),
        state: Set(DeliveryState::Pending),
        attempts: Set(0),
        next_attempt_at: Set(now.0),
        created_at: Set(now.0),
        ..Default::default()
    };
    (id, row)
}
