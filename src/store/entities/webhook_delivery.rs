//! One event on its way to one endpoint.

use sea_orm::entity::prelude::*;

use crate::DeliveryState;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub id: Uuid,
    pub event_id: Uuid,
    pub endpoint_id: Uuid,
    /// 0 for the first, and one more for each replay.
    pub replay: i32,
    pub state: DeliveryState,
    /// Tries that ended.
    pub attempts: i32,
    pub next_attempt_at: i64,
    pub lease_until: Option<i64>,
    pub lease_token: Option<Uuid>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::webhook_event::Entity", from = "Column::EventId", to = "super::webhook_event::Column::Id")]
    Event,
}

impl Related<super::webhook_event::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Event.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
