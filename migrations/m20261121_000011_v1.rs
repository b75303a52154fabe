//! The /v1 API: what its submissions ask for beside a verdict, what is told of it, and the limits that nodes share.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in columns() {
            manager.alter_table(Table::alter().table("document").add_column(column).take()).await?;
        }
        manager.create_index(index("document", SAME)).await?;
        manager.create_index(index("document", OF_PROJECT)).await?;
        // Who is slowed down is forgotten in a crash, and nothing is lost by it; only PostgreSQL can be told so.
        let unlogged = if manager.get_database_backend() == DbBackend::Postgres { "UNLOGGED" } else { "" };
        let table = format!("CREATE {unlogged} TABLE rate_limit (key TEXT PRIMARY KEY, tat BIGINT NOT NULL)");
        manager.get_connection().execute_unprepared(&table).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("rate_limit").take()).await?;
        for columns in [SAME, OF_PROJECT] {
            manager.drop_index(Index::drop().name(format!("idx_document_{}", columns.join("_"))).table("document").to_owned()).await?;
        }
        for column in columns() {
            manager.alter_table(Table::alter().table("document").drop_column(column.get_column_name()).take()).await?;
        }
        Ok(())
    }
}

/// What was judged before is found by what it was.
const SAME: &[&str] = &["organization_id", "content_key"];

/// A project's batches under way are counted when it sends another.
const OF_PROJECT: &[&str] = &["project_id", "status"];

fn columns() -> [ColumnDef; 7] {
    [
        // What was asked for (JSON); null: it was not submitted by /v1.
        text_null("v1"),
        // Of an image that is still to be fetched: where it is.
        text_null("source_url"),
        // Of one that failed: why, for machines.
        text_null("failure_code"),
        // Of one that was judged: the regions that stand out, and what forensics measured, if that was asked for (JSON).
        text_null("regions"),
        text_null("forensics"),
        // Its verdict was taken over from an earlier one of the same key.
        boolean("cached").default(false).take(),
        text_null("content_key"),
    ]
}
