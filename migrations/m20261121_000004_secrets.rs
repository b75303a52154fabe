//! Keys that all nodes share.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let secret = Table::create()
            .table("secret")
            .col(text("purpose"))
            .col(integer("ordinal"))
            .col(blob("value"))
            .col(big_integer("created_at"))
            .col(big_integer_null("retires_at"))
            // Two nodes that make the same key at once: one of them loses here, and reads the winner's.
            .primary_key(Index::create().col("purpose").col("ordinal"))
            .take();
        manager.create_table(secret).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("secret").take()).await
    }
}
