//! Metered use that is not billed yet: not frozen, or frozen and pending; of whatever day, and whatever the organisation is by now.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, time::Timestamp};

use crate::{
    Freeze, MeterEventState, Store, StoreError,
    entities::{ledger_entry, meter_event, usage_sync},
    freeze::freeze_in,
    meter_events::IN_QUESTION,
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
        let unfrozen = unfrozen(self.reader(), organization, clean_to(self.reader(), organization).await?).await?;
        let pending = self.oldest(organization, &[MeterEventState::Pending]).await?;
        Ok(OpenUse { unfrozen: unfrozen.iter().map(|of| Day(of.day)).min(), pending })
    }

    /// The oldest day of which people must look at something.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn in_question_since(&self, organization: OrganizationId) -> Result<Option<Day>, StoreError> {
        self.oldest(organization, &IN_QUESTION).await
    }

    async fn oldest(&self, organization: OrganizationId, states: &[MeterEventState]) -> Result<Option<Day>, StoreError> {
        use meter_event::Column;
        let of = Column::OrganizationId.eq(organization.0).and(Column::State.is_in(states.iter().copied()));
        let oldest = meter_event::Entity::find().filter(of).order_by_asc(Column::Day).one(self.reader()).await?;
        Ok(oldest.map(|event| Day(event.day)))
    }

    /// Writes down how far an organisation's ledger was looked through, where no call does: nothing of it is to be frozen any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_looked_through(&self, organization: OrganizationId) -> Result<(), StoreError> {
        let Some(last) = last_sync(self.reader(), organization).await? else { return Ok(()) };
        let clean_to = looked_through(self.reader(), organization).await?;
        if clean_to > last.clean_to {
            let write = self.write().await?;
            usage_sync::ActiveModel { id: Set(last.id), clean_to: Set(clean_to), ..Default::default() }.update(&*write).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Organisations of which something may be to be sent, now or one day: those that are metered, and those that were, for whoever
    /// leaves the meter leaves a call behind.
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

/// Before an organisation leaves the meter, or somebody else pays for it, or nobody: what it used until now is frozen for whoever paid
/// until now. The call is written even if it freezes nothing, for documents may still be on their way. The caller holds the balance.
pub(crate) async fn freeze_for_payer(write: &DatabaseTransaction, before: &Organization, changed: &Organization) -> Result<(), StoreError> {
    let customer = before.stripe_customer_id.as_deref();
    let leaves = before.metered && !changed.metered;
    let known = last_sync(write, changed.id).await?;
    let was_metered = before.metered || known.is_some();
    if !leaves && (customer.is_none() || customer == changed.stripe_customer_id.as_deref() || !was_metered) {
        return Ok(());
    }
    let clean_to = known.map_or(0, |last| last.clean_to);
    let days = unfrozen(write, changed.id, clean_to).await?;
    let days = days.iter().map(|of| Day(of.day));
    // Whoever stamped the newest row may have had a clock that is ahead of this one.
    let now = days.clone().map(Day::start).fold(Timestamp::now(), Timestamp::max);
    let last = Day::of(now);
    let first = days.min().unwrap_or(last);
    let freeze = Freeze { organization: changed.id, meter: String::new(), first, last, idempotency_id: None, now };
    freeze_in(write, &freeze, customer, clean_to).await.map(drop)
}

/// Up to which row everything is frozen, or is never to be: as far as was looked.
async fn clean_to(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<i64, StoreError> {
    Ok(last_sync(of, organization).await?.map_or(0, |last| last.clean_to))
}

async fn last_sync(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<Option<usage_sync::Model>, StoreError> {
    let syncs = usage_sync::Entity::find().filter(usage_sync::Column::OrganizationId.eq(organization.0));
    Ok(syncs.order_by_desc(usage_sync::Column::Id).one(of).await?)
}

/// The same as of now. Needs no lock: what is found stays true.
pub(crate) async fn looked_through(of: &impl ConnectionTrait, organization: OrganizationId) -> Result<i64, StoreError> {
    now_clean_to(of, organization, clean_to(of, organization).await?).await
}

/// The same, looking only at rows after `before`.
pub(crate) async fn now_clean_to(of: &impl ConnectionTrait, organization: OrganizationId, before: i64) -> Result<i64, StoreError> {
    use ledger_entry::Column;
    // The newest row first: one that is written in between lies after it, and is not passed over.
    let of_it = ledger_entry::Entity::find().filter(Column::OrganizationId.eq(organization.0));
    let newest = of_it.order_by_desc(Column::Id).one(of).await?;
    let unfrozen = rows(organization, before).order_by_asc(Column::Id).one(of).await?;
    Ok(unfrozen.map(|row| row.id - 1).or(newest.map(|row| row.id)).unwrap_or(before))
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
