//! Webhooks: endpoints, what happened, what is on its way, and what each try looked like (row V10).

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(endpoint()).await?;
        manager.create_table(event()).await?;
        manager.create_table(delivery()).await?;
        manager.create_table(attempt()).await?;
        // Whom a document's end concerns.
        manager.create_index(index("webhook_endpoint", &["project_id"])).await?;
        // A document's end is told once, whoever ends it.
        manager.create_index(index("webhook_event", &["document_id", "event"]).unique().take()).await?;
        // What is to be sent again to somebody who was away, and what is old.
        manager.create_index(index("webhook_event", &["project_id", "created_at"])).await?;
        manager.create_index(index("webhook_event", &["created_at"])).await?;
        // Once to each endpoint; a replay counts up.
        manager.create_index(index("webhook_delivery", &["event_id", "endpoint_id", "replay"]).unique().take()).await?;
        // What is due of an endpoint, and what is under way to it.
        manager.create_index(index("webhook_delivery", &["endpoint_id", "state", "next_attempt_at"])).await?;
        manager.create_index(index("webhook_delivery", &["endpoint_id", "lease_until"])).await?;
        // Its log, newest first.
        manager.create_index(index("webhook_delivery", &["endpoint_id", "seq"])).await?;
        manager.create_index(index("webhook_attempt", &["delivery_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["webhook_attempt", "webhook_delivery", "webhook_event", "webhook_endpoint"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

/// Secrets are sealed: whoever reads the database alone cannot sign.
fn endpoint() -> TableCreateStatement {
    Table::create()
        .table("webhook_endpoint")
        .col(uuid("id").primary_key())
        .col(uuid("organization_id"))
        .col(uuid("project_id"))
        .col(text("url"))
        .col(text("events"))
        .col(text("description"))
        .col(blob("secret"))
        .col(blob_null("old_secret"))
        .col(big_integer_null("old_secret_until"))
        .col(big_integer("created_at"))
        .col(big_integer_null("failing_since"))
        .col(integer("failures"))
        .col(big_integer_null("rests_until"))
        .col(big_integer_null("disabled_at"))
        .col(text_null("disabled_reason"))
        .foreign_key(&mut belongs_to_organization("webhook_endpoint"))
        .foreign_key(ForeignKey::create().from("webhook_endpoint", "project_id").to("project", "id"))
        .take()
}

/// `document_id` is an image's or a batch's; a test has none.
fn event() -> TableCreateStatement {
    Table::create()
        .table("webhook_event")
        .col(uuid("id").primary_key())
        .col(uuid("organization_id"))
        .col(uuid("project_id"))
        .col(text("event"))
        .col(uuid_null("document_id"))
        .col(big_integer("created_at"))
        .foreign_key(&mut belongs_to_organization("webhook_event"))
        .take()
}

fn delivery() -> TableCreateStatement {
    Table::create()
        .table("webhook_delivery")
        .col(big_pk_auto("seq"))
        .col(uuid_uniq("id"))
        .col(uuid("event_id"))
        .col(uuid("endpoint_id"))
        .col(integer("replay"))
        .col(text("state"))
        .col(integer("attempts"))
        .col(big_integer("next_attempt_at"))
        .col(big_integer_null("lease_until"))
        .col(uuid_null("lease_token"))
        .col(integer_null("last_status"))
        .col(text_null("last_error"))
        .col(big_integer("created_at"))
        .col(big_integer_null("ended_at"))
        .foreign_key(ForeignKey::create().from("webhook_delivery", "event_id").to("webhook_event", "id"))
        .foreign_key(ForeignKey::create().from("webhook_delivery", "endpoint_id").to("webhook_endpoint", "id"))
        .take()
}

/// As it was sent, and what came back.
fn attempt() -> TableCreateStatement {
    Table::create()
        .table("webhook_attempt")
        .col(big_pk_auto("id"))
        .col(uuid("delivery_id"))
        .col(big_integer("started_at"))
        .col(big_integer("took_ms"))
        .col(text("url"))
        .col(text("headers"))
        .col(text("body"))
        .col(integer_null("status"))
        .col(text_null("answer"))
        .col(text_null("error"))
        .foreign_key(ForeignKey::create().from("webhook_attempt", "delivery_id").to("webhook_delivery", "id"))
        .take()
}
