//! What webhooks leave behind, and how it goes (row V12): what was said goes with the documents that it tells of, deliveries with their
//! endpoint, events when their time is over.
//!
//! All of it in rounds: whatever one tenant tidies up, nobody waits longer for a lock than one round takes.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use touchstone_core::{
    ids::{OrganizationId, WebhookId},
    organization::Retention,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    DeliveryState, Forgotten, Store, StoreError,
    deliveries::lock_endpoint,
    entities::{
        document, organization, webhook_attempt as attempt,
        webhook_delivery::{Column, Entity},
        webhook_endpoint as endpoint, webhook_event as event,
    },
};

/// Deliveries that one transaction ends or deletes.
const ROUND: u64 = 500;

impl Store {
    /// Deletes deliveries and tries of webhooks that were deleted, and those webhooks, of one organisation or of all: one round. `false`:
    /// there is nothing left of any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_webhooks(&self, of: Option<OrganizationId>) -> Result<bool, StoreError> {
        let mut deleted = endpoint::Entity::find().select_only().column(endpoint::Column::Id);
        deleted = deleted.filter(endpoint::Column::DeletedAt.is_not_null());
        if let Some(of) = of {
            deleted = deleted.filter(endpoint::Column::OrganizationId.eq(of.0));
        }
        let Some(id) = deleted.into_tuple::<Uuid>().one(self.reader()).await? else { return Ok(false) };
        let write = self.write().await?;
        // Whoever is queuing something for it at this moment is waited for, and what they queued goes as well.
        endpoint::Entity::find_by_id(id).lock_exclusive().one(&*write).await?;
        let some = Entity::find().select_only().column(Column::Id).filter(Column::EndpointId.eq(id)).limit(ROUND);
        let some: Vec<Uuid> = some.into_tuple().all(&*write).await?;
        let last = (some.len() as u64) < ROUND;
        attempt::Entity::delete_many().filter(attempt::Column::DeliveryId.is_in(some.iter().copied())).exec(&*write).await?;
        Entity::delete_many().filter(Column::Id.is_in(some)).exec(&*write).await?;
        if last {
            endpoint::Entity::delete_by_id(id).exec(&*write).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// Abandons what waits for webhooks that are disabled, whoever was cut off before that, and forgets secrets whose overlap is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tidy_webhooks(&self) -> Result<(), StoreError> {
        let waits = Expr::col((Entity, Column::EndpointId)).equals((endpoint::Entity, endpoint::Column::Id));
        let waits =
            Query::select().expr(Expr::val(1)).from(Entity).and_where(waits).and_where(Column::State.eq(DeliveryState::Pending)).take();
        let disabled = endpoint::Column::DisabledAt.is_not_null().and(endpoint::Column::DeletedAt.is_null());
        let disabled = endpoint::Entity::find().select_only().column(endpoint::Column::Id).filter(disabled.and(Expr::exists(waits)));
        for id in disabled.into_tuple::<Uuid>().all(self.reader()).await? {
            self.abandon_all_of(WebhookId(id)).await?;
        }
        let write = self.write().await?;
        endpoint::Entity::update_many()
            .col_expr(endpoint::Column::OldSecret, Expr::value(None::<Vec<u8>>))
            .col_expr(endpoint::Column::OldSecretUntil, Expr::value(None::<i64>))
            .filter(endpoint::Column::OldSecretUntil.lte(Timestamp::now().0))
            .exec(&*write)
            .await?;
        write.commit().await
    }

    /// Nothing that waits for this disabled webhook is sent any more; what is under way may still arrive, and is then not recorded.
    pub(crate) async fn abandon_all_of(&self, id: WebhookId) -> Result<(), StoreError> {
        loop {
            let write = self.write().await?;
            // Somebody may have enabled it again, and what was queued since then is to be sent.
            let disabled = lock_endpoint(&write, id).await?.is_some_and(|row| row.disabled_at.is_some());
            if !disabled {
                return Ok(());
            }
            let abandoned = abandon_some(&write, id).await?;
            write.commit().await?;
            if abandoned < ROUND {
                return Ok(());
            }
        }
    }

    /// Deletes up to `limit` events that happened before then, with their deliveries and tries; not those that are still on their way to
    /// somebody. Answers how many events went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_events(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let old = event::Entity::find().select_only().column(event::Column::Id);
        let old = old.filter(event::Column::CreatedAt.lt(before.0).and(Expr::exists(on_its_way()).not()));
        let old: Vec<Uuid> = old.order_by_asc(event::Column::CreatedAt).limit(limit).into_tuple().all(&*write).await?;
        let deliveries = Query::select().column(Column::Id).from(Entity).and_where(Column::EventId.is_in(old.clone())).take();
        attempt::Entity::delete_many().filter(attempt::Column::DeliveryId.in_subquery(deliveries)).exec(&*write).await?;
        Entity::delete_many().filter(Column::EventId.is_in(old.clone())).exec(&*write).await?;
        let gone = event::Entity::delete_many().filter(event::Column::Id.is_in(old)).exec(&*write).await?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}

/// A delivery of the event that will be tried: one that waits for a disabled endpoint never is.
fn on_its_way() -> sea_orm::sea_query::SelectStatement {
    let of_it = Expr::col((Entity, Column::EventId)).equals((event::Entity, event::Column::Id));
    let its = Expr::col((endpoint::Entity, endpoint::Column::Id)).equals((Entity, Column::EndpointId));
    Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .inner_join(endpoint::Entity, its)
        .and_where(of_it)
        .and_where(Column::State.eq(DeliveryState::Pending))
        .and_where(endpoint::Column::DisabledAt.is_null())
        .take()
}

/// Abandons one round of what waits for an endpoint that is held; says how many that were.
async fn abandon_some(write: &DatabaseTransaction, id: WebhookId) -> Result<u64, StoreError> {
    let waiting = Column::EndpointId.eq(id.0).and(Column::State.eq(DeliveryState::Pending));
    let some = Query::select().column(Column::Seq).from(Entity).and_where(waiting).limit(ROUND).take();
    let abandoned = Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Abandoned))
        .col_expr(Column::EndedAt, Expr::value(Timestamp::now().0))
        .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
        .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
        .filter(Column::Seq.in_subquery(some))
        .exec(write)
        .await?;
    Ok(abandoned.rows_affected)
}

/// Empties every try that told of these documents, or of a batch that they are in: they are held, and are about to be forgotten. A try that
/// is under way at this moment writes no words down ([`may_keep_words`]).
pub(crate) async fn forget_words(write: &DatabaseTransaction, documents: &[document::Model]) -> Result<(), StoreError> {
    let batches: Vec<Uuid> = documents.iter().filter_map(|row| row.batch_id).collect();
    // Whoever writes down a try of such a batch at this moment holds it, and is waited for.
    let held = document::Entity::find().select_only().column(document::Column::Id).filter(document::Column::Id.is_in(batches.clone()));
    held.order_by_asc(document::Column::Id).lock_exclusive().into_tuple::<Uuid>().all(write).await?;
    let told = event::Column::DocumentId.is_in(documents.iter().map(|row| row.id).chain(batches));
    let told = Query::select().column(event::Column::Id).from(event::Entity).and_where(told).take();
    let told = Query::select().column(Column::Id).from(Entity).and_where(Column::EventId.in_subquery(told)).take();
    attempt::Entity::update_many()
        .col_expr(attempt::Column::Body, Expr::value(""))
        .col_expr(attempt::Column::Headers, Expr::value("{}"))
        .col_expr(attempt::Column::Answer, Expr::value(None::<String>))
        .col_expr(attempt::Column::Error, Expr::value(None::<String>))
        .filter(attempt::Column::DeliveryId.in_subquery(told))
        .exec(write)
        .await?;
    Ok(())
}

/// Whether what a try of this event said, and heard, may be written down: not where nothing is kept but verdicts, nor where what it tells of
/// was forgotten while it was under way. The document is held, so that whoever forgets it from now on finds the try.
pub(crate) async fn may_keep_words(write: &DatabaseTransaction, of: Uuid) -> Result<bool, StoreError> {
    let Some(event) = event::Entity::find_by_id(of).one(write).await? else { return Ok(false) };
    let organization = organization::Entity::find_by_id(event.organization_id).one(write).await?;
    if organization.is_none_or(|row| row.retention == Retention::Zero.name()) {
        return Ok(false);
    }
    let Some(id) = event.document_id else { return Ok(true) };
    let its = document::Entity::find_by_id(id).select_only().column(document::Column::Forgotten).lock_shared();
    let its: Option<Option<Forgotten>> = its.into_tuple().one(write).await?;
    if its != Some(None) {
        return Ok(false);
    }
    let forgotten = document::Column::BatchId.eq(id).and(document::Column::Forgotten.is_not_null());
    Ok(document::Entity::find().filter(Condition::all().add(forgotten)).count(write).await? == 0)
}
