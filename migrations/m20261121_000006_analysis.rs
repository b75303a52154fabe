//! The written analysis beside a verdict. What was judged before has none: its status is `none`, which reads as skipped.

use sea_orm_migration::{prelude::*, schema::*};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One a statement: SQLite adds no more at once.
        for column in [text("analysis_status").default("none").take(), text_null("analysis"), big_integer_null("analysis_until")] {
            manager.alter_table(Table::alter().table("document").add_column(column).take()).await?;
        }
        // How many a day were put to a vision model.
        manager.create_index(index("document", &["analysis_until"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("idx_document_analysis_until").table("document").to_owned()).await?;
        for column in ["analysis_until", "analysis", "analysis_status"] {
            manager.alter_table(Table::alter().table("document").drop_column(column).take()).await?;
        }
        Ok(())
    }
}
