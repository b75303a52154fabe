//! One call that froze use and sent it.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_sync")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub organization_id: Uuid,
    pub idempotency_id: Option<String>,
    /// As it was asked for, before a future end was clipped.
    pub first_day: i32,
    pub last_day: i32,
    pub frozen_at: i64,
    pub total_documents: i64,
    pub value_sent: i64,
    /// Every row of the organisation's ledger up to this one is frozen, or is never to be.
    pub clean_to: i64,
    pub message: Option<String>,
    pub success: Option<bool>,
    pub finished_at: Option<i64>,
    /// The organisation's newest event when the call had frozen: what comes later is another call's.
    pub up_to_event: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
