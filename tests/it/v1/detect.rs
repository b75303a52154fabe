//! One image, one call, one verdict.

use reqwest::Method;
use serde_json::{Value, json};

use super::{base64, with_image};
use crate::support::{Answer, Client, Outside, Plan, TestApp, app::Org, pictures};
use touchstone::app::Role;

/// A form with these fields, as a client's library writes it.
async fn send_form(client: &Client, fields: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n").as_bytes());
        body.extend(*value);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    let request = client.v1(Method::POST, "/v1/detect").header("content-type", "multipart/form-data; boundary=limit");
    client.send(request.body(body)).await
}

/// What does not differ between two answers about the same image.
fn judged(mut answer: Value) -> Value {
    for name in ["id", "request_id", "latency_ms", "heatmap_url"] {
        assert!(answer.as_object_mut().unwrap().remove(name).is_some(), "{name} is missing");
    }
    answer
}

// V1, V14
#[tokio::test]
async fn a_url_a_form_and_base64_give_the_same_verdict() {
    let (outside, app) = Outside::with_app(|config| config.v1.cache.enabled = false).await;
    let client = app.client().await;
    let image = pictures::jpeg(7);
    let metadata = json!({ "user_id": "u_123", "context": { "b": [1, null], "a": "claim" } });
    let in_json = client.v1_post("/v1/detect", &with_image(&image, json!({ "metadata": metadata }))).await.ok();
    let by_url = client.v1_post("/v1/detect", &json!({ "image_url": outside.url("photo/7"), "metadata": metadata })).await.ok();
    let text = metadata.to_string();
    let mut seen = vec![judged(in_json.clone()), judged(by_url)];
    for field in ["image", "file"] {
        seen.push(judged(send_form(&client, &[(field, &image), ("metadata", text.as_bytes())]).await.ok()));
    }
    for other in &seen[1..] {
        assert_eq!(other, &seen[0]);
    }
    assert_eq!((&in_json["metadata"], in_json["heatmap_url"].is_null()), (&metadata, true));
    assert_eq!((&in_json["forensics"], &in_json["model_attribution"]), (&json!(null), &json!({})));
    assert_eq!(client.credits().await, 96, "each is a detection of its own");
    app.idle().await;
}

// V1
#[tokio::test]
async fn the_threshold_decides_the_verdict_and_confidence_stays_what_it_is() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let image = pictures::jpeg(3);
    let ask = async |threshold: Value| {
        client.v1_post("/v1/detect", &with_image(&image, json!({ "model_threshold": threshold, "include_attribution": true }))).await.ok()
    };
    let (low, usual, high) = (ask(json!(0)).await, ask(json!(null)).await, ask(json!(1)).await);
    let confidence = usual["confidence"].as_f64().unwrap();
    assert!(confidence > 0.0 && confidence < 1.0, "{usual}");
    for (answer, threshold) in [(&low, 0.0), (&usual, 0.5), (&high, 1.0)] {
        assert_eq!(answer["confidence"], usual["confidence"]);
        let (verdict, sure) = if confidence >= threshold { ("ai_generated", confidence) } else { ("authentic", 1.0 - confidence) };
        assert_eq!((answer["verdict"].as_str(), answer["verdict_confidence"].as_f64()), (Some(verdict), Some(sure)), "{answer}");
        assert_eq!(answer["label"], usual["label"], "the detector's own word does not depend on it");
    }
    assert_eq!(high["model_attribution"], json!({}), "nothing is attributed that is called authentic");
}

// V1, X1
#[tokio::test]
async fn what_a_record_calls_generated_is_told_with_its_signal() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let body = with_image(&pictures::generated_png(1), json!({ "include_attribution": true }));
    let answer = client.v1_post("/v1/detect", &body).await.ok();
    assert_eq!((answer["verdict"].as_str(), answer["c2pa_manifest_present"].as_bool()), (Some("ai_generated"), Some(false)), "{answer}");
    let decisive: Vec<&Value> = answer["signals"].as_array().unwrap().iter().filter(|signal| signal["decisive"] == true).collect();
    assert!(decisive.iter().any(|signal| signal["stage"] == "metadata" && signal["unsigned_claim"] == true), "{answer}");
}

// V1, T7
#[tokio::test]
async fn a_heatmap_is_linked_whatever_the_verdict_and_the_link_opens_it() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let answer = client.v1_post("/v1/detect", &with_image(&pictures::jpeg(5), json!({ "include_heatmap": true }))).await.ok();
    let picture = client.get(answer["heatmap_url"].as_str().unwrap()).await;
    assert_eq!(picture.status, 200, "{}", picture.text());
    assert!(picture.header("content-type").starts_with("image/"));
    let again = client.v1_get(&format!("/v1/detections/{}", answer["id"].as_str().unwrap())).await.ok();
    assert!(again["heatmap_url"].is_string());
    assert_eq!(judged(again), judged(answer));
}

// V1: fourteen formats are T15's; here that a document without pixels of its own is taken too.
#[tokio::test]
async fn a_format_of_another_decoder_is_judged_as_well() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for image in [pictures::gif(2, 1), pictures::tiff(1), pictures::webp(1), pictures::bmp(1)] {
        let answer = client.v1_post("/v1/detect", &with_image(&image, json!({}))).await.ok();
        assert!(answer["verdict"].is_string(), "{answer}");
    }
}

// V1
#[tokio::test]
async fn who_finds_no_place_waits_in_the_queue_and_everybody_is_answered() {
    let app = TestApp::with(|config| config.jobs.concurrency = 1);
    let client = app.client().await;
    let ask = async |seed| client.v1_post("/v1/detect", &with_image(&pictures::jpeg(seed), json!({}))).await.ok();
    let answers = futures::join!(ask(1), ask(2), ask(3), ask(4));
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert!(answer["verdict"].is_string(), "{answer}");
    }
    assert_eq!(client.credits().await, 96);
    app.idle().await;
}

// V1, V9
#[tokio::test]
async fn a_verdict_that_takes_too_long_is_told_later() {
    let app = TestApp::start(Plan { roles: [Role::Api].into(), change: Box::new(|config| config.v1.wait_seconds = 0), leftovers: true });
    let client = app.client().await;
    let error = client.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.failed(503, "service_unavailable");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("Status: {}/v1/health", app.url)), "{message}");
    let path = message.split_whitespace().find(|word| word.starts_with("/v1/detections/")).unwrap();
    let later = client.v1_get(path).await;
    later.failed(503, "service_unavailable");
    assert_eq!(client.credits().await, 99, "it is accepted");
    let again = client.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.failed(503, "service_unavailable");
    assert!(again["message"].as_str().unwrap().contains(path), "{again}: whoever comes back pays once");
    assert_eq!(client.credits().await, 99);
    for other in [with_image(&pictures::jpeg(2), json!({})), with_image(&pictures::jpeg(1), json!({ "include_heatmap": true }))] {
        let error = client.v1_post("/v1/detect", &other).await.failed(503, "service_unavailable");
        assert!(!error["message"].as_str().unwrap().contains(path), "another question");
    }
    assert_eq!(client.credits().await, 97);
    app.client().await.v1_get(path).await.failed(404, "not_found");
}

// V1: also where the node judges it itself.
#[tokio::test]
async fn a_node_that_judges_answers_in_time_and_goes_on() {
    let app = TestApp::with(|config| config.v1.wait_seconds = 0);
    let client = app.client().await;
    let error = client.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.failed(503, "service_unavailable");
    let message = error["message"].as_str().unwrap();
    let path = message.split_whitespace().find(|word| word.starts_with("/v1/detections/")).unwrap();
    app.idle().await;
    assert!(client.v1_get(path).await.ok()["verdict"].is_string());
    let again = client.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.ok();
    assert_eq!((format!("/v1/detections/{}", again["id"].as_str().unwrap()).as_str(), client.credits().await), (path, 99));
}

// V1, V15
#[tokio::test]
async fn nothing_is_stored_that_cannot_be_paid() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: touchstone_core::credit::Credits::default(), ..Org::default() }).await;
    client.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.failed(402, "payment_required");
    client
        .v1_post("/v1/detect/batch", &json!({ "images": [with_image(&pictures::jpeg(1), json!({}))] }))
        .await
        .failed(402, "payment_required");
    let kept = app.data.path().join("blobs/fetched").join(&client.organization);
    assert!(!kept.exists(), "not even for a moment");
}

// V14
#[tokio::test]
async fn the_request_has_one_id_everywhere() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let own = client.v1(Method::POST, "/v1/detect").header("x-request-id", "mine-1").json(&with_image(&pictures::jpeg(1), json!({})));
    assert_eq!(client.send(own).await.ok()["request_id"], "mine-1");
    let fresh = client.v1_get("/v1/health").await.ok()["request_id"].as_str().unwrap().to_owned();
    assert!(fresh.len() == 30 && fresh.starts_with("req_"), "{fresh}");
    let hostile = client.v1(Method::GET, "/v1/usage").header("x-request-id", "a b");
    assert!(client.send(hostile).await.ok()["request_id"].as_str().unwrap().starts_with("req_"));
}

// V7, V1
#[tokio::test]
async fn a_test_key_is_free_and_its_answer_says_so() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let store = app.store().await;
    let (_, key) = store.create_key(client.organization.parse().unwrap(), true).await.unwrap();
    let tester = client.with_key(secrecy::ExposeSecret::expose_secret(&key));
    let answer = tester.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.ok();
    assert_eq!((answer["test"].as_bool(), client.credits().await), (Some(true), 100));
}

// V1: a `data:` prefix, and a large one that is not read in vain.
#[tokio::test]
async fn base64_may_be_a_data_url() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let body = json!({ "image_base64": format!("data:image/jpeg;base64,{}", base64(&pictures::jpeg(1))) });
    assert!(client.v1_post("/v1/detect", &body).await.ok()["verdict"].is_string());
}
