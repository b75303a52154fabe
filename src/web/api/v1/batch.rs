//! Up to a hundred images in one request: their verdicts in one answer (row V2), or later (row V3).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_core::{ids::DocumentId, organization::Caller, refusal::Refusal};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    bearer,
    detect::{self, millis},
    errors::{V1Error, V1Failure},
    images::{self, Images},
    jobs::{self, Unended, V1Result, V1Unjudged},
    sample,
};
use crate::{
    api::truthscan::sight,
    body::{self, Pace},
    extract::TakesJson,
    openapi::{V1Bodied, V1Everywhere, V1Judging, V1Keyed},
    request_id::RequestId,
    site::Site,
    waiting::until,
};

/// 1 to 100 images, and what to tell of each.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's; `images` reads the fields")]
pub(crate) struct V1BatchRequest {
    /// The images.
    #[schema(min_items = 1, max_items = 100)]
    images: Vec<V1BatchImage>,
    /// Name the families of generators; false when left out.
    include_attribution: Option<bool>,
    /// Link to a heatmap, whatever the verdict is; false when left out. An organisation that keeps no pictures gets none in a batch.
    include_heatmap: Option<bool>,
    /// Tell the numbers of forensics; false when left out.
    include_forensics: Option<bool>,
    /// From this likelihood of AI on, a verdict is `ai_generated`; 0.5 when left out.
    #[schema(example = 0.5, minimum = 0, maximum = 1)]
    model_threshold: Option<f64>,
}

/// One of them. Exactly one of `image_url` and `image_base64`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's; `images` reads the fields")]
pub(crate) struct V1BatchImage {
    /// The public http(s) URL of an image.
    #[schema(example = "https://example.com/photo.jpg")]
    image_url: Option<String>,
    /// The image's bytes in base64; a `data:` prefix is tolerated.
    image_base64: Option<String>,
    /// Words of your own, at most 4 KB, handed back with its verdict.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>, example = json!({"user_id": "u_123"}))]
    metadata: Option<serde_json::Value>,
}

/// The verdicts.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1BatchAnswer {
    /// One for each image, in the order in which they were sent: a verdict, or an error.
    results: Vec<V1Result>,
    /// The batch, for `GET /v1/jobs/{id}`; null when no image could be accepted.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    job_id: Option<Uuid>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
    /// Milliseconds that this answer took.
    #[schema(example = 870)]
    latency_ms: u64,
}

/// The batch was accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Accepted {
    /// For `GET /v1/jobs/{id}`.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    job_id: Uuid,
    /// Always `queued`.
    #[schema(example = "queued")]
    status: &'static str,
    /// How many images were sent.
    #[schema(example = 3)]
    total: usize,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// Judge up to 100 images, and wait for their verdicts.
///
/// In order, each with its `index`; one bad image does not fail the rest. A verdict that is not there in time is told as
/// `service_unavailable`, and by `GET /v1/jobs/{id}` later.
#[utoipa::path(
    post,
    path = "/v1/detect/batch",
    tag = "v1",
    operation_id = "v1DetectBatch",
    request_body = V1BatchRequest,
    responses((status = 200, description = "The verdicts", body = V1BatchAnswer, content_type = "application/json"), V1Bodied, V1Keyed, V1Judging, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn batch(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1BatchAnswer>, V1Failure> {
    let begun = Instant::now();
    let caller = bearer::caller(&site, &request).await?;
    let images = taken_in(&site, &request, &caller, &id, payload).await?;
    let answer = |results, job_id: Option<DocumentId>| {
        Ok(Json(V1BatchAnswer { results, job_id: job_id.map(|id| id.0), request_id: id.0.clone(), latency_ms: millis(begun) }))
    };
    if images.parts.is_empty() {
        return answer(refused(&images, &id), None);
    }
    let mut metadata: HashMap<_, _> = images.parts.iter().map(|part| (part.index, part.asked.metadata.clone())).collect();
    let batch = submit(&site, caller.clone(), images).await?;
    let within = Duration::from_secs(site.pure_road().v1().batch_seconds);
    let ended = async || Ok(site.road(|road| async move { road.has_ended(batch).await }).await?.then_some(()));
    // Ended or not: what has not is told as such.
    until(&site, within, ended).await?;
    let document = detect::own(&site, &caller, &batch.to_string()).await?.ok_or(Refusal::NoSuchDocument)?;
    let mut set = jobs::read(&site, document).await?;
    for part in &mut set.parts {
        // What was sent along is handed back, also where it is not stored.
        if let (Some((_, index)), Some(asked)) = (part.batch, &mut part.asked) {
            asked.metadata = metadata.remove(&index).flatten();
        }
    }
    answer(jobs::results(&site, &set, &id, (Unended::IsAnError, sight::links(&caller))), Some(batch))
}

/// Judge up to 100 images in the background.
///
/// Answers at once; a webhook tells when all have ended, and `GET /v1/jobs/{id}` how far they have come. Not for the plan free.
#[utoipa::path(
    post,
    path = "/v1/detect/async",
    tag = "v1",
    operation_id = "v1DetectAsync",
    request_body = V1BatchRequest,
    responses((status = 202, description = "Accepted", body = V1Accepted, content_type = "application/json"), V1Bodied, V1Keyed, V1Judging, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn in_background(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<HttpResponse, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    site.pure_road().may_work_in_background(&caller)?;
    let images = taken_in(&site, &request, &caller, &id, payload).await?;
    let total = images.parts.len() + images.refused.len();
    if images.parts.is_empty() {
        let first = images.refused.first().map(|refused| refused.message.as_str()).unwrap_or_default();
        return Err(V1Failure::invalid("images", &format!("None of the images can be accepted. The first: {first}")));
    }
    let job_id = submit(&site, caller, images).await?.0;
    Ok(HttpResponse::Accepted().json(V1Accepted { job_id, status: "queued", total, request_id: id.0 }))
}

/// The images of a request.
async fn taken_in(site: &Site, request: &HttpRequest, caller: &Caller, id: &RequestId, payload: Payload) -> Result<Images, V1Failure> {
    sample::require_json(request)?;
    let its = caller.clone();
    site.road(|road| async move { road.may_submit_set(&its).await }).await?;
    // Both held until the file is gone.
    let _places = (site.body_place(caller)?, site.upload_place()?);
    let body = body::spool(payload, site.pure_road().v1().max_batch_bytes, Pace::new(&site.settings)).await?;
    images::take_in(site, caller, id, body).await
}

async fn submit(site: &Site, caller: Caller, images: Images) -> Result<DocumentId, V1Failure> {
    let Images { parts, refused, asked } = images;
    Ok(site.road(|road| async move { road.submit_set(caller, parts, refused, asked).await }).await?)
}

/// The answer where nothing was accepted.
fn refused(images: &Images, id: &RequestId) -> Vec<V1Result> {
    let refused = images.refused.iter().cloned();
    let error = |refused: touchstone_core::batch::Refused| V1Error {
        code: refused.code,
        message: refused.message,
        param: refused.param,
        request_id: id.0.clone(),
    };
    refused.map(|refused| V1Result::Error(V1Unjudged { index: refused.index, error: error(refused) })).collect()
}
