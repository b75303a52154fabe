//! Content Credentials of a picture, verified (row V5). Nothing is stored, and no credit is taken.

use std::time::Instant;

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_moderation::{Credentials, Road};
use utoipa::ToSchema;

use super::{detect::millis, errors::V1Failure, look::look, sample::V1Image};
use crate::{
    extract::TakesJson,
    openapi::{V1Bodied, V1Everywhere, V1Fetched, V1Keyed},
    request_id::RequestId,
    site::Site,
};

/// What was verified.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Credentials {
    #[serde(flatten)]
    credentials: Credentials,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
    /// Milliseconds that this answer took.
    #[schema(example = 24)]
    latency_ms: u64,
}

/// Verify a picture's Content Credentials (C2PA).
///
/// Integrity and trust are told apart: `integrity` says whether the file is as it was signed, `trust` whether the signer is on the trust list
/// that is installed here (none is by default). The image comes as in POST /v1/detect. Nothing is stored and nothing is charged; the project's
/// rate limit counts.
#[utoipa::path(
    post,
    path = "/v1/c2pa/verify",
    tag = "v1",
    operation_id = "v1C2paVerify",
    security(("bearer" = [])),
    request_body(content((V1Image = "application/json"))),
    responses(
        (status = 200, description = "What was verified", body = V1Credentials, content_type = "application/json"),
        V1Bodied, V1Fetched, V1Keyed, V1Everywhere,
    )
)]
pub(crate) async fn verify(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1Credentials>, V1Failure> {
    let begun = Instant::now();
    let verify = |road: Road, caller, sent| async move { road.verify_credentials(&caller, sent).await };
    let credentials = look(&site, &request, payload, verify).await?;
    Ok(Json(V1Credentials { credentials, request_id: id.0, latency_ms: millis(begun) }))
}
