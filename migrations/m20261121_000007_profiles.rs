//! Pictures that open only with their organisation's key, and queues of their own for instances.

use sea_orm_migration::{prelude::*, schema::*};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The order in which claims read the queue.
const ORDER: [&str; 5] = ["dead_at", "organization_id", "lane", "run_at", "seq"];

/// The same, and which queue it is: claims of some queues, and the count of one, need not look at the rows.
const WITH_QUEUE: [&str; 6] = ["dead_at", "organization_id", "lane", "run_at", "seq", "queue"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, "organization", boolean("secure_assets").default(false).take()).await?;
        add(manager, "job", text("queue").default("").take()).await?;
        manager.drop_index(no_index(&ORDER)).await?;
        manager.create_index(index("job", &WITH_QUEUE)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(no_index(&WITH_QUEUE)).await?;
        manager.create_index(index("job", &ORDER)).await?;
        for (table, column) in [("job", "queue"), ("organization", "secure_assets")] {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).take()).await
}

fn no_index(columns: &[&str]) -> IndexDropStatement {
    Index::drop().name(format!("idx_job_{}", columns.join("_"))).table("job").to_owned()
}
