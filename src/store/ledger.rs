//! What an operator does to a ledger: gives, corrects, refunds, and reads it back.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use touchstone_core::{
    credit::{Credits, Entry},
    ids::{DocumentId, OrganizationId},
    time::Timestamp,
};

use crate::{
    Settlement, Store, StoreError,
    credits::{self, Movement, record},
    entities::{document, ledger_entry},
    settle::taken,
};

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Grows with every row; an organisation's rows are in the order in which they happened.
    pub id: i64,
    /// Why: the name of an [`Entry`].
    pub entry: String,
    /// What it did to the base credits.
    pub base: i64,
    /// What it did to the boost credits.
    pub boost: i64,
    /// Credits' worth of use that it proves; negative where a refund takes it back.
    pub units: i64,
    /// For which document, if for one.
    pub document_id: Option<DocumentId>,
    /// In an operator's words.
    pub note: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// What [`Store::refund`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Refunded {
    /// It is refunded now.
    Yes {
        /// Whose it is.
        organization: OrganizationId,
        /// What came back to the balance: nothing where the organisation is metered.
        credits: Credits,
        /// The use that is no longer counted.
        units: i64,
    },
    /// Only what was spent can be refunded, and only once: this is what has become of it.
    Not(Settlement),
    /// It cost nothing: a test key's, or an archive, whose images cost.
    Free,
    /// There is no such document.
    NoDocument,
}

impl Store {
    /// Gives credits (an operator's act) and returns the new balance.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`StoreError::BelowNothing`], or when the database fails.
    pub async fn grant(&self, organization: OrganizationId, credits: Credits, note: Option<&str>) -> Result<Credits, StoreError> {
        self.move_credits(organization, Entry::Grant, credits, note).await
    }

    /// Adds credits that were bought and returns the new balance.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`StoreError::BelowNothing`], or when the database fails.
    pub async fn boost(&self, organization: OrganizationId, credits: i64, note: Option<&str>) -> Result<Credits, StoreError> {
        self.move_credits(organization, Entry::Boost, Credits { base: 0, boost: credits }, note).await
    }

    /// Corrects a balance, up or down, and returns the new one.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`StoreError::BelowNothing`], or when the database fails.
    pub async fn adjust(&self, organization: OrganizationId, by: Credits, note: Option<&str>) -> Result<Credits, StoreError> {
        self.move_credits(organization, Entry::Adjustment, by, note).await
    }

    async fn move_credits(
        &self,
        organization: OrganizationId,
        entry: Entry,
        by: Credits,
        note: Option<&str>,
    ) -> Result<Credits, StoreError> {
        let write = self.write().await?;
        let from = credits::locked(&write, organization).await?;
        let owner = credits::owner(&write, organization).await?;
        let from = credits::renewed(&write, &owner, self.allowance(&owner), from).await?;
        let to = from.changed(by).ok_or(StoreError::BelowNothing(from.left))?;
        record(&write, organization, Movement { entry, from, to, units: 0, document: None, note }).await?;
        write.commit().await?;
        Ok(to.left)
    }

    /// Takes back what a judged document cost, once: a prepaid organisation gets its credits again, a metered one's use is counted
    /// less by it. What was sent to anybody before is not rewritten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refund(&self, document: DocumentId, note: Option<&str>) -> Result<Refunded, StoreError> {
        let write = self.write().await?;
        let Some(row) = document::Entity::find_by_id(document.0).lock_exclusive().one(&*write).await? else {
            return Ok(Refunded::NoDocument);
        };
        if row.settlement != Settlement::Settled {
            return Ok(Refunded::Not(row.settlement));
        }
        if row.units == 0 {
            return Ok(Refunded::Free);
        }
        let (organization, units) = (OrganizationId(row.organization_id), row.units);
        let from = credits::locked(&write, organization).await?;
        let owner = credits::owner(&write, organization).await?;
        let from = credits::renewed(&write, &owner, self.allowance(&owner), from).await?;
        let to = from.refund(taken(&row));
        let movement = Movement { entry: Entry::Refund, from, to, units: -units, document: Some(document), note };
        record(&write, organization, movement).await?;
        document::ActiveModel { id: Set(row.id), settlement: Set(Settlement::Refunded), ..Default::default() }.update(&*write).await?;
        write.commit().await?;
        let credits = Credits { base: to.left.base - from.left.base, boost: to.left.boost - from.left.boost };
        Ok(Refunded::Yes { organization, credits, units })
    }

    /// The ledger of an organisation, newest first: at most `limit` rows, those before the row `before` if it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger(&self, organization: OrganizationId, before: Option<i64>, limit: u64) -> Result<Vec<LedgerRow>, StoreError> {
        let mut rows = ledger_entry::Entity::find().filter(ledger_entry::Column::OrganizationId.eq(organization.0));
        if let Some(before) = before {
            rows = rows.filter(ledger_entry::Column::Id.lt(before));
        }
        let rows = rows.order_by_desc(ledger_entry::Column::Id).limit(limit).all(self.reader()).await?;
        Ok(rows.into_iter().map(read).collect())
    }
}

fn read(row: ledger_entry::Model) -> LedgerRow {
    LedgerRow {
        id: row.id,
        entry: row.entry,
        base: row.base,
        boost: row.boost,
        units: row.units,
        document_id: row.document_id.map(DocumentId),
        note: row.note,
        created_at: Timestamp(row.created_at),
    }
}
