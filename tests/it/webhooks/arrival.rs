//! V10: what happens arrives, again and again if it must, and what a receiver says is believed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use touchstone_core::webhook::Retries;

use super::Hooked;
use crate::support::{pictures, zips};

// V1, V10, V14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_arrives_as_v1_tells_it_whoever_asked_for_it() {
    let h = Hooked::new().await;
    let made = h.hook("ok").await;
    let seen = h.client.judge("photo.jpg", pictures::jpeg(1)).await;
    let arrived = h.arrived("ok", 1).await;
    let body = arrived[0].json();
    assert_eq!((&body["type"], &body["data"]["id"]), (&json!("detection.completed"), &seen["id"]));
    for field in ["verdict", "confidence", "model_attribution", "heatmap_url", "metadata", "regions", "signals", "request_id", "unsure"] {
        assert!(body["data"].get(field).is_some(), "{field}: {body}");
    }
    let delivered = h.newest(&made, "delivered").await;
    let attempt = &delivered["attempts"][0];
    assert_eq!((&delivered["event_id"], delivered["document_id"].clone()), (&json!(arrived[0].id()), seen["id"].clone()));
    assert_eq!(attempt["request"]["body"].as_str().unwrap().as_bytes(), arrived[0].body, "the log tells it to the byte");
    assert_eq!(attempt["request"]["headers"]["x-signature"], json!(arrived[0].headers["x-signature"]));
    assert_eq!(attempt["response"], json!({ "status": 200, "body": "well" }));
    // A PDF in the archive is skipped, and something that is no image fails.
    let files = [zips::File::stored("a.png", pictures::png_of(&pictures::scene(64, 64, 4))), zips::File::stored("b.png", broken())];
    let (batch, _) = h.client.submit_zip(zips::archive(&files), json!({})).await;
    h.client.settle_zip(&batch).await;
    let arrived = h.arrived("ok", 3).await;
    let ended: Vec<Value> = arrived.iter().map(super::Received::json).filter(|body| body["type"] == "batch.completed").collect();
    let data = &ended[0]["data"];
    assert_eq!((ended.len(), &data["id"], &data["completed"], &data["failed"]), (1, &json!(batch), &json!(1), &json!(1)));
    assert!(data["results"][0]["confidence"].is_number() && data["results"][1]["error"]["code"] == "invalid_request", "{data}");
}

/// Begins as a PNG, and is none.
fn broken() -> Vec<u8> {
    let mut bytes = pictures::png_of(&pictures::scene(64, 64, 5));
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0);
    bytes
}

// V10: 5 retries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_tried_six_times_by_one_id_and_then_failed() {
    let h = Hooked::new().await;
    let made = h.hook("status/500").await;
    h.test(&made).await;
    h.arrived("status/500", 5).await;
    crate::support::eventually("it to rest after five failures in a row", super::PATIENCE, || async {
        h.show(&made).await["paused_until"].is_string().then_some(())
    })
    .await;
    h.wake().await;
    let arrived = h.arrived("status/500", 6).await;
    assert!(arrived.iter().all(|one| one.id() == arrived[0].id() && one.body == arrived[0].body));
    let failed = h.newest(&made, "failed").await;
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 6);
    assert!(failed["next_attempt_at"].is_null() && failed["ended_at"].is_string(), "{failed}");
    assert!(h.show(&made).await["failing_since"].is_string());
    h.wake().await;
    // It is back: one success, and all is well.
    let one = format!("/v1/webhooks/{}", made.id);
    h.call(Method::PATCH, &one, json!({ "url": h.receiver.url("ok") })).await;
    let (status, again) = h.call(Method::POST, &format!("{one}/replay"), json!({ "delivery_id": failed["id"] })).await;
    assert_eq!((status, &again["queued"]), (202, &json!(1)), "{again}");
    assert_eq!(h.arrived("ok", 1).await[0].id(), failed["event_id"], "by the same id");
    let delivered = h.newest(&made, "delivered").await;
    assert_eq!((&delivered["replay"], &h.show(&made).await["failing_since"]), (&json!(true), &Value::Null));
}

// V10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_silence_and_noise_are_what_they_are() {
    let h = Hooked::with(|config| config.webhooks.timeout_seconds = 1).await;
    for (path, status, error) in [
        ("moved", Some(302), None),
        ("status/204", Some(204), None),
        ("endless", Some(200), None),
        ("drop", None, Some("broke off")),
        ("hang", None, Some("no answer within 1 s")),
    ] {
        let made = h.hook(path).await;
        h.test(&made).await;
        let attempt = crate::support::eventually(path, super::PATIENCE, || async {
            h.log(&made).await.first().and_then(|newest| newest["attempts"].get(0).cloned())
        })
        .await;
        assert_eq!(attempt["response"]["status"].as_u64(), status, "{path}: {attempt}");
        assert!(
            attempt["error"].as_str().is_some_and(|said| error.is_some_and(|error| said.contains(error))) == error.is_some(),
            "{attempt}"
        );
        assert!(attempt["response"]["body"].as_str().is_none_or(|body| body.len() <= 4096), "{path}");
        h.call(Method::DELETE, &format!("/v1/webhooks/{}", made.id), Value::Null).await;
    }
    assert_eq!(h.receiver.at("trap").len(), 0, "what is signed for one place is not sent to another");
}

// V10: Retry-After.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_asks_for_time_gets_it() {
    let h = Hooked::with(|config| {
        config.webhooks.retries = Retries::new([1, 60, 60, 60, 60].map(|seconds| Duration::from_millis(seconds * 10)).to_vec());
    })
    .await;
    let made = h.hook("later/3600").await;
    h.test(&made).await;
    let arrived = h.arrived("later/3600", 2).await;
    // It asked for an hour; the longest of the waits is what it gets, and not the ten milliseconds of the first.
    assert!(arrived[1].at.0 - arrived[0].at.0 >= 600, "{} ms", arrived[1].at.0 - arrived[0].at.0);
    h.newest(&made, "delivered").await;
}

// V10: 410, recover since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_gone_is_disabled_with_a_notice_and_can_have_later_what_it_missed() {
    let h = Hooked::new().await;
    let made = h.hook("status/410").await;
    let since = touchstone_core::time::Timestamp::now().rfc3339();
    let one = format!("/v1/webhooks/{}", made.id);
    let first = h.client.judge("photo.jpg", pictures::jpeg(1)).await["id"].clone();
    h.newest(&made, "abandoned").await;
    let seen = crate::support::eventually("the notice", super::PATIENCE, || async {
        let seen = h.show(&made).await;
        (seen["enabled"] == false).then_some(seen)
    })
    .await;
    assert_eq!((&seen["disabled_reason"], seen["disabled_at"].is_string()), (&json!("gone"), true));
    let second = h.client.judge("photo.jpg", pictures::jpeg(2)).await["id"].clone();
    assert_eq!(h.log(&made).await.len(), 1, "nothing more is on its way");
    h.call(Method::PATCH, &one, json!({ "enabled": true, "url": h.receiver.url("ok") })).await;
    let (_, again) = h.call(Method::POST, &format!("{one}/replay"), json!({ "since": since })).await;
    assert_eq!(again["queued"], 2, "{again}");
    let arrived: Vec<Value> = h.arrived("ok", 2).await.iter().map(|one| one.json()["data"]["id"].clone()).collect();
    assert!(arrived.contains(&first) && arrived.contains(&second), "{arrived:?}");
}
