//! Why a balance changed, and by how much. Rows are added, never changed.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entry")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub organization_id: Uuid,
    pub entry: String,
    pub base: i64,
    pub boost: i64,
    /// Credits' worth of use that this row proves; negative where a refund takes it back.
    pub units: i64,
    pub document_id: Option<Uuid>,
    pub note: Option<String>,
    pub created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
