//! What was submitted, and what became of it.

use sea_orm::entity::prelude::*;

use crate::{AnalysisStatus, AssetStatus, DocumentKind, DocumentStatus, FailureCode, Forgotten, Settlement};

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "document")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub object_key: String,
    pub object_etag: String,
    pub options: String,
    pub fingerprint: String,
    pub explicit_id: bool,
    pub test: bool,
    pub email: Option<String>,
    pub user_agent: Option<String>,
    pub status: DocumentStatus,
    pub verdict: Option<String>,
    pub error_message: Option<String>,
    pub heatmap_status: AssetStatus,
    pub heatmap_key: Option<String>,
    pub heatmap_content_type: Option<String>,
    pub preview_status: AssetStatus,
    pub preview_key: Option<String>,
    pub preview_content_type: Option<String>,
    pub analysis_status: AnalysisStatus,
    pub analysis: Option<String>,
    pub analysis_until: Option<i64>,
    pub charged_base: i64,
    pub charged_boost: i64,
    /// Credits' worth of use, metered or not; 0 for a test key.
    pub units: i64,
    /// The month of the allowance that `charged_base` was taken from, as `balance.base_month` was.
    pub base_month: i64,
    pub settlement: Settlement,
    pub created_at: i64,
    pub finished_at: Option<i64>,
    pub kind: DocumentKind,
    pub batch_id: Option<Uuid>,
    pub position: Option<i32>,
    pub file_name: Option<String>,
    pub entry: Option<String>,
    pub skipped: Option<String>,
    /// Of the key that submitted it.
    pub project_id: Option<Uuid>,
    /// What the /v1 API was asked for (JSON).
    pub v1: Option<String>,
    /// Where it is to be fetched from, until that is done.
    pub source_url: Option<String>,
    pub failure_code: Option<FailureCode>,
    pub regions: Option<String>,
    pub forensics: Option<String>,
    pub cached: bool,
    /// What it was judged by, for whoever sends the same again.
    pub content_key: Option<String>,
    /// Nothing but ids, amounts and times is left of it, and why.
    pub forgotten: Option<Forgotten>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::organization::Entity", from = "Column::OrganizationId", to = "super::organization::Column::Id")]
    Organization,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
