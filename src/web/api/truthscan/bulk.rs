//! A ZIP of images: submit it (row T11), and read it in the Undetectable dialect's shape (row U1). `/query` reads it in TruthScan's.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_core::refusal::Refusal;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    batch::{self, BulkQueryAnswer},
    detect::{self, Defaults, DetectBody},
    query::{self, QueryBody},
    schema::Progress,
};
use crate::{
    errors::Failure,
    extract::TakesJson,
    openapi::{BadRequest, Bodied, Everywhere, Forbidden, Gone, Keyed},
    site::Site,
};

/// What is not made of a batch's images unless it is asked for.
const DEFAULTS: Defaults = Defaults { preview: false, analysis: false };

/// The archive was accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkAnswer {
    /// To be sent to `/query` or `/bulk-upload/query`. Whoever knows it may read the verdicts.
    id: Uuid,
    /// Always `pending`.
    #[schema(example = "pending")]
    status: Progress,
    /// How many of its images are judged. So many credits are set aside.
    #[schema(example = 12)]
    expected_count: usize,
}

/// Submit an uploaded ZIP of images.
///
/// Each image is judged and paid by itself; what cannot be judged is skipped and says why. Answers at once; poll `/query` with the id.
/// A repeat within ten minutes answers the same id and costs nothing.
#[utoipa::path(
    post,
    path = "/bulk-upload",
    tag = "Detection",
    operation_id = "bulkUpload",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Your API key, when it is not in the body.")),
    request_body = DetectBody,
    responses((status = 200, description = "Accepted", body = BulkAnswer, content_type = "application/json"), BadRequest, Keyed, Bodied, Everywhere)
)]
pub(crate) async fn submit(site: Data<Site>, request: HttpRequest, _: TakesJson, payload: Payload) -> Result<Json<BulkAnswer>, Failure> {
    let body = detect::body(&site, payload).await?;
    let (caller, route) = detect::asked(&site, &request, &body).await?;
    let object_key = site.pure_road().archive_key(&body.url)?;
    let submission = detect::submission(&body, caller, route, object_key, DEFAULTS);
    let made = site.road(|road| async move { road.submit_batch(submission).await }).await?;
    Ok(Json(BulkAnswer { id: made.id.0, status: Progress::Pending, expected_count: made.expected_count }))
}

/// Read a ZIP's verdicts in the shape of the older text.
///
/// An unknown id is answered with null. `/query` answers the same batch in the newer shape, with the images' ids.
#[utoipa::path(
    post,
    path = "/bulk-upload/query",
    tag = "Detection",
    operation_id = "bulkQuery",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Only for organisations whose queries are private.")),
    request_body = QueryBody,
    responses((status = 200, description = "The batch, or null", body = Option<BulkQueryAnswer>, content_type = "application/json"), BadRequest, Forbidden, Gone, Bodied, Everywhere)
)]
pub(crate) async fn query(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<Option<BulkQueryAnswer>>, Failure> {
    let Some((document, _)) = query::found(&site, &request, payload).await? else { return Ok(Json(None)) };
    let found = site.road(|road| async move { road.batch(&document).await }).await?.ok_or(Refusal::NotABatch)?;
    Ok(Json(Some(batch::items(&found))))
}
