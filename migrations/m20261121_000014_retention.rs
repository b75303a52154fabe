//! What is kept, and for how long: zero retention, documents of which only ids, amounts and times are left, and objects to be deleted.

use sea_orm_migration::{prelude::*, schema::*};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Whether another document still needs an object.
const OF_OBJECT: &[&str] = &["object_key"];

/// Each by the columns of the documents that are looked for: those whose pictures are stored, and those that are remembered. Partial, so
/// that a sweep walks over what may be due and over nothing that went long ago.
const DUE: [(&str, &str); 2] = [
    ("idx_document_pictures", "(finished_at) WHERE heatmap_key IS NOT NULL OR preview_key IS NOT NULL"),
    ("idx_document_remembered", "(finished_at) WHERE forgotten IS NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        manager.create_table(doomed_object()).await?;
        manager.create_index(index("document", OF_OBJECT)).await?;
        for (name, due) in DUE {
            manager.get_connection().execute_unprepared(&format!("CREATE INDEX {name} ON document {due}")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let of_object = format!("idx_document_{}", OF_OBJECT.join("_"));
        for name in DUE.map(|(name, _)| name.to_owned()).into_iter().chain([of_object]) {
            manager.drop_index(Index::drop().name(name).table("document").to_owned()).await?;
        }
        manager.drop_table(Table::drop().table("doomed_object").take()).await?;
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).drop_column(column.get_column_name()).take()).await?;
        }
        Ok(())
    }
}

fn doomed_object() -> TableCreateStatement {
    Table::create().table("doomed_object").col(text("object_key").primary_key()).col(big_integer("created_at")).take()
}

fn columns() -> [(&'static str, ColumnDef); 3] {
    [
        // `standard`, or `zero`: nothing is kept but the verdict.
        ("organization", text("retention").default("standard").take()),
        // Why nothing but ids, amounts and times is left: `expired` or `erased`.
        ("document", text_null("forgotten").take()),
        // Since when its bytes are about to be deleted.
        ("upload", big_integer_null("expiring_since").take()),
    ]
}
