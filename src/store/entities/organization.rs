//! One tenant with the settings that change how it is served.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "organization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub dialect: String,
    pub metered: bool,
    pub private_queries: bool,
    pub heatmap_for_real: bool,
    pub secure_assets: bool,
    pub stripe_customer_id: Option<String>,
    pub created_at: i64,
    pub plan: String,
    pub retention: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
