//! What test keys submit: free, and so much a day (row V7).

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, Select, sea_query::SimpleExpr};
use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp};

use crate::{
    DocumentKind, Store, StoreError,
    entities::document::{Column, Entity},
};

impl Store {
    /// Whether the organisation's test keys may submit one more image today, of at most so many; 0: any number. A look beforehand:
    /// [`Store::submit`] decides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn may_test(&self, organization: OrganizationId, most_a_day: u64) -> Result<bool, StoreError> {
        fit(self.reader(), organization, most_a_day, 1, Timestamp::now()).await
    }

    /// How many images they submitted on this day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tested_on(&self, organization: OrganizationId, day: Day) -> Result<u64, StoreError> {
        submitted(self.reader(), organization, day).await
    }

    /// Whether they have submitted anything since then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_tested_since(&self, organization: OrganizationId, since: Timestamp) -> Result<bool, StoreError> {
        Ok(of(organization, Column::CreatedAt.gt(since.0)).one(self.reader()).await?.is_some())
    }
}

/// Whether so many more images fit into the day.
pub(crate) async fn fit(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    most_a_day: u64,
    images: u64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if most_a_day == 0 {
        return Ok(true);
    }
    Ok(submitted(connection, organization, Day::of(now)).await?.saturating_add(images) <= most_a_day)
}

async fn submitted(connection: &impl ConnectionTrait, organization: OrganizationId, day: Day) -> Result<u64, StoreError> {
    let on_it = Column::CreatedAt.gte(day.start().0).and(Column::Kind.eq(DocumentKind::Image));
    Ok(of(organization, on_it).count(connection).await?)
}

fn of(organization: OrganizationId, which: SimpleExpr) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.0).and(Column::Test.eq(true)).and(which))
}
