//! How far a batch has come, and what stands at each of its places (rows V2, V3).

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use serde::Serialize;
use touchstone_core::refusal::Refusal;
use touchstone_moderation::{
    DocumentRecord, SetRecord,
    report::{Links, Report},
    sets::{self, Place, SetStatus},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    bearer,
    detect::{self, LATER},
    errors::{self, V1Error, V1Failure},
    images,
};
use crate::{
    api::truthscan::sight,
    extract::TakesJson,
    openapi::{V1Everywhere, V1Keyed, V1NotFound},
    request_id::RequestId,
    site::Site,
};

/// One place of a batch: a verdict, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum V1Result {
    /// It was judged.
    Verdict(Box<V1Verdict>),
    /// It was not.
    Error(V1Unjudged),
}

/// An image of a batch that was judged.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Verdict {
    /// Its place in what was sent, from 0.
    #[schema(example = 0)]
    index: usize,
    #[serde(flatten)]
    report: Report,
}

/// An image of a batch that was not judged.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Unjudged {
    /// Its place in what was sent, from 0.
    #[schema(example = 1)]
    pub(super) index: usize,
    /// Why.
    pub(super) error: V1Error,
}

/// A batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Job {
    /// The batch.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// `queued` until the first image is looked at, `processing` until the last has ended, then `completed`, or `failed` when none could be
    /// judged.
    #[schema(example = "completed")]
    status: &'static str,
    /// How many images were sent.
    #[schema(example = 3)]
    total: usize,
    /// How many were judged.
    #[schema(example = 2)]
    completed: usize,
    /// How many could not be.
    #[schema(example = 1)]
    failed: usize,
    /// Those that have ended, in the order in which they were sent.
    results: Vec<V1Result>,
    /// When it was submitted.
    #[schema(example = "2026-11-21T12:00:00.000Z")]
    created_at: String,
    /// When its last image ended; null while one has not.
    #[schema(example = "2026-11-21T12:00:02.500Z")]
    finished_at: Option<String>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// Read how far a batch has come.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "v1",
    operation_id = "v1Job",
    params(("id" = Uuid, Path, description = "The batch's `job_id`.")),
    responses((status = 200, description = "The batch", body = V1Job, content_type = "application/json"), V1NotFound, V1Keyed, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn job(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    path: Path<String>,
    _: TakesJson,
) -> Result<Json<V1Job>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let document = detect::own(&site, &caller, &path).await?.ok_or(Refusal::NoSuchDocument)?;
    let set = read(&site, document).await?;
    let results = results(&site, &set, &id, (Unended::LeftOut, sight::links(&caller)));
    let completed = results.iter().filter(|result| matches!(result, V1Result::Verdict(_))).count();
    let total = set.parts.len() + set.refused.len();
    Ok(Json(V1Job {
        id: set.id.0,
        status: name(sets::status(&set)),
        total,
        completed,
        failed: results.len() - completed,
        results,
        created_at: set.created_at.rfc3339(),
        finished_at: sets::finished_at(&set).map(|at| at.rfc3339()),
        request_id: id.0,
    }))
}

/// The batch that a document stands for.
///
/// # Errors
/// 404 when it stands for none, or nothing is left of it.
pub(super) async fn read(site: &Site, document: DocumentRecord) -> Result<SetRecord, V1Failure> {
    let set = site.road(|road| async move { road.set(&document).await }).await?;
    // Of one whose every image was forgotten nothing is left to tell.
    Ok(set.filter(|set| !set.parts.is_empty()).ok_or(Refusal::NoSuchDocument)?)
}

/// What is told of an image that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unended {
    /// Nothing.
    LeftOut,
    /// That it takes longer.
    IsAnError,
}

/// What stands at each place, for an asker to whom links are worth that much.
pub(super) fn results(site: &Site, set: &SetRecord, id: &RequestId, how: (Unended, Links)) -> Vec<V1Result> {
    let places = sets::places(set).into_iter();
    places.filter_map(|(index, place)| result(site, index, &place, id, how)).collect()
}

fn result(site: &Site, index: usize, place: &Place<'_>, id: &RequestId, (unended, links): (Unended, Links)) -> Option<V1Result> {
    let failed = |failure: V1Failure| V1Result::Error(V1Unjudged { index, error: errors::object(&failure, site, id) });
    Some(match place {
        Place::Refused(refused) => {
            let (code, message, param) = (refused.code.clone(), refused.message.clone(), refused.param.clone());
            V1Result::Error(V1Unjudged { index, error: V1Error { code, message, param, request_id: id.0.clone() } })
        }
        Place::Image(document) if !document.is_told() => match unended {
            Unended::LeftOut => return None,
            Unended::IsAnError => failed(Refusal::NotYet { id: document.id, retry_after: LATER }.into()),
        },
        Place::Image(document) => match detect::told(site, document, links) {
            Ok(report) => V1Result::Verdict(Box::new(V1Verdict { index, report })),
            Err(failure) => failed(failure.about_image(&param(index, document))),
        },
    })
}

/// The field that the image came in.
fn param(index: usize, document: &DocumentRecord) -> String {
    let by_url = document.asked.as_ref().is_some_and(|asked| asked.by_url);
    format!("{}.{}", images::place(index), if by_url { "image_url" } else { "image_base64" })
}

const fn name(status: SetStatus) -> &'static str {
    match status {
        SetStatus::Queued => "queued",
        SetStatus::Processing => "processing",
        SetStatus::Completed => "completed",
        SetStatus::Failed => "failed",
    }
}
