//! What a delivery says: `{type, timestamp, data}`, rendered from what is stored now. `data` is the verdict as /v1 tells it, or how a batch
//! ended with the gist of each of its verdicts.

use serde::Serialize;
use touchstone_core::{ids::DocumentId, webhook::Event};
use touchstone_store::{DocumentRecord, DocumentStatus, Due};

use crate::{
    report::{Answer, Report},
    road::Road,
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

/// A batch that ended.
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
    index: usize,
    id: DocumentId,
    verdict: Option<Answer>,
    confidence: Option<f64>,
    error: Option<String>,
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
    let Some(document) = road.store().document(id).await? else { return Ok(None) };
    let request_id = document.asked.as_ref().map(|asked| asked.request_id.clone());
    if due.kind == Event::DetectionCompleted {
        return road.report(&document).map(|report| written(due, Detection { report, request_id })).transpose();
    }
    let Some(batch) = road.store().batch(&document).await? else { return Ok(None) };
    let count = |status| batch.members.iter().filter(|member| member.status == status).count();
    let (completed, failed) = (count(DocumentStatus::Done), count(DocumentStatus::Failed));
    let results = batch.members.iter().enumerate().map(|(index, member)| gist(road, index, member)).collect();
    let status = if completed > 0 { "completed" } else { "failed" };
    let (total, created_at) = (batch.members.len(), document.created_at.rfc3339());
    written(due, Batch { id, status, total, completed, failed, results, created_at, request_id }).map(Some)
}

fn gist(road: &Road, index: usize, member: &DocumentRecord) -> Gist {
    let report = road.report(member);
    Gist {
        index,
        id: member.id,
        verdict: report.as_ref().map(|report| report.verdict),
        confidence: report.as_ref().map(|report| report.confidence),
        error: member.error_message.clone(),
    }
}

fn written<T: Serialize>(due: &Due, data: T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Body { r#type: due.kind.name(), timestamp: due.happened_at.rfc3339(), data })?)
}
