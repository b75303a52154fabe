//! Balances and the ledger. A balance changes only together with the ledger row that says why; rows are never changed.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};
use touchstone_core::{
    credit::{Credits, Entry},
    ids::{DocumentId, OrganizationId},
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    entities::{balance, ledger_entry},
};

/// One line of the ledger: why, and the balance before and after.
pub(crate) struct Movement<'a> {
    pub(crate) entry: Entry,
    pub(crate) from: Credits,
    pub(crate) to: Credits,
    /// Credits' worth of use that this proves; negative where it takes some back.
    pub(crate) units: i64,
    pub(crate) document: Option<DocumentId>,
    pub(crate) note: Option<&'a str>,
}

impl Store {
    /// Gives credits (an operator's act) and returns the new balance.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn grant(&self, organization: OrganizationId, credits: Credits, note: Option<&str>) -> Result<Credits, StoreError> {
        let write = self.write().await?;
        let from = locked(&write, organization).await?;
        let to = from.release(credits);
        record(&write, organization, Movement { entry: Entry::Grant, from, to, units: 0, document: None, note }).await?;
        write.commit().await?;
        Ok(to)
    }

    /// What is left to spend. Of a metered organisation too: what it is told instead is [`touchstone_core::credit::METERED`].
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn credits(&self, organization: OrganizationId) -> Result<Credits, StoreError> {
        let row = balance::Entity::find_by_id(organization.0).one(self.reader()).await?;
        row.map(read).ok_or(StoreError::NoOrganization(organization))
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
}

/// The balance, held against every other transaction until this one ends: the order of locks begins here.
pub(crate) async fn locked(transaction: &DatabaseTransaction, organization: OrganizationId) -> Result<Credits, StoreError> {
    let row = balance::Entity::find_by_id(organization.0).lock_exclusive().one(transaction).await?;
    row.map(read).ok_or(StoreError::NoOrganization(organization))
}

/// Writes the ledger row and, where it moves something, the balance that was [`locked`].
pub(crate) async fn record(
    transaction: &DatabaseTransaction,
    organization: OrganizationId,
    movement: Movement<'_>,
) -> Result<(), StoreError> {
    let Movement { entry, from, to, units, document, note } = movement;
    if from != to {
        let row =
            balance::ActiveModel { organization_id: Set(organization.0), base: Set(to.base), boost: Set(to.boost), ..Default::default() };
        row.update(transaction).await?;
    }
    let row = ledger_entry::ActiveModel {
        organization_id: Set(organization.0),
        entry: Set(entry.name().to_owned()),
        base: Set(to.base - from.base),
        boost: Set(to.boost - from.boost),
        units: Set(units),
        document_id: Set(document.map(|id| id.0)),
        note: Set(note.map(str::to_owned)),
        created_at: Set(Timestamp::now().0),
        ..Default::default()
    };
    ledger_entry::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

const fn read(row: balance::Model) -> Credits {
    Credits { base: row.base, boost: row.boost }
}
