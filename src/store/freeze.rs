//! Freezing metered use: what is settled by now of each day becomes one row of the outbox, before anything is sent (row B4).
//!
//! All rows of an organisation's ledger are written under the lock of its balance, so their ids grow in the order of commits. A
//! freeze takes the same lock and a range of ids: no row is in two freezes, and none that commits later is in an earlier one.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp, usage::worth};

use crate::{
    MeterEventState, Store, StoreError, credits,
    entities::{meter_event, usage_sync},
    meter_events,
    open_use::{self, Unfrozen},
    usage,
};

/// What is to be frozen. Who pays for it is read where it is frozen.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// Whose use.
    pub organization: OrganizationId,
    /// The event name of the meter that counts it; empty where only the call that sends it knows.
    pub meter: String,
    /// The first day.
    pub first: Day,
    /// The last day, included. What lies in the future is not there yet.
    pub last: Day,
    /// The caller's name for this call.
    pub idempotency_id: Option<String>,
    /// The present moment.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// A call of this name and range, new or known: its pending events are to be sent.
    Sync(UsageSync),
    /// The name was given to a call with another range.
    OtherRange(UsageSync),
}

/// One call that froze use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSync {
    /// Its number.
    pub id: i64,
    /// The first day that was asked for.
    pub first: Day,
    /// The last day that was asked for.
    pub last: Day,
    /// When it froze.
    pub frozen_at: Timestamp,
    /// Net use of the range that was frozen by then.
    pub total_documents: i64,
    /// How it ended; `None` while something of it waits.
    pub ended: Option<SyncEnd>,
    /// The newest event when it had frozen.
    up_to_event: i64,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncEnd {
    /// Whether Stripe has taken everything that it could take.
    pub success: bool,
    /// What was sent by this call.
    pub value_sent: i64,
    /// What its caller was told.
    pub message: String,
}

impl Store {
    /// The call that an organisation gave this name to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage_sync(&self, organization: OrganizationId, name: &str) -> Result<Option<UsageSync>, StoreError> {
        known(self.reader(), organization, name).await
    }

    /// Freezes what is settled in a range of days and not frozen yet, for whoever pays at that moment, and takes over what earlier
    /// calls left pending in it. Where nobody pays, nothing new is frozen. A call whose name is known freezes nothing: it goes on with
    /// what it froze.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn freeze(&self, freeze: &Freeze) -> Result<Frozen, StoreError> {
        // A long ledger is read before anybody has to wait for this call.
        let clean_to = open_use::looked_through(self.reader(), freeze.organization).await?;
        let write = self.write().await?;
        credits::locked(&write, freeze.organization).await?;
        let known = match &freeze.idempotency_id {
            Some(name) => known(&*write, freeze.organization, name).await?,
            None => None,
        };
        let sync = match known {
            Some(other) if (other.first, other.last) != (freeze.first, freeze.last) => return Ok(Frozen::OtherRange(other)),
            Some(known) if known.succeeded() => return Ok(Frozen::Sync(known)),
            Some(known) => known,
            None => {
                let owner = credits::owner(&write, freeze.organization).await?;
                freeze_in(&write, freeze, owner.stripe_customer_id.as_deref(), clean_to).await?
            }
        };
        take_over(&write, freeze, &sync).await?;
        write.commit().await?;
        Ok(Frozen::Sync(sync))
    }

    /// Ends a call, and says how: what was sent is counted here. `None`: something of it still waits, so it has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sync(
        &self,
        organization: OrganizationId,
        sync: &UsageSync,
        message: &str,
        now: Timestamp,
    ) -> Result<Option<SyncEnd>, StoreError> {
        use meter_event::Column;
        let write = self.write().await?;
        // Nobody freezes, takes over or is told to send again while this is found out.
        credits::locked(&write, organization).await?;
        let elsewhere = meter_event::Entity::find().filter(left_of(organization, sync)).count(&*write).await?;
        // One look, for a report of Stripe's holds no balance and may come at any moment.
        let states = meter_event::Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Value.sum().cast_as("BIGINT"), "value")
            .filter(Column::SyncId.eq(sync.id))
            .group_by(Column::State);
        let states: Vec<(MeterEventState, i64)> = states.into_tuple().all(&*write).await?;
        let of = |state| states.iter().find(|(of, _)| *of == state).map(|(_, value)| *value);
        if elsewhere > 0 || of(MeterEventState::Pending).is_some() {
            return Ok(None);
        }
        let success = of(MeterEventState::Refused).or(of(MeterEventState::Doubtful)).is_none();
        let value_sent = of(MeterEventState::Sent).unwrap_or(0);
        let row = usage_sync::ActiveModel {
            id: Set(sync.id),
            value_sent: Set(value_sent),
            message: Set(Some(message.to_owned())),
            success: Set(Some(success)),
            finished_at: Set(Some(now.0)),
            ..Default::default()
        };
        row.update(&*write).await?;
        write.commit().await?;
        Ok(Some(SyncEnd { success, value_sent, message: message.to_owned() }))
    }
}

impl UsageSync {
    /// Whether it needs nothing more. One that left something to people may yet be finished, once they have decided.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.ended.as_ref().is_some_and(|end| end.success)
    }
}

/// One call, with an event for every day of its range that has billable use after its last freeze, if there is a customer who pays.
/// Looks only at rows after `clean_to`. The caller holds the balance.
pub(crate) async fn freeze_in(
    write: &DatabaseTransaction,
    freeze: &Freeze,
    customer: Option<&str>,
    clean_to: i64,
) -> Result<UsageSync, StoreError> {
    let mut sync = begin(write, freeze).await?;
    if let Some(customer) = customer {
        let asked = freeze.first..=freeze.last.min(Day::of(freeze.now));
        let mut owed = usage::owed(write, freeze.organization).await?;
        for unfrozen in open_use::unfrozen(write, freeze.organization, clean_to).await? {
            if asked.contains(&Day(unfrozen.day)) {
                owed = freeze_day(write, freeze, customer, sync.id, &unfrozen, owed).await?;
            }
        }
    }
    sync.total_documents = frozen_units(write, freeze).await?;
    sync.up_to_event = usage::newest(write, freeze.organization).await?.map_or(0, |newest| newest.id);
    let clean_to = open_use::now_clean_to(write, freeze.organization, clean_to).await?;
    let row = usage_sync::ActiveModel {
        id: Set(sync.id),
        total_documents: Set(sync.total_documents),
        clean_to: Set(clean_to),
        up_to_event: Set(sync.up_to_event),
        ..Default::default()
    };
    row.update(write).await?;
    Ok(sync)
}

async fn known(write: &impl ConnectionTrait, organization: OrganizationId, name: &str) -> Result<Option<UsageSync>, StoreError> {
    let named = usage_sync::Column::OrganizationId.eq(organization.0).and(usage_sync::Column::IdempotencyId.eq(name));
    Ok(usage_sync::Entity::find().filter(named).one(write).await?.map(read))
}

async fn begin(write: &DatabaseTransaction, freeze: &Freeze) -> Result<UsageSync, StoreError> {
    let row = usage_sync::ActiveModel {
        organization_id: Set(freeze.organization.0),
        idempotency_id: Set(freeze.idempotency_id.clone()),
        first_day: Set(freeze.first.0),
        last_day: Set(freeze.last.0),
        frozen_at: Set(freeze.now.0),
        total_documents: Set(0),
        value_sent: Set(0),
        clean_to: Set(0),
        message: Set(None),
        success: Set(None),
        finished_at: Set(None),
        up_to_event: Set(0),
        ..Default::default()
    };
    Ok(read(row.insert(write).await?))
}

/// One row of the outbox; answers what is owed after it.
async fn freeze_day(
    write: &DatabaseTransaction,
    freeze: &Freeze,
    customer: &str,
    sync: i64,
    of: &Unfrozen,
    carried: i64,
) -> Result<i64, StoreError> {
    let Unfrozen { day, last, units } = *of;
    let of_day = meter_event::Column::OrganizationId.eq(freeze.organization.0).and(meter_event::Column::Day.eq(day));
    let before = meter_event::Entity::find().filter(of_day).order_by_desc(meter_event::Column::Sequence).one(write).await?;
    let (from_entry, sequence) = before.map_or((0, 1), |before| (before.to_entry, before.sequence + 1));
    let worth = worth(units, carried);
    let row = meter_event::ActiveModel {
        organization_id: Set(freeze.organization.0),
        day: Set(day),
        sequence: Set(sequence),
        from_entry: Set(from_entry),
        to_entry: Set(last),
        units: Set(units),
        carried: Set(carried),
        value: Set(worth.value),
        owed: Set(worth.owed),
        customer: Set(customer.to_owned()),
        meter: Set(freeze.meter.clone()),
        identifier: Set(identified(freeze.organization, &freeze.meter, Day(day), last)),
        state: Set(if worth.value == 0 { MeterEventState::Nothing } else { MeterEventState::Pending }),
        attempts: Set(0),
        frozen_at: Set(freeze.now.0),
        first_attempt_at: Set(None),
        sent_at: Set(None),
        error: Set(None),
        sync_id: Set(sync),
        last_attempt_at: Set(None),
        unanswered: Set(0),
        decided_at: Set(None),
        ..Default::default()
    };
    meter_event::Entity::insert(row).exec_without_returning(write).await?;
    Ok(worth.owed)
}

/// What the call is to send: everything pending of its range that was frozen by then, whichever call froze it, by whatever clock.
async fn take_over(write: &DatabaseTransaction, freeze: &Freeze, sync: &UsageSync) -> Result<(), StoreError> {
    meter_events::hold(write, left_of(freeze.organization, sync)).await?;
    meter_event::Entity::update_many()
        .col_expr(meter_event::Column::SyncId, Expr::value(sync.id))
        .filter(left_of(freeze.organization, sync))
        .exec(write)
        .await?;
    name_meter(write, freeze, sync.id).await
}

/// What Stripe surely has not goes to the meter of today: a name that was mistyped in the settings is not kept.
async fn name_meter(write: &DatabaseTransaction, freeze: &Freeze, sync: i64) -> Result<(), StoreError> {
    use meter_event::Column;
    // An attempt that is under way may be accepted, and is counted here.
    let nowhere = Column::SyncId.eq(sync).and(Column::State.eq(MeterEventState::Pending)).and(Column::Unanswered.eq(0));
    let elsewhere = nowhere.and(Column::Meter.ne(freeze.meter.as_str()));
    for row in meter_event::Entity::find().filter(elsewhere).all(write).await? {
        let identifier = identifier(&row, &freeze.meter);
        let row = meter_event::ActiveModel {
            id: Set(row.id),
            meter: Set(freeze.meter.clone()),
            identifier: Set(identifier),
            ..Default::default()
        };
        row.update(write).await?;
    }
    Ok(())
}

/// What of a call's days still waits, as far as it was frozen when the call froze: numbers are given under the balance's lock, and moments
/// by the clocks of many nodes.
fn left_of(organization: OrganizationId, sync: &UsageSync) -> Expr {
    use meter_event::Column;
    let frozen = Column::OrganizationId.eq(organization.0).and(Column::Id.lte(sync.up_to_event));
    frozen.and(Column::Day.between(sync.first.0, sync.last.0)).and(Column::State.eq(MeterEventState::Pending))
}

/// The same for the same rows, whoever freezes them and however often: Stripe tells a repeat by it. At most 100 characters.
fn identified(organization: OrganizationId, meter: &str, day: Day, to_entry: i64) -> String {
    use sha2::{Digest, Sha256};
    let meter = hex::encode(&Sha256::digest(meter.as_bytes())[..4]);
    format!("touchstone-{}-{meter}-{day}-{to_entry}", organization.0.simple())
}

/// An event's identifier at a meter. Every time that people had it sent again left an `r` at its end.
pub(crate) fn identifier(event: &meter_event::Model, meter: &str) -> String {
    let again = &event.identifier[event.identifier.trim_end_matches('r').len()..];
    identified(OrganizationId(event.organization_id), meter, Day(event.day), event.to_entry) + again
}

async fn frozen_units(write: &DatabaseTransaction, freeze: &Freeze) -> Result<i64, StoreError> {
    use meter_event::Column;
    let of_range = Column::OrganizationId.eq(freeze.organization.0).and(Column::Day.between(freeze.first.0, freeze.last.0));
    let sum = meter_event::Entity::find().select_only().column_as(Column::Units.sum().cast_as("BIGINT"), "total").filter(of_range);
    Ok(sum.into_tuple::<Option<i64>>().one(write).await?.flatten().unwrap_or(0))
}

fn read(row: usage_sync::Model) -> UsageSync {
    let ended = row.success.map(|success| SyncEnd { success, value_sent: row.value_sent, message: row.message.unwrap_or_default() });
    UsageSync {
        id: row.id,
        first: Day(row.first_day),
        last: Day(row.last_day),
        frozen_at: Timestamp(row.frozen_at),
        total_documents: row.total_documents,
        ended,
        up_to_event: row.up_to_event,
    }
}
