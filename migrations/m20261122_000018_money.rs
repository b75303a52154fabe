//! What a call was to send is told by its newest event instead of by clocks, and where an event may have been counted is never forgotten.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What was frozen by then, as far as that was known before.
const BY_THE_CLOCKS: &str = "UPDATE usage_sync SET up_to_event = COALESCE((SELECT MAX(m.id) FROM meter_event m \
                             WHERE m.organization_id = usage_sync.organization_id AND m.frozen_at <= usage_sync.frozen_at), 0)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer("up_to_event").default(0).take();
        manager.alter_table(Table::alter().table("usage_sync").add_column(column).take()).await?;
        manager.get_connection().execute_unprepared(BY_THE_CLOCKS).await?;
        manager.create_table(meter_event_past()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("meter_event_past").take()).await?;
        manager.alter_table(Table::alter().table("usage_sync").drop_column("up_to_event").take()).await
    }
}

/// Customers and meters that an event was tried under, before people sent it elsewhere.
fn meter_event_past() -> TableCreateStatement {
    Table::create()
        .table("meter_event_past")
        .col(big_integer("event_id"))
        .col(text("customer"))
        .col(text("meter"))
        .primary_key(Index::create().col("event_id").col("customer").col("meter"))
        .foreign_key(ForeignKey::create().from("meter_event_past", "event_id").to("meter_event", "id"))
        .take()
}
