//! One image, one call, one verdict (rows V1, V14), and the same verdict again.

use std::time::{Duration, Instant};

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path, Payload},
};
use serde::Serialize;
use touchstone_core::{ids::DocumentId, organization::Caller, refusal::Refusal, submission::Asked};
use touchstone_moderation::{
    Detected, DocumentKind, DocumentRecord,
    report::{Links, Report},
};
use utoipa::ToSchema;

use super::{
    bearer,
    errors::V1Failure,
    sample::{self, Sample},
};
use crate::{
    api::truthscan::sight,
    data_url::data_url,
    extract::TakesJson,
    openapi::{File, V1Bodied, V1Everywhere, V1Judging, V1Keyed, V1NotFound},
    request_id::RequestId,
    site::Site,
    waiting::wait_for,
};

/// When to ask again for a verdict that takes longer.
pub(super) const LATER: Duration = Duration::from_secs(5);

/// The image, and what to tell of it. Exactly one of `image_url` and `image_base64`; or a form with the file in `image`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's; `given` reads the fields")]
pub(crate) struct V1DetectRequest {
    /// The public http(s) URL of an image.
    #[schema(example = "https://example.com/photo.jpg")]
    image_url: Option<String>,
    /// The image's bytes in base64; a `data:` prefix is tolerated.
    image_base64: Option<String>,
    /// Name the families of generators; false when left out.
    include_attribution: Option<bool>,
    /// Link to a heatmap, whatever the verdict is; false when left out.
    include_heatmap: Option<bool>,
    /// Tell the numbers of forensics; false when left out.
    include_forensics: Option<bool>,
    /// From this likelihood of AI on, the verdict is `ai_generated`; 0.5 when left out.
    #[schema(example = 0.5, minimum = 0, maximum = 1)]
    model_threshold: Option<f64>,
    /// Words of your own, at most 4 KB, handed back with the verdict.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>, example = json!({"user_id": "u_123"}))]
    metadata: Option<serde_json::Value>,
}

/// The same as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's; `given` reads the fields")]
pub(crate) struct V1DetectForm {
    /// The image; the field may be called `file` as well.
    image: File,
    /// As in JSON: `true` or `false`.
    include_attribution: Option<bool>,
    /// As in JSON.
    include_heatmap: Option<bool>,
    /// As in JSON.
    include_forensics: Option<bool>,
    /// As in JSON.
    #[schema(example = 0.5, minimum = 0, maximum = 1)]
    model_threshold: Option<f64>,
    /// As in JSON, as its text.
    #[schema(example = "{\"user_id\": \"u_123\"}")]
    metadata: Option<String>,
}

/// The verdict.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Detection {
    #[serde(flatten)]
    report: Report,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
    /// Milliseconds that this answer took.
    #[schema(example = 87)]
    latency_ms: u64,
}

/// Judge one image.
///
/// Waits for the verdict. Should it take unusually long, 503 names the detection; the image is judged all the same, and `GET` there costs
/// nothing. The same request, repeated within minutes, waits for that detection and costs nothing either, except where nothing is kept of
/// the image.
#[utoipa::path(
    post,
    path = "/v1/detect",
    tag = "v1",
    operation_id = "v1Detect",
    request_body(content((V1DetectRequest = "application/json"), (V1DetectForm = "multipart/form-data"))),
    responses((status = 200, description = "The verdict", body = V1Detection, content_type = "application/json"), V1Bodied, V1Keyed, V1Judging, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn detect(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1Detection>, V1Failure> {
    let begun = Instant::now();
    let caller = bearer::caller(&site, &request).await?;
    let Sample { sent, param, asked, memory } = sample::read(&site, &request, payload).await?;
    let asked = Asked { request_id: id.0.clone(), ..asked };
    let (own, links) = (Some(asked.clone()), sight::links(&caller));
    let (asked_at, within) = (Instant::now(), Duration::from_secs(site.pure_road().v1().wait_seconds));
    let detected = site.road(|road| memory.held(async move { road.detect(caller, sent, asked).await })).await;
    let (document, heatmap) = match detected.map_err(|failure| V1Failure::from(failure).about_image(&param))? {
        Detected::Ended { document, heatmap } => (*document, heatmap),
        Detected::Queued { document, heatmap } => {
            let document = waited(&site, document, within.saturating_sub(asked_at.elapsed())).await?;
            let heatmap = match heatmap {
                Some(awaited) => awaited.picture().await,
                None => None,
            };
            (document, heatmap)
        }
    };
    // What was sent along is handed back, also where it is not stored.
    let document = DocumentRecord { asked: own, ..document };
    let report = told_with(&site, &document, heatmap.map(|map| data_url(map.content_type, &map.bytes)), links)
        .map_err(|failure| failure.about_image(&param))?;
    Ok(Json(V1Detection { report, request_id: id.0, latency_ms: millis(begun) }))
}

/// Read a verdict again, with a fresh link to its heatmap.
///
/// 503 while the image is not judged yet. An image that could not be judged is answered as it was then.
#[utoipa::path(
    get,
    path = "/v1/detections/{id}",
    tag = "v1",
    operation_id = "v1Detection",
    params(("id" = uuid::Uuid, Path, description = "The detection's `id`.")),
    responses((status = 200, description = "The verdict", body = V1Detection, content_type = "application/json"), V1NotFound, V1Bodied, V1Keyed, V1Judging, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn detection(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    path: Path<String>,
    _: TakesJson,
) -> Result<Json<V1Detection>, V1Failure> {
    let begun = Instant::now();
    let caller = bearer::caller(&site, &request).await?;
    let document = own(&site, &caller, &path).await?.filter(|document| document.kind == DocumentKind::Image);
    let document = document.ok_or(Refusal::NoSuchDocument)?;
    if !document.is_told() {
        return Err(Refusal::NotYet { id: document.id, retry_after: LATER }.into());
    }
    Ok(Json(V1Detection { report: told(&site, &document, sight::links(&caller))?, request_id: id.0, latency_ms: millis(begun) }))
}

/// A document of the caller's organisation. Another's, a forgotten one and what is no id are as if they were not there.
pub(crate) async fn own(site: &Site, caller: &Caller, id: &str) -> Result<Option<DocumentRecord>, V1Failure> {
    let Ok(id) = id.parse::<DocumentId>() else { return Ok(None) };
    let document = site.road(|road| async move { road.document(id).await }).await?;
    Ok(document.filter(|document| document.organization.id == caller.organization.id && document.forgotten.is_none()))
}

/// A document that somebody else judges, once there is all to tell of it.
async fn waited(site: &Site, id: DocumentId, within: Duration) -> Result<DocumentRecord, V1Failure> {
    let document = wait_for(site, id, within, DocumentRecord::is_told).await?;
    Ok(document.ok_or(Refusal::NotYet { id, retry_after: LATER })?)
}

/// What there is to tell of a document that has ended.
///
/// # Errors
/// Why it could not be judged.
pub(crate) fn told(site: &Site, document: &DocumentRecord, links: Links) -> Result<Report, V1Failure> {
    told_with(site, document, None, links)
}

/// The same with a heatmap that is stored nowhere.
fn told_with(site: &Site, document: &DocumentRecord, heatmap: Option<String>, links: Links) -> Result<Report, V1Failure> {
    let road = site.pure_road();
    road.report_with(document, heatmap, links).ok_or_else(|| road.refusal(document).unwrap_or(Refusal::NoSuchDocument).into())
}

/// Milliseconds since then.
pub(crate) fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
