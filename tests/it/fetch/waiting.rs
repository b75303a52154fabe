//! `/detect-url` (row T19): one request from URL to verdict; and what happens when the verdict takes longer than the wait.

use std::{collections::BTreeSet, time::Duration};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use touchstone::app::Role;
use touchstone_core::key::{Limits, Scope};
use touchstone_store::NewKey;

use crate::support::{Client, Outside, Plan, TestApp, app::Org, eventually, pictures};

/// Exactly an id and `pending`; answers the id.
fn pending(answer: &Value) -> String {
    let fields: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((fields, answer["status"].as_str()), (vec!["id", "status"], Some("pending")), "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// A server that may fetch and never judges.
fn idle_app(outside: &Outside) -> TestApp {
    TestApp::start(Plan { roles: BTreeSet::from([Role::Api]), change: Box::new(outside.opened()), leftovers: true })
}

// T19
#[tokio::test]
async fn one_request_answers_what_query_answers_with_the_label_on_top() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let request = client.request(reqwest::Method::POST, "/detect-url").header("apikey", &client.key);
    let answer = client.send(request.json(&json!({ "url": outside.url("photo/1"), "max_wait_seconds": 60 }))).await.ok();
    assert_eq!(answer["status"], "done", "{answer}");
    let details = &answer["result_details"];
    assert!(answer["final_result"].is_string() && answer["final_result"] == details["final_result"], "{answer}");
    assert!(answer["final_label_confidence"].is_f64() && answer["final_label_confidence"] == details["final_label_confidence"], "{answer}");
    let id = answer["id"].as_str().unwrap();
    let seen = client.settle(id).await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let own = BTreeSet::from(["final_result".to_owned(), "final_label_confidence".to_owned()]);
    assert_eq!(names(&answer), &names(&seen) | &own);
    assert_eq!((&answer["result"], client.credits().await), (&seen["result"], 99));
    let again = client.detect_url(json!({ "url": outside.url("photo/1") })).await.ok();
    assert_eq!((&again["id"], &again["status"], client.credits().await), (&answer["id"], &json!("done"), 99), "T17");
}

// T19
#[tokio::test]
async fn what_detect_takes_is_taken_and_what_it_refuses_is_refused() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let (id, url) = (uuid::Uuid::from_u128(7), outside.url("photo/2"));
    let body = json!({ "url": url, "id": id, "generate_heatmap": false, "generate_preview": false, "unheard_of": [1] });
    let answer = client.detect_url(body).await.ok();
    assert_eq!((&answer["id"], &answer["result_details"]["heatmap_status"]), (&json!(id), &Value::Null), "{answer}");
    let upload = client.upload("photo.png", pictures::png(1)).await;
    assert_eq!(client.detect_url(json!({ "url": Client::vendor_url(&upload) })).await.ok()["status"], "done", "an upload's URL");
    client.detect_url(json!({ "url": url, "key": "nonsense" })).await.refused(403, "User verification failed");
    client.detect_url(json!({ "url": url, "model": "acme/generic" })).await.refused(400, "Invalid instance_id");
    client.detect_url(json!({ "url": "" })).await.refused(400, "Input URL cannot be empty");
    client.detect_url(json!({ "url": "http://10.0.0.1/" })).await.refused(400, super::REFUSED);
    let wrong = json!({ "wait": "yes", "max_wait_seconds": 1.5, "generate_heatmap": false, "generate_heatmap_overlayed": true });
    let complaints: BTreeSet<String> = client.detect_url(wrong).await.unprocessable().into_iter().collect();
    let expected = ["generate_heatmap_overlayed", "max_wait_seconds", "url", "wait"].map(str::to_owned);
    assert_eq!(complaints, BTreeSet::from(expected));
    assert_eq!(client.credits().await, 98);
}

// T19
#[tokio::test]
async fn an_image_that_cannot_be_judged_is_answered_as_failed() {
    let (_outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let broken = [&[0xFF, 0xD8, 0xFF, 0xE0][..], &[0; 2000]].concat();
    let upload = client.upload("photo.jpg", broken).await;
    let answer = client.detect_url(json!({ "url": Client::vendor_url(&upload) })).await.ok();
    assert_eq!(
        (&answer["status"], &answer["final_result"], &answer["final_label_confidence"]),
        (&json!("failed"), &Value::Null, &Value::Null)
    );
    assert!(answer["error_message"].is_string() && client.credits().await == 100, "{answer}");
}

// T19
#[tokio::test]
async fn a_verdict_that_takes_longer_is_asked_for_later() {
    let outside = Outside::start().await;
    let app = idle_app(&outside);
    let client = app.client().await;
    let first = pending(&client.detect_url(json!({ "url": outside.url("photo/1"), "wait": false })).await.ok());
    for wait in [json!({ "max_wait_seconds": 1 }), json!({ "max_wait_seconds": 0 }), json!({ "max_wait_seconds": -5 })] {
        let mut body = wait;
        body["url"] = json!(outside.url("photo/1"));
        assert_eq!(pending(&client.detect_url(body).await.ok()), first, "the same submission");
    }
    assert_eq!(client.query(&first).await["status"], "pending");
}

// T19, O7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_answered_when_the_server_stops() {
    let outside = Outside::start().await;
    let app = idle_app(&outside);
    let (client, store) = (app.client().await, app.store().await);
    let waiting = {
        let (client, url) = (client.clone(), outside.url("photo/1"));
        tokio::spawn(async move { client.detect_url(json!({ "url": url, "max_wait_seconds": 60 })).await })
    };
    eventually("the submission", Duration::from_secs(30), || async { (store.backlog().await.unwrap() == 1).then_some(()) }).await;
    store.close().await.unwrap();
    // Stops it, and waits for its end.
    tokio::task::spawn_blocking(move || drop(app)).await.unwrap();
    pending(&waiting.await.unwrap().ok());
}

// T19
#[tokio::test]
async fn a_client_that_goes_away_leaves_its_document_behind() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let id = uuid::Uuid::from_u128(9);
    let waiting = {
        let (client, url) = (client.clone(), outside.url("photo/1"));
        tokio::spawn(async move { client.detect_url(json!({ "url": url, "id": id })).await })
    };
    eventually("the fetch", Duration::from_secs(30), || async { (!outside.seen().is_empty()).then_some(()) }).await;
    waiting.abort();
    let seen = eventually("the document", Duration::from_secs(60), || async {
        let seen = client.query(&id.to_string()).await;
        (seen["status"] == "done").then_some(seen)
    })
    .await;
    assert_eq!((seen["id"].as_str(), client.credits().await), (Some(id.to_string().as_str()), 99));
    client.settle(&id.to_string()).await;
}

// V7, T5, T19: who may submit and not read is told as little here as by `/query`.
#[tokio::test]
async fn a_key_that_may_not_read_a_private_verdict_is_answered_pending() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    for (set, sees) in [("private_queries = true", false), ("private_queries = false", true)] {
        let client = app.client_of(Org { set, ..Org::default() }).await;
        let limits = Limits { scopes: Some(BTreeSet::from([Scope::Detect])), ..Limits::default() };
        let organization = client.organization.parse().unwrap();
        let new = NewKey { organization, project: None, name: String::new(), test: false, limits };
        let (_, secret) = app.store().await.issue_key(new).await.unwrap();
        let body = json!({ "url": outside.url("photo/1"), "max_wait_seconds": 60 });
        let seen = client.detect_url(body.clone()).await.ok();
        assert_eq!(seen["status"], "done", "its organisation's unconfined key waits and reads");
        let again = client.with_key(secret.expose_secret()).detect_url(body).await.ok();
        assert_eq!(again["id"], seen["id"], "T17");
        if sees {
            assert_eq!(again["status"], "done");
        } else {
            pending(&again);
        }
        app.idle().await;
    }
}

// T19: a place to wait is not needed to be served
#[tokio::test]
async fn when_too_many_wait_the_next_is_answered_at_once() {
    let outside = Outside::start().await;
    let open = outside.opened();
    let app = TestApp::with(|config| {
        open(config);
        config.http.concurrent_waits = 0;
    });
    let client = app.client().await;
    let id = pending(&client.detect_url(json!({ "url": outside.url("photo/1") })).await.ok());
    client.settle(&id).await;
}
