//! Metered use that is not billed yet: not frozen, or frozen and pending; of whatever day, and whatever the organisation is by now.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::Expr,
};
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, time::Timestamp};

use crate::{
    Freeze, MeterEventState, Store, StoreError,
    entities::{ledger_entry, meter_event, usage_sync},
    freeze::freeze_in,
    usage::{DAY, not_prepaid},
};

/// Since when an organisation's use waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenUse {
    /// The oldest day of which something is to be frozen.
    pub unfrozen: Option<Day>,
    /// The oldest day of which something is to be sent.
    pub pending: Option<Day>,
}

impl OpenUse {
    /// The oldest day of which anything waits.
    #[must_use]
    pub fn since(&self) -> Option<Day> {
        self.unfrozen.into_iter().chain(self.pending).min()
    }
}

/// What of a day is to be frozen.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Unfrozen {
    pub(crate) day: i32,
    /// The last of its rows.
    pub(crate) last: i64,
    /// Their net use.
    pub(crate) units: i64,
}

impl Store {
    /// What of an organisation's use waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_use(&self, organization: OrganizationId) -> Result<OpenUse, StoreError> {
        let clean_to = clean_to(self.reader(), organization).await?;
        let unfrozen = unfrozen(self.reader(), organization, clean_to).await?;
        let pending = meter_event::Column::OrganizationId.eq(organization.0).and(meter_event::Column::State.eq(MeterEventState::Pending));
        let pending = meter_event::Entity::find().filter(pending).order_by_asc(meter_event::Column::Day).one(self.reader()).await?;
        Ok(OpenUse { unfrozen: unfrozen.iter().map(|of| Day(of.day)).min(), pending: pending.map(|event| Day(event.day)) })
    }

    /// Organisations of which something may be to be sent: those that are metered, and those that were when something was frozen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ever_billed(&self) -> Result<Vec<Organization>, StoreError> {
        let frozen = usage_sync::Entity::find().select_only().distinct().column(usage_sync::Column::OrganizationId);
        let frozen: BTreeSet<uuid::Uuid> = frozen.into_tuple().all(self.reader()).await?.into_iter().collect();
        let mut all = self.organizations().await?;
        all.retain(|organization| organization.metered || frozen.contains(&organization.id.0));
        Ok(all)
    }
}

/// Before somebody else pays for an organisation, or nobody: what it used until now is frozen for whoever paid until now. The caller
/// holds the balance.
pub(crate) async fn freeze_for_payer(write: &DatabaseTransaction, before: &Organization, changed: &Organization) -> Result<(), StoreError> {
    let same = before.stripe_customer_id == changed.stripe_customer_id && (changed.metered || !before.metered);
    if same || before.stripe_customer_id.is_none() {
        return Ok(());
    }
    let days = unfrozen(write, changed.id, clean_to(write, changed.id).await?).await?;
    if let Some(first) = days.iter().map(|of| Day(of.day)).min() {
        let now = Timestamp::now();
        let (customer, meter, last) = (before.stripe_customer_id.clone(), String::new(), Day::of(now));
        let freeze = Freeze { organization: changed.id, customer, meter, first, last, idempotency_id: None, now };
        freeze_in(write, &freeze).await?;
    }
    Ok(())
}

/// Up to which row everything is frozen, or is never to be.
pub(crate) async fn clean_to(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<i64, StoreError> {
    let syncs = usage_sync::Entity::find().filter(usage_sync::Column::OrganizationId.eq(organization.0));
    let last = syncs.order_by_desc(usage_sync::Column::Id).one(of).await?;
    Ok(last.map_or(0, |last| last.clean_to))
}

/// The same, after a freeze.
pub(crate) async fn now_clean_to(write: &DatabaseTransaction, organization: OrganizationId, before: i64) -> Result<i64, StoreError> {
    let first = rows(organization, before).order_by_asc(ledger_entry::Column::Id).one(write).await?;
    if let Some(first) = first {
        return Ok(first.id - 1);
    }
    let of_it = ledger_entry::Entity::find().filter(ledger_entry::Column::OrganizationId.eq(organization.0));
    let last = of_it.order_by_desc(ledger_entry::Column::Id).one(write).await?;
    Ok(last.map_or(before, |last| last.id))
}

/// Every day with something to freeze, oldest first.
pub(crate) async fn unfrozen(of: &impl ConnectionTrait, organization: OrganizationId, clean_to: i64) -> Result<Vec<Unfrozen>, StoreError> {
    use ledger_entry::Column;
    Ok(rows(organization, clean_to)
        .select_only()
        .column_as(Expr::cust(format!("CAST({DAY} AS INTEGER)")), "day")
        .column_as(Column::Id.max(), "last")
        .column_as(Column::Units.sum().cast_as("BIGINT"), "units")
        .group_by(Expr::cust(DAY))
        .order_by_asc(Expr::cust(DAY))
        .into_model()
        .all(of)
        .await?)
}

/// The rows that are to be frozen; looks only at those after `clean_to`.
fn rows(organization: OrganizationId, clean_to: i64) -> Select<ledger_entry::Entity> {
    use ledger_entry::Column;
    let of_it = Column::OrganizationId.eq(organization.0).and(Column::Id.gt(clean_to)).and(Column::Units.ne(0));
    ledger_entry::Entity::find().filter(of_it).filter(after_its_days_last_freeze()).filter(not_prepaid())
}

fn after_its_days_last_freeze() -> Expr {
    Expr::cust(format!(
        "id > COALESCE((SELECT MAX(m.to_entry) FROM meter_event m \
         WHERE m.organization_id = ledger_entry.organization_id AND m.day = ledger_entry.{DAY}), 0)"
    ))
}
