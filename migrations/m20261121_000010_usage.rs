//! What was frozen of metered use, to be sent to Stripe: the outbox of meter events, and the calls that filled it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Use of a range of days is summed by time; all that the sum needs stands in the index.
const USE: &[&str] = &["organization_id", "created_at", "id", "units"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(usage_sync()).await?;
        manager.create_table(meter_event()).await?;
        manager.create_table(stripe_report()).await?;
        // The same call again.
        manager.create_index(index("usage_sync", &["organization_id", "idempotency_id"]).unique().take()).await?;
        // The n-th freeze of a day is made once, whoever makes it.
        manager.create_index(index("meter_event", &["organization_id", "day", "sequence"]).unique().take()).await?;
        // The last freeze of an organisation knows what is owed to it.
        manager.create_index(index("meter_event", &["organization_id", "id"])).await?;
        manager.create_index(index("meter_event", &["sync_id"])).await?;
        // What of a customer's day was sent, when its sum is compared with Stripe's.
        manager.create_index(index("meter_event", &["customer", "meter", "day"])).await?;
        manager.create_index(index("ledger_entry", USE)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let name = format!("idx_ledger_entry_{}", USE.join("_"));
        manager.drop_index(Index::drop().name(name).table("ledger_entry").to_owned()).await?;
        manager.drop_table(Table::drop().table("stripe_report").take()).await?;
        manager.drop_table(Table::drop().table("meter_event").take()).await?;
        manager.drop_table(Table::drop().table("usage_sync").take()).await
    }
}

fn usage_sync() -> TableCreateStatement {
    Table::create()
        .table("usage_sync")
        .col(big_pk_auto("id"))
        .col(uuid("organization_id"))
        .col(text_null("idempotency_id"))
        .col(integer("first_day"))
        .col(integer("last_day"))
        .col(big_integer("frozen_at"))
        .col(big_integer("total_documents"))
        .col(big_integer("value_sent"))
        .col(big_integer("clean_to"))
        .col(text_null("message"))
        .col(boolean_null("success"))
        .col(big_integer_null("finished_at"))
        .foreign_key(&mut belongs_to_organization("usage_sync"))
        .take()
}

/// The last line of defence: a debt is never sent, and a value is never negative.
fn meter_event() -> TableCreateStatement {
    Table::create()
        .table("meter_event")
        .col(big_pk_auto("id"))
        .col(uuid("organization_id"))
        .col(integer("day"))
        .col(integer("sequence"))
        .col(big_integer("from_entry"))
        .col(big_integer("to_entry"))
        .col(big_integer("units"))
        .col(big_integer("carried").check(Expr::col("carried").lte(0)))
        .col(big_integer("value").check(Expr::col("value").gte(0)))
        .col(big_integer("owed").check(Expr::col("owed").lte(0)))
        .col(text("customer"))
        .col(text("meter"))
        .col(text_uniq("identifier"))
        .col(text("state"))
        .col(integer("attempts"))
        .col(big_integer("frozen_at"))
        .col(big_integer_null("first_attempt_at"))
        .col(big_integer_null("sent_at"))
        .col(text_null("error"))
        .col(big_integer("sync_id"))
        .col(big_integer_null("last_attempt_at"))
        .col(integer("unanswered").check(Expr::col("unanswered").gte(0)))
        .col(big_integer_null("decided_at"))
        .foreign_key(&mut belongs_to_organization("meter_event"))
        .foreign_key(ForeignKey::create().from("meter_event", "sync_id").to("usage_sync", "id"))
        .take()
}

/// Stripe posts some events twice.
fn stripe_report() -> TableCreateStatement {
    Table::create().table("stripe_report").col(text("id").primary_key()).col(big_integer("taken_at")).take()
}
