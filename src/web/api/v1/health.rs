//! How the service is, and what it judges with (rows V6, X1).

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use touchstone_moderation::TrustListFacts;
use utoipa::ToSchema;

use super::{bearer, errors::V1Failure};
use crate::{
    api::truthscan::health::well,
    extract::TakesJson,
    openapi::V1Everywhere,
    request_id::RequestId,
    site::{ModelFacts, Site},
};

/// The service is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Health {
    /// Always `healthy`: what is not well is answered with 503.
    #[schema(example = "healthy")]
    status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The model that judges; null on a node that judges nothing itself.
    model: Option<ModelFacts>,
    /// Where people read how often that is right.
    #[schema(example = "https://detect.example.org/model")]
    model_card: String,
    /// Seconds since this node started.
    #[schema(example = 86400)]
    uptime_seconds: u64,
    /// The list of certificates that Content Credentials are trusted by; null when none is installed.
    trust_list: Option<TrustListFacts>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// Ask how the service is.
///
/// No key is needed. 503 while it shuts down, and when the database or the object store does not answer.
#[utoipa::path(
    get,
    path = "/v1/health",
    tag = "v1",
    operation_id = "v1Health",
    responses((status = 200, description = "It is well", body = V1Health, content_type = "application/json"), V1Everywhere)
)]
pub(crate) async fn health(site: Data<Site>, request: HttpRequest, id: RequestId, _: TakesJson) -> Result<Json<V1Health>, V1Failure> {
    bearer::keyless(&site, &request)?;
    well(&site).await?;
    Ok(Json(V1Health {
        status: "healthy",
        version: env!("CARGO_PKG_VERSION"),
        model: site.model.clone(),
        model_card: format!("{}/model", site.pure_road().public_url()),
        uptime_seconds: site.started.elapsed().as_secs(),
        trust_list: site.pure_road().trust_list().cloned(),
        request_id: id.0,
    }))
}
