//! The queue of background work, and the named leases of periodic work.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(job()).await?;
        manager.create_table(lease()).await?;
        // Claims read the queue in this order, dead jobs last.
        manager.create_index(index("job", &["dead_at", "organization_id", "lane", "run_at", "seq"])).await?;
        // What one worker holds.
        manager.create_index(index("job", &["lease_holder"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("lease").take()).await?;
        manager.drop_table(Table::drop().table("job").take()).await
    }
}

/// `seq` keeps the order of two jobs queued in one millisecond; the id is what the world sees.
fn job() -> TableCreateStatement {
    Table::create()
        .table("job")
        .col(big_pk_auto("seq"))
        .col(uuid_uniq("id"))
        .col(text("name"))
        .col(text("payload"))
        .col(uuid("organization_id"))
        .col(integer("lane"))
        .col(big_integer("run_at"))
        .col(integer("attempts"))
        .col(big_integer_null("lease_until"))
        .col(uuid_null("lease_token"))
        .col(text_null("lease_holder"))
        .col(text_null("last_error"))
        .col(big_integer("created_at"))
        .col(big_integer_null("dead_at"))
        .foreign_key(&mut belongs_to_organization("job"))
        .take()
}

fn lease() -> TableCreateStatement {
    Table::create().table("lease").col(text("name").primary_key()).col(text("holder")).col(big_integer("until")).take()
}
