//! A stored object that somebody may submit.

use sea_orm::entity::prelude::*;

use crate::UploadState;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "upload")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object_key: String,
    pub organization_id: Uuid,
    pub document_id: Uuid,
    pub content_type: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub state: UploadState,
    pub size: Option<i64>,
    pub etag: Option<String>,
    /// Since when its bytes are about to be deleted.
    pub expiring_since: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
