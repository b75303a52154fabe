//! A webhook that is deleted is marked at once, and goes with its log in rounds: one transaction over all of it would hold up everybody.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let marked = Table::alter().table("webhook_endpoint").add_column(big_integer_null("deleted_at")).take();
        manager.alter_table(marked).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("webhook_endpoint").drop_column("deleted_at").take()).await
    }
}
