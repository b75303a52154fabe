//! One request instead of three (row T19): the URL of an image goes in, and where it comes in time, the verdict comes out.
//!
//! The document is judged like any other, whether or not anybody still waits.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_moderation::DocumentRecord;
use utoipa::ToSchema;

use super::{
    answer,
    detect::{self, DetectAnswer, DetectBody},
    schema::{Progress, QueryAnswer},
    sight::Sight,
};
use crate::{
    errors::Failure,
    extract::{TakesJson, json},
    openapi::{BadRequest, Bodied, Everywhere, Keyed},
    site::Site,
    waiting::wait_for,
};

/// Seconds that a client waits when it does not say, and most seconds that it may.
const WAIT: (i64, i64) = (30, 60);

/// What `/detect` takes, and how long to wait.
#[derive(ToSchema)]
#[schema(as = DetectUrlRequest)]
pub(crate) struct DetectUrlBody {
    #[serde(flatten)]
    detect: DetectBody,
    /// Wait for the verdict; true when left out.
    wait: Option<bool>,
    /// Seconds to wait for it, 0 to 60; 30 when left out. A number outside is read as the nearest inside.
    #[schema(example = 30)]
    max_wait_seconds: Option<i64>,
}

/// The verdict, or where to ask for it.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum DetectUrlAnswer {
    /// It came in time.
    Ready(Box<ReadyAnswer>),
    /// It did not, or was not waited for: poll `/query`.
    Pending(DetectAnswer),
}

/// What `/query` answers, and the label at the top as well. Nothing but `id` and `status` while it is pending.
#[derive(Serialize, ToSchema)]
#[schema(as = DetectUrlAnswer)]
pub(crate) struct ReadyAnswer {
    #[serde(flatten)]
    answer: QueryAnswer,
    /// As in `result_details`; null when the image could not be judged.
    #[schema(example = "AI Generated")]
    final_result: Option<&'static str>,
    /// As in `result_details`; null when the image could not be judged.
    #[schema(example = 90.24)]
    final_label_confidence: Option<f64>,
}

/// Submit the URL of an image and wait for the verdict.
///
/// Answers what `/query` answers, or the id with `pending` where the verdict takes longer, or the key may not read it; poll `/query` then.
#[utoipa::path(
    post,
    path = "/detect-url",
    tag = "Detection",
    operation_id = "detectUrl",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Your API key, when it is not in the body.")),
    request_body = DetectUrlBody,
    responses((status = 200, description = "The verdict, or pending", body = ReadyAnswer, content_type = "application/json"), BadRequest, Keyed, Bodied, Everywhere)
)]
pub(crate) async fn detect_url(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<DetectUrlAnswer>, Failure> {
    let mut fields = json(&site, payload).await?;
    let body = DetectUrlBody {
        detect: detect::read(&mut fields),
        wait: fields.flag("wait"),
        max_wait_seconds: fields.integer("max_wait_seconds"),
    };
    fields.done()?;
    let (id, sight) = detect::accept(&site, &request, body.detect).await?;
    // A key that may submit and not read is told what it always is: that the document is on its way.
    let waits = body.wait.unwrap_or(true) && sight.sees;
    let document = if waits { wait_for(&site, id, patience(body.max_wait_seconds), DocumentRecord::is_final).await? } else { None };
    Ok(Json(match document {
        Some(document) => DetectUrlAnswer::Ready(Box::new(ready(&site, &document, sight))),
        None => DetectUrlAnswer::Pending(DetectAnswer { id: id.0, status: Progress::Pending }),
    }))
}

fn patience(seconds: Option<i64>) -> Duration {
    let (default, most) = WAIT;
    Duration::from_secs(seconds.unwrap_or(default).clamp(0, most).unsigned_abs())
}

fn ready(site: &Site, document: &DocumentRecord, sight: Sight) -> ReadyAnswer {
    let answer = answer::of(document, |asset| sight.link(site.pure_road(), document.id, asset));
    let details = answer.result_details.as_ref();
    ReadyAnswer {
        final_result: details.and_then(|details| details.final_result),
        final_label_confidence: details.and_then(|details| details.final_label_confidence),
        answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_they_may() {
        // T19
        for (asked, seconds) in [(None, 30), (Some(5), 5), (Some(0), 0), (Some(-7), 0), (Some(61), 60), (Some(i64::MAX), 60)] {
            assert_eq!(patience(asked), Duration::from_secs(seconds), "{asked:?}");
        }
    }
}
