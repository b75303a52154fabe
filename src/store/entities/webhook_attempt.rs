//! One try of a delivery, as it was sent and as it was answered.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_attempt")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub delivery_id: Uuid,
    pub started_at: i64,
    pub took_ms: i64,
    pub url: String,
    /// A JSON object.
    pub headers: String,
    pub body: String,
    pub status: Option<i32>,
    pub answer: Option<String>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
