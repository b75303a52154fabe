//! Uploads, and the documents made of them.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{belongs_to_organization, index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(upload()).await?;
        manager.create_table(document()).await?;
        // The quota, and the sweep of what was never submitted.
        manager.create_index(index("upload", &["organization_id", "state"])).await?;
        manager.create_index(index("upload", &["state", "expires_at"])).await?;
        // Recognising a retry.
        manager.create_index(index("document", &["fingerprint", "created_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("document").take()).await?;
        manager.drop_table(Table::drop().table("upload").take()).await
    }
}

fn upload() -> TableCreateStatement {
    Table::create()
        .table("upload")
        .col(text("object_key").primary_key())
        .col(uuid("organization_id"))
        .col(uuid_uniq("document_id"))
        .col(text("content_type"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .col(text("state"))
        .col(big_integer_null("size"))
        .col(text_null("etag"))
        .foreign_key(&mut belongs_to_organization("upload"))
        .take()
}

fn document() -> TableCreateStatement {
    Table::create()
        .table("document")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("object_key"))
        .col(text("object_etag"))
        .col(text("options"))
        .col(text("fingerprint"))
        .col(boolean("explicit_id"))
        .col(boolean("test"))
        .col(text_null("email"))
        .col(text_null("user_agent"))
        .col(text("status"))
        .col(text_null("verdict"))
        .col(text_null("error_message"))
        .col(text("heatmap_status"))
        .col(text_null("heatmap_key"))
        .col(text_null("heatmap_content_type"))
        .col(text("preview_status"))
        .col(text_null("preview_key"))
        .col(text_null("preview_content_type"))
        .col(big_integer("charged_base"))
        .col(big_integer("charged_boost"))
        .col(text("settlement"))
        .col(big_integer("created_at"))
        .col(big_integer_null("finished_at"))
        .foreign_key(&mut belongs_to_organization("document"))
        .take()
}
