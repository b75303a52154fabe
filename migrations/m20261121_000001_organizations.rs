//! Organisations, their keys, their balances and the ledger behind each balance.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [organization(), balance(), ledger_entry(), api_key()] {
            manager.create_table(table).await?;
        }
        manager.create_index(index("ledger_entry", &["organization_id", "id"])).await?;
        manager.create_index(index("ledger_entry", &["document_id"])).await?;
        manager.create_index(index("api_key", &["organization_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["api_key", "ledger_entry", "balance", "organization"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

fn organization() -> TableCreateStatement {
    Table::create()
        .table("organization")
        .col(pk_uuid("id"))
        .col(text("name"))
        .col(text("dialect"))
        .col(boolean("metered"))
        .col(boolean("private_queries"))
        .col(boolean("heatmap_for_real"))
        .col(text_null("stripe_customer_id"))
        .col(big_integer("created_at"))
        .take()
}

/// The last line of defence: whatever the code believes, no balance goes below nothing.
fn balance() -> TableCreateStatement {
    Table::create()
        .table("balance")
        .col(pk_uuid("organization_id"))
        .col(big_integer("base").check(Expr::col("base").gte(0)))
        .col(big_integer("boost").check(Expr::col("boost").gte(0)))
        .foreign_key(&mut belongs_to_organization("balance"))
        .take()
}

fn ledger_entry() -> TableCreateStatement {
    Table::create()
        .table("ledger_entry")
        .col(big_pk_auto("id"))
        .col(uuid("organization_id"))
        .col(text("entry"))
        .col(big_integer("base"))
        .col(big_integer("boost"))
        .col(uuid_null("document_id"))
        .col(text_null("note"))
        .col(big_integer("created_at"))
        .foreign_key(&mut belongs_to_organization("ledger_entry"))
        .take()
}

fn api_key() -> TableCreateStatement {
    Table::create()
        .table("api_key")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("prefix"))
        .col(text_uniq("hash"))
        .col(boolean("test"))
        .col(big_integer("created_at"))
        .col(big_integer_null("revoked_at"))
        .col(big_integer_null("expires_at"))
        .col(big_integer_null("last_used_at"))
        .foreign_key(&mut belongs_to_organization("api_key"))
        .take()
}
