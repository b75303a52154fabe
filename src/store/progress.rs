//! How far a document has come, as its row says it and as a query asks it; and where its row says it of each picture. One place, so that
//! whoever waits for an end, tells of it or tidies up after it means the same.

use sea_orm::{ColumnTrait, Condition, sea_query::Expr};

use crate::{
    Asset, AssetStatus, DocumentStatus,
    entities::document::{Column, Model},
};

/// There is no verdict and no failure yet.
pub(crate) fn unjudged() -> Expr {
    Column::Status.is_in([DocumentStatus::Pending, DocumentStatus::Analyzing])
}

/// A job may still write about it: it is not judged, or one of its pictures is not drawn.
pub(crate) fn under_way() -> Condition {
    let pending = |which: Asset| columns(which).status.eq(AssetStatus::Pending);
    Asset::ALL.into_iter().fold(Condition::any().add(unjudged()), |any, which| any.add(pending(which)))
}

/// The same of a row that was read.
pub(crate) fn is_under_way(row: &Model) -> bool {
    !row.status.is_final() || Asset::ALL.into_iter().any(|which| picture(row, which).0 == AssetStatus::Pending)
}

/// Where a picture is kept in its document's row.
pub(crate) struct Columns {
    pub(crate) status: Column,
    pub(crate) key: Column,
    pub(crate) content_type: Column,
}

pub(crate) const fn columns(which: Asset) -> Columns {
    match which {
        Asset::Heatmap => Columns { status: Column::HeatmapStatus, key: Column::HeatmapKey, content_type: Column::HeatmapContentType },
        Asset::Preview => Columns { status: Column::PreviewStatus, key: Column::PreviewKey, content_type: Column::PreviewContentType },
    }
}

/// What a row says of a picture: how far it has come, and under which key its object is stored or announced.
pub(crate) const fn picture(row: &Model, which: Asset) -> (AssetStatus, &Option<String>) {
    match which {
        Asset::Heatmap => (row.heatmap_status, &row.heatmap_key),
        Asset::Preview => (row.preview_status, &row.preview_key),
    }
}
