//! The outbox of meter events: each attempt is written before it is made, and each end once.
//!
//! Every change is made under the row's lock and only from the state that it expects, so two senders cannot both own an attempt,
//! and a sender that was thought dead changes nothing any more.

use std::time::Duration;

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DeriveActiveEnum, EntityTrait, EnumIter, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use serde::Serialize;
use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp};

use crate::{
    Store, StoreError, credits,
    entities::{
        meter_event::{ActiveModel, Column, Entity, Model},
        meter_event_past,
    },
    freeze::identifier,
};

/// How long Stripe's sums may lag behind what it accepted; until then not even people can tell what became of an attempt.
pub const SETTLED_AFTER: Duration = Duration::from_secs(3600);

/// How far a meter event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MeterEventState {
    /// It is to be sent, or to be sent again.
    Pending,
    /// Stripe has it.
    Sent,
    /// There is nothing to send: refunds outweighed the use.
    Nothing,
    /// Its day was too old for Stripe before it could be sent.
    Expired,
    /// Stripe does not take it.
    Refused,
    /// Nobody here can tell whether Stripe counted it: people must look.
    Doubtful,
    /// Stripe has it not, and people gave it up.
    WrittenOff,
}

/// Ends that people must look at.
pub(crate) const IN_QUESTION: [MeterEventState; 3] = [MeterEventState::Refused, MeterEventState::Doubtful, MeterEventState::Expired];

/// One frozen window, on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterEvent {
    /// Its number; an organisation's grow in the order of freezing.
    pub id: i64,
    /// Whose use.
    pub organization: OrganizationId,
    /// The day of the use.
    pub day: Day,
    /// What is sent.
    pub value: i64,
    /// Who pays.
    pub customer: String,
    /// The event name of the meter.
    pub meter: String,
    /// By what Stripe tells a repeat.
    pub identifier: String,
    /// How far it has come.
    pub state: MeterEventState,
    /// How often a request was about to be made.
    pub attempts: i32,
    /// When it was frozen.
    pub frozen_at: Timestamp,
    /// When the first request was about to be made, of those that Stripe still knows the identifier of.
    pub first_attempt_at: Option<Timestamp>,
    /// When the last request was about to be made.
    pub last_attempt_at: Option<Timestamp>,
    /// How many of them Stripe may have accepted, for all that is known here: their replies were lost, or said nothing.
    pub unanswered: i32,
    /// When Stripe was known to have it.
    pub sent_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Stripe accepted it.
    Accepted,
    /// Stripe's sums say that an earlier attempt was accepted.
    Found,
    /// Stripe has an event of this identifier: ours, if an earlier attempt may have been accepted, else a stranger's.
    Duplicate,
    /// Stripe does not take it, and will not later. An earlier attempt may have been accepted all the same.
    Refused(String),
    /// It is too old for Stripe.
    Expired,
    /// It cannot be told whether Stripe counted it.
    Doubtful(String),
    /// Stripe did not take it now; it stays pending.
    Declined(String),
    /// Nobody knows; it stays pending.
    Waiting(String),
}

/// What people decided about an event that waits for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Stripe has it.
    Sent,
    /// Stripe has it not, and it is to be sent under a new identifier.
    Again {
        /// Who pays for it; `None`: who was to pay for it before, whoever pays for the organisation by now.
        customer: Option<String>,
    },
    /// Stripe has it not, and is never to have it.
    Lost,
}

impl Store {
    /// The events that a call made or took over, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meter_events(&self, sync: i64) -> Result<Vec<MeterEvent>, StoreError> {
        self.listed(Column::SyncId.eq(sync)).await
    }

    /// Every event of a customer's day at one meter, oldest first: of all organisations that this customer pays for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meter_events_of_day(&self, customer: &str, meter: &str, day: Day) -> Result<Vec<MeterEvent>, StoreError> {
        let same = Column::Customer.eq(customer).and(Column::Meter.eq(meter)).and(Column::Day.eq(day.0));
        self.listed(same).await
    }

    /// An organisation's events that people must look at, oldest first: refused, doubtful or expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meter_events_in_question(
        &self,
        organization: OrganizationId,
        first: Day,
        last: Day,
    ) -> Result<Vec<MeterEvent>, StoreError> {
        let in_question = Column::State.is_in(IN_QUESTION).and(Column::Day.between(first.0, last.0));
        self.listed(Column::OrganizationId.eq(organization.0).and(in_question)).await
    }

    async fn listed(&self, of: Expr) -> Result<Vec<MeterEvent>, StoreError> {
        Ok(Entity::find().filter(of).order_by_asc(Column::Id).all(self.reader()).await?.into_iter().map(read).collect())
    }

    /// Writes that a request is about to be made, before it is. `anew`: Stripe's sums say that no earlier one was counted, and a new
    /// time of its memory begins. `None`: somebody else was there first, and the event is not this sender's any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_attempt(&self, event: &MeterEvent, anew: bool, now: Timestamp) -> Result<Option<MeterEvent>, StoreError> {
        let write = self.write().await?;
        let row = Entity::find_by_id(event.id).lock_exclusive().one(&*write).await?;
        let mine = row.filter(|row| row.state == MeterEventState::Pending && row.attempts == event.attempts);
        let Some(row) = mine else { return Ok(None) };
        // Stripe remembers nothing of attempts that it did not take.
        let first = row.first_attempt_at.filter(|_| !anew && row.unanswered > 0).unwrap_or(now.0);
        let attempt = ActiveModel {
            id: Set(row.id),
            attempts: Set(row.attempts + 1),
            // Until an answer takes it back: this process may die before it hears one.
            unanswered: Set(if anew { 1 } else { row.unanswered + 1 }),
            first_attempt_at: Set(Some(first)),
            last_attempt_at: Set(Some(now.0)),
            ..Default::default()
        };
        let row = attempt.update(&*write).await?;
        write.commit().await?;
        Ok(Some(read(row)))
    }

    /// Writes how the event's latest attempt ended, and answers the state that it is in. Nothing is changed where it has an end already,
    /// where a later attempt has begun, or where people decided meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_attempt(&self, event: &MeterEvent, end: AttemptEnd, now: Timestamp) -> Result<MeterEventState, StoreError> {
        let write = self.write().await?;
        let row = Entity::find_by_id(event.id).lock_exclusive().one(&*write).await?;
        let row = row.ok_or_else(|| StoreError::Unreadable { row: format!("meter_event {}", event.id), what: "id" })?;
        let latest = row.attempts == event.attempts && row.identifier == event.identifier;
        if row.state != MeterEventState::Pending || !latest {
            return Ok(row.state);
        }
        let answered = matches!(end, AttemptEnd::Declined(_)) && row.unanswered > 0;
        let unanswered = row.unanswered - i32::from(answered);
        let (state, sent_at, error) = ended(&row, end, now);
        let update = ActiveModel {
            id: Set(row.id),
            state: Set(state),
            unanswered: Set(unanswered),
            sent_at: Set(sent_at),
            error: Set(error),
            ..Default::default()
        };
        update.update(&*write).await?;
        write.commit().await?;
        Ok(state)
    }

    /// An organisation's events that wait, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meter_events_waiting(&self, organization: OrganizationId, first: Day, last: Day) -> Result<Vec<MeterEvent>, StoreError> {
        let pending = Column::State.eq(MeterEventState::Pending).and(Column::Day.between(first.0, last.0));
        self.listed(Column::OrganizationId.eq(organization.0).and(pending)).await
    }

    /// Writes what people found out about an event that was refused, doubtful or expired, or that was tried and waits since
    /// [`SETTLED_AFTER`]. One that is to be sent again goes to `meter`. `None`: there is none that waits for them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decide_meter_event(
        &self,
        event: i64,
        decision: Decision,
        meter: &str,
        now: Timestamp,
    ) -> Result<Option<MeterEvent>, StoreError> {
        let write = self.write().await?;
        let Some(row) = Entity::find_by_id(event).one(&*write).await? else { return Ok(None) };
        credits::locked(&write, OrganizationId(row.organization_id)).await?;
        let row = Entity::find_by_id(event).lock_exclusive().one(&*write).await?;
        let Some(row) = row.filter(|row| is_in_question(row, now)) else { return Ok(None) };
        let mut update = ActiveModel { id: Set(event), error: Set(None), ..Default::default() };
        match decision {
            Decision::Sent => {
                (update.state, update.sent_at, update.decided_at) = (Set(MeterEventState::Sent), Set(Some(now.0)), Set(Some(now.0)));
            }
            Decision::Lost => (update.state, update.decided_at) = (Set(MeterEventState::WrittenOff), Set(Some(now.0))),
            // What becomes of it from now on, nobody has decided.
            Decision::Again { customer } => {
                let customer = customer.unwrap_or_else(|| row.customer.clone());
                remember(&write, &row, &customer, meter).await?;
                (update.decided_at, update.customer) = (Set(None), Set(customer));
                (update.meter, update.identifier) = (Set(meter.to_owned()), Set(format!("{}r", identifier(&row, meter))));
                (update.state, update.attempts, update.unanswered) = (Set(MeterEventState::Pending), Set(0), Set(0));
                (update.first_attempt_at, update.last_attempt_at, update.sent_at) = (Set(None), Set(None), Set(None));
            }
        }
        let row = update.update(&*write).await?;
        write.commit().await?;
        Ok(Some(read(row)))
    }
}

/// Holds events until the transaction ends, in the order in which everybody does who holds more than one.
pub(crate) async fn hold(write: &DatabaseTransaction, of: Expr) -> Result<(), StoreError> {
    let ids = Entity::find().select_only().column(Column::Id).filter(of).order_by_asc(Column::Id);
    ids.lock_exclusive().into_tuple::<i64>().all(write).await?;
    Ok(())
}

/// Where an event goes elsewhere that may have been counted all the same, it stays known where that was.
async fn remember(write: &DatabaseTransaction, row: &Model, customer: &str, meter: &str) -> Result<(), StoreError> {
    let elsewhere = (row.customer.as_str(), row.meter.as_str()) != (customer, meter);
    // What was refused, expired or only ever declined was counted by nobody.
    let perhaps = row.state == MeterEventState::Doubtful || (row.state == MeterEventState::Pending && row.unanswered > 0);
    if elsewhere && perhaps {
        let past =
            meter_event_past::ActiveModel { event_id: Set(row.id), customer: Set(row.customer.clone()), meter: Set(row.meter.clone()) };
        let once = OnConflict::new().do_nothing().to_owned();
        meter_event_past::Entity::insert(past).on_conflict(once).exec_without_returning(write).await?;
    }
    Ok(())
}

/// Whether people may decide about it.
fn is_in_question(row: &Model, now: Timestamp) -> bool {
    let waits = row.state == MeterEventState::Pending && row.last_attempt_at.is_some_and(|at| Timestamp(at) < now - SETTLED_AFTER);
    waits || IN_QUESTION.contains(&row.state)
}

/// State, moment of sending and error after an attempt.
fn ended(row: &Model, end: AttemptEnd, now: Timestamp) -> (MeterEventState, Option<i64>, Option<String>) {
    match end {
        AttemptEnd::Accepted => (MeterEventState::Sent, Some(now.0), None),
        AttemptEnd::Found => (MeterEventState::Sent, row.first_attempt_at, None),
        AttemptEnd::Duplicate if row.unanswered > 1 => (MeterEventState::Sent, Some(now.0), None),
        AttemptEnd::Duplicate => {
            let error = "Stripe knows an event of this identifier, and counted none that was sent from here";
            (MeterEventState::Doubtful, None, Some(error.to_owned()))
        }
        AttemptEnd::Refused(error) if row.unanswered > 1 => (MeterEventState::Doubtful, None, Some(error)),
        AttemptEnd::Refused(error) => (MeterEventState::Refused, None, Some(error)),
        AttemptEnd::Expired => (MeterEventState::Expired, None, None),
        AttemptEnd::Doubtful(error) => (MeterEventState::Doubtful, None, Some(error)),
        AttemptEnd::Declined(error) | AttemptEnd::Waiting(error) => (MeterEventState::Pending, None, Some(error)),
    }
}

fn read(row: Model) -> MeterEvent {
    MeterEvent {
        id: row.id,
        organization: OrganizationId(row.organization_id),
        day: Day(row.day),
        value: row.value,
        customer: row.customer,
        meter: row.meter,
        identifier: row.identifier,
        state: row.state,
        attempts: row.attempts,
        frozen_at: Timestamp(row.frozen_at),
        first_attempt_at: row.first_attempt_at.map(Timestamp),
        last_attempt_at: row.last_attempt_at.map(Timestamp),
        unanswered: row.unanswered,
        sent_at: row.sent_at.map(Timestamp),
        error: row.error,
    }
}
