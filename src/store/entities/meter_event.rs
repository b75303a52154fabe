//! One frozen window of an organisation's use in a day, on its way to Stripe.

use sea_orm::entity::prelude::*;

use crate::MeterEventState;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "meter_event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub organization_id: Uuid,
    /// Days since 1970, UTC.
    pub day: i32,
    /// Which freeze of that day it was, from 1.
    pub sequence: i32,
    /// The ledger's rows of that day after this one …
    pub from_entry: i64,
    /// … up to this one.
    pub to_entry: i64,
    /// Their net use.
    pub units: i64,
    /// The debt to the organisation before.
    pub carried: i64,
    /// What is sent.
    pub value: i64,
    /// The debt afterwards.
    pub owed: i64,
    pub customer: String,
    pub meter: String,
    pub identifier: String,
    pub state: MeterEventState,
    pub attempts: i32,
    pub frozen_at: i64,
    pub first_attempt_at: Option<i64>,
    pub sent_at: Option<i64>,
    pub error: Option<String>,
    pub sync_id: i64,
    pub last_attempt_at: Option<i64>,
    /// How many attempts Stripe may have accepted, for all that is known here.
    pub unanswered: i32,
    /// When people decided that Stripe has it.
    pub decided_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
