//! Use that is proven row by row, the month that an allowance is of, and a ledger that cannot name one fact twice.

use sea_orm_migration::{prelude::*, schema::*};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The columns that are added.
const ADDED: [(&str, &str); 4] = [("ledger_entry", "units"), ("document", "units"), ("document", "base_month"), ("balance", "base_month")];

/// What is known of the time before: a prepaid document costs what was taken for it, and a verdict proves that use. What metered
/// organisations used was not written down, so nothing of it is made up.
const BEFORE: [&str; 2] = [
    "UPDATE document SET units = charged_base + charged_boost",
    "UPDATE ledger_entry SET units = COALESCE((SELECT d.units FROM document d WHERE d.id = ledger_entry.document_id), 0) WHERE entry = 'settle'",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in ADDED {
            let column = big_integer(column).default(0).take();
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        for statement in BEFORE {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        // Whatever the code believes, no document is charged, settled, released or refunded twice.
        manager.drop_index(no_index(&["document_id"])).await?;
        manager.create_index(index("ledger_entry", &["document_id", "entry"]).unique().take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(no_index(&["document_id", "entry"])).await?;
        manager.create_index(index("ledger_entry", &["document_id"])).await?;
        for (table, column) in ADDED {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

fn no_index(columns: &[&str]) -> IndexDropStatement {
    Index::drop().name(format!("idx_ledger_entry_{}", columns.join("_"))).table("ledger_entry").to_owned()
}
