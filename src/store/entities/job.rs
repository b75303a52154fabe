//! One unit of background work that is not done.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub id: Uuid,
    pub name: String,
    pub payload: String,
    pub organization_id: Uuid,
    pub lane: i32,
    pub queue: String,
    pub run_at: i64,
    pub attempts: i32,
    pub lease_until: Option<i64>,
    pub lease_token: Option<Uuid>,
    pub lease_holder: Option<String>,
    pub last_error: Option<String>,
    pub created_at: i64,
    pub dead_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
