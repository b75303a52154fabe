//! Content Credentials of a picture, verified (row V5). Nothing is stored, and no credit is taken.

use std::time::Instant;

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_moderation::Credentials;
use utoipa::ToSchema;

use super::{errors::V1Failure, look};
use crate::{
    extract::TakesJson,
    openapi::{V1Bodied, V1Everywhere, V1Fetching, V1Keyed},
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
    /// Milliseconds from the request's arrival to this answer.
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
    request_body(
        content(
            (look::V1Look = "application/json"),
            (look::V1LookForm = "multipart/form-data"),
        ),
        description = "One image."
    ),
    responses(
        (status = 200, description = "What was verified", body = V1Credentials, content_type = "application/json"),
        V1Bodied, V1Fetching, V1Keyed, V1Everywhere,
    )
)]
pub(crate) async fn verify(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1Credentials>, V1Failure> {
    let arrived = Instant::now();
    let credentials = look::at(&site, &request, payload, |road, bytes| async move { road.verify_credentials(bytes).await }).await?;
    Ok(Json(V1Credentials { credentials, request_id: id.0, latency_ms: look::since(arrived) }))
}
