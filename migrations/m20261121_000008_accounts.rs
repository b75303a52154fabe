//! Members, projects, plans, and what confines a key and comes after it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// How many documents the test keys of an organisation submitted today.
const TESTS: [&str; 3] = ["organization_id", "test", "created_at"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [project(), member()] {
            manager.create_table(table).await?;
        }
        manager.create_index(index("project", &["organization_id", "name"]).unique().take()).await?;
        manager.create_index(index("member", &["organization_id", "email"]).unique().take()).await?;
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        manager.create_index(index("document", &TESTS)).await?;
        // The default project has its organisation's id; keys that were made before there were projects belong to it.
        let connection = manager.get_connection();
        let projects = "INSERT INTO project (id, organization_id, name, created_at) SELECT id, id, 'default', created_at FROM organization";
        connection.execute_unprepared(projects).await?;
        connection.execute_unprepared("UPDATE api_key SET project_id = organization_id").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(format!("idx_document_{}", TESTS.join("_"))).table("document").to_owned()).await?;
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).drop_column(column.get_column_name()).take()).await?;
        }
        for table in ["member", "project"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

fn project() -> TableCreateStatement {
    Table::create()
        .table("project")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("name"))
        .col(big_integer("created_at"))
        .col(big_integer_null("archived_at"))
        .foreign_key(&mut belongs_to_organization("project"))
        .take()
}

fn member() -> TableCreateStatement {
    Table::create()
        .table("member")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("email"))
        .col(text("name"))
        .col(text("role"))
        .col(big_integer("created_at"))
        .foreign_key(&mut belongs_to_organization("member"))
        .take()
}

fn columns() -> [(&'static str, ColumnDef); 7] {
    [
        ("organization", text("plan").default("pro").take()),
        // NULL only until the end of this migration.
        ("api_key", uuid_null("project_id").take()),
        ("api_key", text("name").default("").take()),
        // Lists with commas. NULL: every scope, every network.
        ("api_key", text_null("scopes").take()),
        ("api_key", text_null("networks").take()),
        // The newest key that was made in its place.
        ("api_key", uuid_null("replaced_by").take()),
        // Of the key that submitted it; NULL: no key did, or it was before there were projects.
        ("document", uuid_null("project_id").take()),
    ]
}
