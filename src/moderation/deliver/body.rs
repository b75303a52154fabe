//! What a delivery says: `{type, timestamp, data}`, rendered from what is stored now. `data` is the verdict as /v1 tells it, or how a batch
//! ended with the gist of each of its verdicts.

use serde::Serialize;
use touchstone_core::{batch::Refused, ids::DocumentId, webhook::Event};
use touchstone_store::{DocumentRecord, Due};

use crate::{
    report::{Answer, Links, Report},
    road::Road,
    sets::{self, Place},
};

#[derive(Serialize)]
struct Body<T> {
    r#type: &'static str,
    timestamp: String,
    data: T,
}

/// An image that was judged.
#[derive(Serialize)]
struct Detection {
    #[serde(flatten)]
    report: Report,
    /// Of the request that sent it, where that came by /v1.
    request_id: Option<String>,
}

/// A batch that ended, with the gist of what became of each image: whole verdicts of a hundred images are more than many servers take.
#[derive(Serialize)]
struct Batch {
    id: DocumentId,
    status: &'static str,
    total: usize,
    completed: usize,
    failed: usize,
    results: Vec<Gist>,
    created_at: String,
    request_id: Option<String>,
}

/// One image of a batch.
#[derive(Serialize)]
struct Gist {
    /// Its place in what was sent, from 0; in an archive, among those of its files that are judged.
    index: usize,
    id: Option<DocumentId>,
    verdict: Option<Answer>,
    confidence: Option<f64>,
    error: Option<Unjudged>,
}

/// Why an image was not judged, as /v1 tells it.
#[derive(Serialize)]
struct Unjudged {
    code: String,
    message: String,
    param: Option<String>,
}

/// Somebody wants to see a delivery.
#[derive(Serialize)]
struct Test {
    message: &'static str,
}

/// The body of a delivery; `None` when what it tells of is gone.
pub(super) async fn of(road: &Road, due: &Due) -> anyhow::Result<Option<String>> {
    if due.kind == Event::Test {
        return written(due, Test { message: "This is a test. What you see is signed as every delivery is." }).map(Some);
    }
    let Some(id) = due.document else { return Ok(None) };
    let Some(document) = road.store().document(id).await?.filter(|document| document.forgotten.is_none()) else { return Ok(None) };
    let request_id = document.asked.as_ref().map(|asked| asked.request_id.clone());
    if due.kind == Event::DetectionCompleted {
        return road.report(&document, told_links(&document)).map(|report| written(due, Detection { report, request_id })).transpose();
    }
    let Some(results) = gists(road, &document).await? else { return Ok(None) };
    let completed = results.iter().filter(|gist| gist.verdict.is_some()).count();
    let (total, failed) = (results.len(), results.len() - completed);
    let status = if completed > 0 { "completed" } else { "failed" };
    let created_at = document.created_at.rfc3339();
    written(due, Batch { id, status, total, completed, failed, results, created_at, request_id }).map(Some)
}

/// Where pictures are secure, a delivery opens none (row T10): whoever reads it, or the log of it, needs a key that does.
const fn told_links(document: &DocumentRecord) -> Links {
    if document.organization.secure_assets { Links::Bare } else { Links::Open }
}

/// What became of each image of a batch of /v1 or of an archive; `None` when the document stands for neither.
async fn gists(road: &Road, document: &DocumentRecord) -> anyhow::Result<Option<Vec<Gist>>> {
    if let Some(set) = road.store().set(document).await? {
        let gist = |(index, place)| match place {
            Place::Image(image) => judged(road, index, image),
            Place::Refused(refused) => Gist { index, id: None, verdict: None, confidence: None, error: Some(unjudged(refused)) },
        };
        return Ok(Some(sets::places(&set).into_iter().map(gist).collect()));
    }
    let batch = road.store().batch(document).await?;
    Ok(batch.map(|batch| batch.members.iter().enumerate().map(|(index, image)| judged(road, index, image)).collect()))
}

fn judged(road: &Road, index: usize, image: &DocumentRecord) -> Gist {
    let report = road.report(image, told_links(image));
    let error = image.failure.map(|code| Unjudged {
        code: code.name().to_owned(),
        message: image.error_message.clone().unwrap_or_default(),
        param: None,
    });
    let (verdict, confidence) = report.map(|report| (report.verdict, report.confidence)).unzip();
    Gist { index, id: Some(image.id), verdict, confidence, error }
}

fn unjudged(refused: &Refused) -> Unjudged {
    Unjudged { code: refused.code.clone(), message: refused.message.clone(), param: refused.param.clone() }
}

fn written<T: Serialize>(due: &Due, data: T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Body { r#type: due.kind.name(), timestamp: due.happened_at.rfc3339(), data })?)
}
