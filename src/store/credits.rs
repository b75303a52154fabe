//! Balances and how they change. A balance changes only together with the ledger row that says why; rows are never changed.
//!
//! Every change of one organisation happens under its balance row's lock, and its ledger row is stamped inside it: the rows of an
//! organisation are in the order in which they were committed.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    SelectTwo,
};
use touchstone_core::{
    credit::{Balance, Credits, Entry},
    ids::{DocumentId, OrganizationId},
    organization::Organization,
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    entities::{balance, ledger_entry, organization},
    organizations,
};

/// One line of the ledger: why, and the balance before and after.
pub(crate) struct Movement<'a> {
    pub(crate) entry: Entry,
    pub(crate) from: Balance,
    pub(crate) to: Balance,
    /// Credits' worth of use that this proves; negative where it takes some back.
    pub(crate) units: i64,
    pub(crate) document: Option<DocumentId>,
    pub(crate) note: Option<&'a str>,
}

impl Store {
    /// What is left to spend this month: a reset that is due and not yet written counts. Of a metered organisation too: what it is
    /// told instead is [`touchstone_core::credit::METERED`].
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn credits(&self, organization: OrganizationId) -> Result<Credits, StoreError> {
        let Some((row, Some(owner))) = with_owner(organization).one(self.reader()).await? else {
            return Err(StoreError::NoOrganization(organization));
        };
        let allowance = self.allowance(&organizations::read(owner)?);
        Ok(read(&row).renewed(allowance, Timestamp::now().month()).left)
    }

    /// Whether a document of the organisation has moved its balance since then: one look at the end of its ledger.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_paid_since(&self, organization: OrganizationId, since: Timestamp) -> Result<bool, StoreError> {
        let of_documents = ledger_entry::Column::OrganizationId.eq(organization.0).and(ledger_entry::Column::DocumentId.is_not_null());
        let newest = ledger_entry::Entity::find().filter(of_documents).order_by_desc(ledger_entry::Column::Id).one(self.reader()).await?;
        Ok(newest.is_some_and(|row| row.created_at > since.0))
    }

    /// Gives every organisation whose month has begun its allowance; says to how many. Submissions do the same by themselves: this
    /// is for those that do not submit.
    ///
    /// # Errors
    /// When the database fails; those that were reset before stay so.
    pub async fn reset_allowances(&self) -> Result<u64, StoreError> {
        let behind = balance::Entity::find().filter(balance::Column::BaseMonth.lt(Timestamp::now().month()));
        let given = organization::Column::Plan.is_in(self.with_allowance()).and(organization::Column::Metered.eq(false));
        let behind = behind.find_also_related(organization::Entity).filter(given).all(self.reader()).await?;
        let mut reset = 0;
        for owner in behind.into_iter().filter_map(|(_, owner)| owner) {
            let owner = organizations::read(owner)?;
            let allowance = self.allowance(&owner);
            if allowance > 0 && self.reset(&owner, allowance).await? {
                reset += 1;
            }
        }
        Ok(reset)
    }

    /// `false`: somebody else did it meanwhile.
    async fn reset(&self, owner: &Organization, allowance: i64) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let before = locked(&write, owner.id).await?;
        let due = renewed(&write, owner, allowance, before).await? != before;
        write.commit().await?;
        Ok(due)
    }
}

/// The balance and whose it is: two look-ups by primary key.
pub(crate) fn with_owner(organization: OrganizationId) -> SelectTwo<balance::Entity, organization::Entity> {
    balance::Entity::find_by_id(organization.0).find_also_related(organization::Entity)
}

/// The balance, held against every other transaction until this one ends. Whoever holds more holds it in this order: job, document,
/// balance, then uploads or meter events.
pub(crate) async fn locked(transaction: &DatabaseTransaction, organization: OrganizationId) -> Result<Balance, StoreError> {
    let row = balance::Entity::find_by_id(organization.0).lock_exclusive().one(transaction).await?;
    row.as_ref().map(read).ok_or(StoreError::NoOrganization(organization))
}

/// Whose balance it is.
pub(crate) async fn owner(transaction: &DatabaseTransaction, organization: OrganizationId) -> Result<Organization, StoreError> {
    let row = organization::Entity::find_by_id(organization.0).one(transaction).await?;
    organizations::read(row.ok_or(StoreError::NoOrganization(organization))?)
}

/// The balance that was [`locked`], as it stands this month. A reset that is due is written with it.
pub(crate) async fn renewed(
    transaction: &DatabaseTransaction,
    owner: &Organization,
    allowance: i64,
    from: Balance,
) -> Result<Balance, StoreError> {
    let to = from.renewed(allowance, Timestamp::now().month());
    if to != from {
        record(transaction, owner.id, Movement { entry: Entry::Reset, from, to, units: 0, document: None, note: None }).await?;
    }
    Ok(to)
}

/// Writes the ledger row and, where it changes something, the balance that was [`locked`].
pub(crate) async fn record(
    transaction: &DatabaseTransaction,
    organization: OrganizationId,
    movement: Movement<'_>,
) -> Result<(), StoreError> {
    let Movement { entry, from, to, units, document, note } = movement;
    if from != to {
        balance_row(organization, to).update(transaction).await?;
    }
    let row = ledger_entry::ActiveModel {
        organization_id: Set(organization.0),
        entry: Set(entry.name().to_owned()),
        base: Set(to.left.base - from.left.base),
        boost: Set(to.left.boost - from.left.boost),
        units: Set(units),
        document_id: Set(document.map(|id| id.0)),
        note: Set(note.map(str::to_owned)),
        created_at: Set(Timestamp::now().0),
        ..Default::default()
    };
    ledger_entry::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// A balance as the database keeps it.
pub(crate) fn balance_row(organization: OrganizationId, balance: Balance) -> balance::ActiveModel {
    balance::ActiveModel {
        organization_id: Set(organization.0),
        base: Set(balance.left.base),
        boost: Set(balance.left.boost),
        base_month: Set(balance.month),
    }
}

const fn read(row: &balance::Model) -> Balance {
    Balance { left: Credits { base: row.base, boost: row.boost }, month: row.base_month }
}
