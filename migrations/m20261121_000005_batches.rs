//! Batches: a document of kind `zip` stands for an archive, and the documents of its images point to it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite takes one column a statement.
        for column in columns() {
            manager.alter_table(Table::alter().table("document").add_column(column).take()).await?;
        }
        manager.create_index(index("document", MEMBERS)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(format!("idx_document_{}", MEMBERS.join("_"))).table("document").to_owned()).await?;
        for column in columns() {
            manager.alter_table(Table::alter().table("document").drop_column(column.get_column_name()).take()).await?;
        }
        Ok(())
    }
}

/// A batch is read with its images in the archive's order.
const MEMBERS: &[&str] = &["batch_id", "position"];

fn columns() -> [ColumnDef; 6] {
    [
        // What was there before are images.
        text("kind").default("image").take(),
        // Of an image in a batch: which, where in it, under which name, and where its bytes lie in the archive (JSON).
        uuid_null("batch_id"),
        integer_null("position"),
        text_null("file_name"),
        text_null("entry"),
        // Of a batch: what was skipped (JSON).
        text_null("skipped"),
    ]
}
