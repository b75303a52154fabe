//! Whether the server is well (row T14), and its metrics (row O4).

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json},
};
use serde::Serialize;
use touchstone_core::refusal::Refusal;
use utoipa::ToSchema;

use crate::{
    errors::Failure,
    extract::TakesJson,
    openapi::{Everywhere, NotFound},
    site::Site,
};

/// When to ask again whether a server has recovered.
const RECOVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// The server is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// Always `healthy`.
    #[schema(example = "healthy")]
    status: &'static str,
}

/// Ask whether the server is well.
///
/// 503 while it shuts down, and when the database or the object store does not answer.
#[utoipa::path(
    get,
    path = "/health",
    tag = "Service",
    operation_id = "health",
    responses((status = 200, description = "It is well", body = HealthAnswer, content_type = "application/json"), Everywhere)
)]
pub(crate) async fn health(site: Data<Site>, _: TakesJson) -> Result<Json<HealthAnswer>, Failure> {
    well(&site).await?;
    Ok(Json(HealthAnswer { status: "healthy" }))
}

/// Whether the server, its database and its object store are well.
///
/// # Errors
/// 503 when they are not.
pub(crate) async fn well(site: &Site) -> Result<(), Failure> {
    if let Some(draining) = site.draining() {
        return Err(draining.into());
    }
    // What is wrong is for the log alone: it can name hosts and folders.
    let well = |road: touchstone_moderation::Road| async move {
        road.health().await.map_err(|reason| {
            tracing::error!(reason, "the server is not well");
            Refusal::Busy { retry_after: RECOVERY }
        })
    };
    site.road(well).await
}

/// Metrics in Prometheus' text form.
///
/// Not there where the public could read them, unless the operator says so.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Service",
    operation_id = "metrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"), NotFound, Everywhere)
)]
pub(crate) async fn metrics(site: Data<Site>) -> Result<HttpResponse, Failure> {
    let metrics = site.metrics().ok_or(Failure::NoSuchPath)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(metrics.render()))
}
