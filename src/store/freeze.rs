//! Freezing metered use: what is settled by now of each day becomes one row of the outbox, before anything is sent (row B4).
//!
//! All rows of an organisation's ledger are written under the lock of its balance, so their ids grow in the order of commits. A
//! freeze takes the same lock and a range of ids: no row is in two freezes, and none that commits later is in an earlier one.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp, usage::worth};

use crate::{
    MeterEventState, Store, StoreError, credits,
    entities::{ledger_entry, meter_event, usage_sync},
    usage::not_prepaid,
};

/// What is to be frozen, and for whom.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// Whose use.
    pub organization: OrganizationId,
    /// Who pays for it, by Stripe's id.
    pub customer: String,
    /// The event name of the meter that counts it.
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
    /// Freezes what is settled in a range of days and not frozen yet, and takes over what earlier calls left pending in it.
    /// A call whose name is known freezes nothing: it is answered as it is.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn freeze(&self, freeze: &Freeze) -> Result<Frozen, StoreError> {
        let write = self.write().await?;
        credits::locked(&write, freeze.organization).await?;
        if let Some(known) = known(&write, freeze).await? {
            let same = (known.first, known.last) == (freeze.first, freeze.last);
            return Ok(if same { Frozen::Sync(known) } else { Frozen::OtherRange(known) });
        }
        let mut sync = begin(&write, freeze).await?;
        for day in freeze.first.until(freeze.last.min(Day::of(freeze.now))) {
            freeze_day(&write, freeze, sync.id, day).await?;
        }
        take_over(&write, freeze, sync.id).await?;
        sync.total_documents = frozen_units(&write, freeze).await?;
        let row = usage_sync::ActiveModel { id: Set(sync.id), total_documents: Set(sync.total_documents), ..Default::default() };
        row.update(&*write).await?;
        write.commit().await?;
        Ok(Frozen::Sync(sync))
    }

    /// Ends a call that has nothing pending left, and says how it ended: what was sent is counted here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sync(&self, sync: i64, success: bool, message: &str, now: Timestamp) -> Result<SyncEnd, StoreError> {
        let write = self.write().await?;
        let sent = meter_event::Column::SyncId.eq(sync).and(meter_event::Column::State.eq(MeterEventState::Sent));
        let value_sent = sum(&write, meter_event::Column::Value, sent).await?;
        let row = usage_sync::ActiveModel {
            id: Set(sync),
            value_sent: Set(value_sent),
            message: Set(Some(message.to_owned())),
            success: Set(Some(success)),
            finished_at: Set(Some(now.0)),
            ..Default::default()
        };
        row.update(&*write).await?;
        write.commit().await?;
        Ok(SyncEnd { success, value_sent, message: message.to_owned() })
    }
}

async fn known(write: &DatabaseTransaction, freeze: &Freeze) -> Result<Option<UsageSync>, StoreError> {
    let Some(id) = &freeze.idempotency_id else { return Ok(None) };
    let named = usage_sync::Column::OrganizationId.eq(freeze.organization.0).and(usage_sync::Column::IdempotencyId.eq(id.as_str()));
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
        message: Set(None),
        success: Set(None),
        finished_at: Set(None),
        ..Default::default()
    };
    Ok(read(row.insert(write).await?))
}

/// One row of the outbox, if the day has billable use after its last freeze.
async fn freeze_day(write: &DatabaseTransaction, freeze: &Freeze, sync: i64, day: Day) -> Result<(), StoreError> {
    let of_day = meter_event::Column::OrganizationId.eq(freeze.organization.0).and(meter_event::Column::Day.eq(day.0));
    let last = meter_event::Entity::find().filter(of_day).order_by_desc(meter_event::Column::Sequence).one(write).await?;
    let (from_entry, sequence) = last.map_or((0, 1), |last| (last.to_entry, last.sequence + 1));
    let Some((to_entry, units)) = settled_since(write, freeze.organization, day, from_entry).await? else { return Ok(()) };
    let carried = owed(write, freeze.organization).await?;
    let worth = worth(units, carried);
    let row = meter_event::ActiveModel {
        organization_id: Set(freeze.organization.0),
        day: Set(day.0),
        sequence: Set(sequence),
        from_entry: Set(from_entry),
        to_entry: Set(to_entry),
        units: Set(units),
        carried: Set(carried),
        value: Set(worth.value),
        owed: Set(worth.owed),
        customer: Set(freeze.customer.clone()),
        meter: Set(freeze.meter.clone()),
        identifier: Set(identifier(freeze, day, to_entry)),
        state: Set(if worth.value == 0 { MeterEventState::Nothing } else { MeterEventState::Pending }),
        attempts: Set(0),
        frozen_at: Set(freeze.now.0),
        first_attempt_at: Set(None),
        sent_at: Set(None),
        error: Set(None),
        sync_id: Set(sync),
        ..Default::default()
    };
    meter_event::Entity::insert(row).exec_without_returning(write).await?;
    Ok(())
}

/// The last row of the day's ledger and the net use of all rows after `from_entry`; `None` where there is none.
async fn settled_since(
    write: &DatabaseTransaction,
    organization: OrganizationId,
    day: Day,
    from_entry: i64,
) -> Result<Option<(i64, i64)>, StoreError> {
    use ledger_entry::Column;
    let found: Option<(Option<i64>, Option<i64>)> = ledger_entry::Entity::find()
        .select_only()
        .column_as(Column::Id.max(), "last")
        .column_as(Column::Units.sum().cast_as("BIGINT"), "units")
        .filter(Column::OrganizationId.eq(organization.0).and(Column::Id.gt(from_entry)).and(Column::Units.ne(0)))
        .filter(Column::CreatedAt.gte(day.start().0).and(Column::CreatedAt.lt(day.end().0)))
        .filter(not_prepaid())
        .into_tuple()
        .one(write)
        .await?;
    Ok(found.and_then(|(last, units)| last.zip(units)))
}

/// What is owed to the organisation since its last freeze: 0 or less.
async fn owed(write: &DatabaseTransaction, organization: OrganizationId) -> Result<i64, StoreError> {
    let of_it = meter_event::Entity::find().filter(meter_event::Column::OrganizationId.eq(organization.0));
    let last = of_it.order_by_desc(meter_event::Column::Id).one(write).await?;
    Ok(last.map_or(0, |last| last.owed))
}

/// The same for the same rows, whoever freezes them and however often: Stripe tells a repeat by it. At most 100 characters.
fn identifier(freeze: &Freeze, day: Day, to_entry: i64) -> String {
    use sha2::{Digest, Sha256};
    let meter = hex::encode(&Sha256::digest(freeze.meter.as_bytes())[..4]);
    format!("touchstone-{}-{meter}-{day}-{to_entry}", freeze.organization.0.simple())
}

async fn take_over(write: &DatabaseTransaction, freeze: &Freeze, sync: i64) -> Result<(), StoreError> {
    meter_event::Entity::update_many()
        .col_expr(meter_event::Column::SyncId, Expr::value(sync))
        .filter(of_range(freeze).and(meter_event::Column::State.eq(MeterEventState::Pending)))
        .exec(write)
        .await?;
    Ok(())
}

async fn frozen_units(write: &DatabaseTransaction, freeze: &Freeze) -> Result<i64, StoreError> {
    sum(write, meter_event::Column::Units, of_range(freeze)).await
}

fn of_range(freeze: &Freeze) -> Expr {
    let days = meter_event::Column::Day.between(freeze.first.0, freeze.last.0);
    meter_event::Column::OrganizationId.eq(freeze.organization.0).and(days)
}

async fn sum(write: &DatabaseTransaction, column: meter_event::Column, of: Expr) -> Result<i64, StoreError> {
    let sum = meter_event::Entity::find().select_only().column_as(column.sum().cast_as("BIGINT"), "total").filter(of);
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
    }
}
