//! Organisations: who owns what, and with which settings.

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use touchstone_core::{
    credit::{Balance, Credits, Entry},
    ids::OrganizationId,
    organization::{Dialect, Organization, Retention},
    plan::Plan,
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    credits::{self, Movement, balance_row, record},
    entities::{balance, organization},
    open_use, projects,
};

/// An organisation about to be made.
#[derive(Debug, Clone, Default)]
pub struct NewOrganization {
    /// The name its people gave it.
    pub name: String,
    /// Which vendor's defaults its clients expect.
    pub dialect: Dialect,
    /// What it subscribed to.
    pub plan: Plan,
    /// It has no credit limit and is billed afterwards.
    pub metered: bool,
    /// Who it is at Stripe.
    pub stripe_customer_id: Option<String>,
    /// What it starts with; granted in the same transaction. Base credits stand for the first month's allowance.
    pub credits: Credits,
}

impl Store {
    /// Makes an organisation, its balance, its default project and, if it starts with credits, the ledger row of the grant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_organization(&self, new: NewOrganization) -> Result<Organization, StoreError> {
        let write = self.write().await?;
        let made = insert(&write, new).await?;
        write.commit().await?;
        Ok(made)
    }

    /// One organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        organization::Entity::find_by_id(id.0).one(self.reader()).await?.map(read).transpose()
    }

    /// The oldest organisation of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organization_named(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let named = organization::Entity::find().filter(organization::Column::Name.eq(name)).order_by_asc(organization::Column::CreatedAt);
        named.one(self.reader()).await?.map(read).transpose()
    }

    /// Changes the settings of an organisation as they stand at that moment, and answers them. Its balance is held meanwhile, so that
    /// nobody pays, or changes something else, in between.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn change_organization(
        &self,
        id: OrganizationId,
        change: impl FnOnce(Organization) -> Organization + Send,
    ) -> Result<Organization, StoreError> {
        let write = self.write().await?;
        let balance = credits::locked(&write, id).await?;
        let before = credits::owner(&write, id).await?;
        let organization = Organization { id, ..change(before.clone()) };
        self.keep_base(&write, &before, &organization, balance).await?;
        open_use::freeze_for_payer(&write, &before, &organization).await?;
        let row = organization::ActiveModel {
            name: Set(organization.name.clone()),
            dialect: Set(organization.dialect.name().to_owned()),
            metered: Set(organization.metered),
            private_queries: Set(organization.private_queries),
            heatmap_for_real: Set(organization.heatmap_for_real),
            secure_assets: Set(organization.secure_assets),
            stripe_customer_id: Set(organization.stripe_customer_id.clone()),
            plan: Set(organization.plan.name().to_owned()),
            retention: Set(organization.retention.name().to_owned()),
            ..Default::default()
        };
        organization::Entity::update_many().set(row).filter(organization::Column::Id.eq(id.0)).exec(&*write).await?;
        write.commit().await?;
        Ok(organization)
    }

    /// Before an allowance begins or ends: what there was to spend until now stays, as it would have without one.
    async fn keep_base(
        &self,
        write: &DatabaseTransaction,
        before: &Organization,
        changed: &Organization,
        balance: Balance,
    ) -> Result<(), StoreError> {
        let (old, new) = (self.allowance(before), self.allowance(changed));
        if (old > 0) == (new > 0) {
            return Ok(());
        }
        let from = credits::renewed(write, before, old, balance).await?;
        let to = if new > 0 { from.kept() } else { from };
        if to != from {
            let note = Some("kept on a change of plan");
            record(write, changed.id, Movement { entry: Entry::Adjustment, from, to, units: 0, document: None, note }).await?;
        }
        Ok(())
    }

    /// Every organisation, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let rows = organization::Entity::find().order_by_asc(organization::Column::CreatedAt).all(self.reader()).await?;
        rows.into_iter().map(read).collect()
    }

    /// Whether nobody lives here yet: the first start of a fresh database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(organization::Entity::find().limit(1).one(self.reader()).await?.is_none())
    }
}

/// Writes the rows of a new organisation.
pub(crate) async fn insert(write: &DatabaseTransaction, new: NewOrganization) -> Result<Organization, StoreError> {
    let (id, now) = (OrganizationId::random(), Timestamp::now());
    let row = organization::ActiveModel {
        id: Set(id.0),
        name: Set(new.name.clone()),
        dialect: Set(new.dialect.name().to_owned()),
        metered: Set(new.metered),
        private_queries: Set(false),
        heatmap_for_real: Set(false),
        secure_assets: Set(false),
        stripe_customer_id: Set(new.stripe_customer_id.clone()),
        created_at: Set(now.0),
        plan: Set(new.plan.name().to_owned()),
        retention: Set(Retention::default().name().to_owned()),
    };
    organization::Entity::insert(row).exec_without_returning(write).await?;
    // What it starts with stands for this month's allowance, if its plan has one.
    let month = if new.credits.base > 0 { now.month() } else { 0 };
    let from = Balance { left: Credits::default(), month };
    balance::Entity::insert(balance_row(id, from)).exec_without_returning(write).await?;
    projects::insert_default(write, id, now).await?;
    if new.credits != Credits::default() {
        let (to, note) = (Balance { left: new.credits, month }, Some("to start with"));
        let movement = Movement { entry: Entry::Grant, from, to, units: 0, document: None, note };
        record(write, id, movement).await?;
    }
    let NewOrganization { name, dialect, plan, metered, stripe_customer_id, .. } = new;
    Ok(Organization {
        id,
        name,
        dialect,
        plan,
        metered,
        private_queries: false,
        heatmap_for_real: false,
        secure_assets: false,
        stripe_customer_id,
        retention: Retention::default(),
    })
}

/// A row as the rest of Touchstone knows it.
pub(crate) fn read(row: organization::Model) -> Result<Organization, StoreError> {
    let unreadable = |what| StoreError::Unreadable { row: format!("organization {}", row.id), what };
    let dialect = row.dialect.parse().map_err(|_| unreadable("dialect"))?;
    let plan = row.plan.parse().map_err(|_| unreadable("plan"))?;
    let retention = row.retention.parse().map_err(|_| unreadable("retention"))?;
    Ok(Organization {
        id: OrganizationId(row.id),
        name: row.name,
        dialect,
        plan,
        metered: row.metered,
        private_queries: row.private_queries,
        heatmap_for_real: row.heatmap_for_real,
        secure_assets: row.secure_assets,
        stripe_customer_id: row.stripe_customer_id,
        retention,
    })
}
