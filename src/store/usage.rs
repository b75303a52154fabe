//! What was used and what of it was frozen, day by day: sums over the ledger and the outbox, for those who ask (row B5).

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};
use touchstone_core::{day::Day, ids::OrganizationId};

use crate::{
    MeterEventState, Settlement, Store, StoreError,
    entities::{document, ledger_entry, meter_event, meter_event_past},
};

/// The UTC day of a row of the ledger, as [`Day`] counts days.
pub(crate) const DAY: &str = "created_at / 86400000";

/// Rows of documents that were paid with credits when they were submitted: an organisation that became metered later is not
/// billed for them.
const PREPAID: &str = "EXISTS (SELECT 1 FROM ledger_entry r WHERE r.document_id = ledger_entry.document_id AND r.entry = 'reserve')";

/// An organisation's day. All sums are credits' worth of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayUsage {
    /// Net use, as the ledger proves it.
    pub units: i64,
    /// What of it was paid with credits.
    pub prepaid: i64,
    /// What of it is frozen, to be billed.
    pub frozen: i64,
    /// Sent to Stripe.
    pub sent: i64,
    /// Frozen, and still to be sent.
    pub pending: i64,
    /// Frozen, and too old to be sent.
    pub expired: i64,
    /// Frozen, and not taken by Stripe.
    pub refused: i64,
    /// Frozen, and perhaps counted by Stripe.
    pub doubtful: i64,
    /// Frozen, and given up by people: not to be billed any more.
    pub written_off: i64,
}

impl DayUsage {
    /// What a freeze would take now.
    #[must_use]
    pub const fn unfrozen(&self) -> i64 {
        self.units - self.prepaid - self.frozen
    }

    /// What was frozen and is due, whatever became of it.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.sent + self.pending + self.expired + self.refused + self.doubtful
    }
}

#[derive(FromQueryResult)]
struct Used {
    day: i64,
    units: i64,
    prepaid: i64,
}

#[derive(FromQueryResult)]
struct Counted {
    day: i32,
    state: MeterEventState,
    units: i64,
    value: i64,
}

impl Store {
    /// Every day of a range on which there was use or a freeze.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage(&self, organization: OrganizationId, first: Day, last: Day) -> Result<BTreeMap<Day, DayUsage>, StoreError> {
        let mut days: BTreeMap<Day, DayUsage> = BTreeMap::new();
        for used in self.used(organization, first, last).await? {
            let day = days.entry(Day(i32::try_from(used.day).unwrap_or(i32::MAX))).or_default();
            (day.units, day.prepaid) = (used.units, used.prepaid);
        }
        for counted in self.counted(organization, first, last).await? {
            let day = days.entry(Day(counted.day)).or_default();
            day.frozen += counted.units;
            match counted.state {
                MeterEventState::Sent => day.sent += counted.value,
                MeterEventState::Pending => day.pending += counted.value,
                MeterEventState::Expired => day.expired += counted.value,
                MeterEventState::Refused => day.refused += counted.value,
                MeterEventState::Doubtful => day.doubtful += counted.value,
                MeterEventState::WrittenOff => day.written_off += counted.value,
                MeterEventState::Nothing => {}
            }
        }
        Ok(days)
    }

    /// What was owed to an organisation at its last freeze, since refunds outweighed its use: 0 or more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credit_due(&self, organization: OrganizationId) -> Result<i64, StoreError> {
        Ok(-owed(self.reader(), organization).await?)
    }

    /// The customers and meters for which an organisation's use of a range was frozen, or was perhaps counted before people sent it
    /// elsewhere.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meters_used(&self, organization: OrganizationId, first: Day, last: Day) -> Result<Vec<(String, String)>, StoreError> {
        use meter_event::Column;
        let of_range = Column::OrganizationId.eq(organization.0).and(Column::Day.between(first.0, last.0));
        let events = meter_event::Entity::find().select_only().filter(of_range);
        let before = events.clone().column(Column::Id).into_query();
        let before = meter_event_past::Entity::find()
            .select_only()
            .columns([meter_event_past::Column::Customer, meter_event_past::Column::Meter])
            .filter(meter_event_past::Column::EventId.in_subquery(before));
        let mut pairs: Vec<(String, String)> = before.into_tuple().all(self.reader()).await?;
        let now = events.distinct().columns([Column::Customer, Column::Meter]).filter(Column::Meter.ne(""));
        pairs.extend(now.into_tuple::<(String, String)>().all(self.reader()).await?);
        Ok(pairs)
    }

    /// What other organisations have sent to a meter for the same customer, by day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sent_by_others(
        &self,
        organization: OrganizationId,
        customer: &str,
        meter: &str,
        first: Day,
        last: Day,
    ) -> Result<Vec<(Day, i64)>, StoreError> {
        use meter_event::Column;
        let others = Column::OrganizationId.ne(organization.0).and(Column::State.eq(MeterEventState::Sent));
        let same = Column::Customer.eq(customer).and(Column::Meter.eq(meter)).and(Column::Day.between(first.0, last.0));
        let days = meter_event::Entity::find()
            .select_only()
            .column(Column::Day)
            .column_as(Column::Value.sum().cast_as("BIGINT"), "value")
            .filter(others.and(same))
            .group_by(Column::Day);
        let days: Vec<(i32, i64)> = days.into_tuple().all(self.reader()).await?;
        Ok(days.into_iter().map(|(day, value)| (Day(day), value)).collect())
    }

    async fn used(&self, organization: OrganizationId, first: Day, last: Day) -> Result<Vec<Used>, StoreError> {
        use ledger_entry::Column;
        Ok(ledger_entry::Entity::find()
            .select_only()
            .column_as(Expr::cust(DAY), "day")
            .column_as(Column::Units.sum().cast_as("BIGINT"), "units")
            .column_as(Expr::cust(format!("CAST(SUM(CASE WHEN {PREPAID} THEN units ELSE 0 END) AS BIGINT)")), "prepaid")
            .filter(Column::OrganizationId.eq(organization.0).and(Column::Units.ne(0)))
            .filter(Column::CreatedAt.gte(first.start().0).and(Column::CreatedAt.lt(last.end().0)))
            .group_by(Expr::cust(DAY))
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// Units of documents that are under way: no row of the ledger proves them yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reserved_units(&self, organization: OrganizationId) -> Result<i64, StoreError> {
        use document::Column;
        let units: Option<Option<i64>> = document::Entity::find()
            .select_only()
            .column_as(Column::Units.sum().cast_as("BIGINT"), "units")
            .filter(Column::OrganizationId.eq(organization.0).and(Column::Settlement.eq(Settlement::Reserved)))
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(units.flatten().unwrap_or(0))
    }

    async fn counted(&self, organization: OrganizationId, first: Day, last: Day) -> Result<Vec<Counted>, StoreError> {
        use meter_event::Column;
        Ok(meter_event::Entity::find()
            .select_only()
            .columns([Column::Day, Column::State])
            .column_as(Column::Units.sum().cast_as("BIGINT"), "units")
            .column_as(Column::Value.sum().cast_as("BIGINT"), "value")
            .filter(Column::OrganizationId.eq(organization.0).and(Column::Day.between(first.0, last.0)))
            .group_by(Column::Day)
            .group_by(Column::State)
            .into_model()
            .all(self.reader())
            .await?)
    }
}

/// What is owed to the organisation since its last freeze: 0 or less.
pub(crate) async fn owed(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<i64, StoreError> {
    Ok(newest(of, organization).await?.map_or(0, |newest| newest.owed))
}

/// The organisation's newest event.
pub(crate) async fn newest(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<Option<meter_event::Model>, StoreError> {
    let of_it = meter_event::Entity::find().filter(meter_event::Column::OrganizationId.eq(organization.0));
    Ok(of_it.order_by_desc(meter_event::Column::Id).one(of).await?)
}

/// What is still to be billed.
pub(crate) fn not_prepaid() -> Expr {
    Expr::cust(format!("NOT {PREPAID}"))
}
