//! T5, T6, T9: reading a document back.

use serde_json::{Value, json};

use crate::support::{TestApp, app::Org, forge, pictures};

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

// T5
#[tokio::test]
async fn an_unknown_id_is_answered_with_null() {
    let app = TestApp::spawn();
    let client = app.client().await;
    assert_eq!(client.query(&uuid::Uuid::new_v4().to_string()).await, Value::Null);
    let upload = client.presign("photo.jpg").await;
    assert_eq!(client.query(&upload.document_id).await, Value::Null, "a correlation id is no document");
    assert_eq!(client.post("/query", &json!({})).await.unprocessable(), ["id"]);
    assert_eq!(client.post("/query", &json!({ "id": 7 })).await.unprocessable(), ["id"]);
}

// T5, T6
#[tokio::test]
async fn before_the_verdict_there_is_no_result() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    let seen = client.query(&id).await;
    assert_eq!((&seen["id"], &seen["status"]), (&json!(id), &json!("pending")));
    assert!(seen.get("result").is_none() && seen.get("result_details").is_none(), "{seen}");
}

// T5, T6, T9
#[tokio::test]
async fn a_verdict_has_every_field_of_the_text() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    let seen = client.settle(&id).await;
    assert_eq!(seen["status"], "done");
    assert_eq!(seen["id"], id);
    let result = seen["result"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&result), "{result}");
    let details = &seen["result_details"];
    for field in [
        "is_valid",
        "detection_step",
        "final_result",
        "confidence",
        "final_label_confidence",
        "metadata",
        "metadata_basic_source",
        "ocr",
        "ml_model",
        "synthid",
        "warnings",
        "heatmap_status",
        "heatmap_url",
        "analysis_results_status",
        "analysis_results",
        "analysis_result_status",
        "analysis_result",
    ] {
        assert!(details.get(field).is_some(), "no {field} in {:?}", keys(details));
    }
    assert_eq!(details["is_valid"], true);
    assert!(["AI Generated", "Real", "Digitally Edited", "AI Edited"].contains(&details["final_result"].as_str().unwrap()));
    for share in ["confidence", "final_label_confidence"] {
        assert!((0.0..=100.0).contains(&details[share].as_f64().unwrap()), "{details}");
    }
    assert_eq!(details["metadata"].as_array().unwrap().iter().filter(|entry| entry.is_string()).count(), 2, "{details}");
    assert_eq!(details["metadata_basic_source"], "null", "the string, when nothing was found");
    assert_eq!(details["synthid"], Value::Null);
    assert!(details["warnings"].is_array());
}

// T9
#[tokio::test]
async fn an_analysis_is_made_unless_it_was_switched_off() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (with, without) = (json!({ "generate_analysis_details": true }), json!({ "generate_analysis_details": false }));
    for (options, expected) in [(json!({}), json!("ready")), (with, json!("ready")), (without, Value::Null)] {
        let id = client.submit_with("photo.jpg", pictures::jpeg(1), options).await;
        let details = &client.settle(&id).await["result_details"];
        for (status, words) in [("analysis_results_status", "analysis_results"), ("analysis_result_status", "analysis_result")] {
            assert_eq!((&details[status], details[words].is_object()), (&expected, !expected.is_null()), "{details}");
        }
    }
}

// T6, T15
#[tokio::test]
async fn an_unreadable_file_fails_with_its_reason_and_costs_nothing() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let mut bytes = pictures::jpeg_of(&pictures::scene(640, 480, 1), 90);
    bytes.truncate(bytes.len() / 3);
    let seen = client.judge("cut.jpg", bytes).await;
    assert_eq!(seen["status"], "failed", "{seen}");
    assert_eq!(seen["result_details"]["is_valid"], false, "{seen}");
    assert_eq!(seen["result_details"]["analysis_results_status"], "skipped", "T9: {seen}");
    assert!(seen["result"].is_null(), "{seen}");
    assert!(seen["error_message"].as_str().unwrap().len() > 20, "{seen}");
    assert_eq!(client.credits().await, 100);
}

// T5
#[tokio::test]
async fn a_private_organisation_answers_only_to_its_own_key() {
    let app = TestApp::spawn();
    let ann = app.client_of(Org { set: "private_queries = true", ..Org::default() }).await;
    let bob = app.client().await;
    let upload = ann.upload("photo.jpg", pictures::jpeg(1)).await;
    let id = ann.detect_upload(&upload, json!({})).await;
    let ask = |body: Value, header: Option<String>| {
        let mut request = ann.request(reqwest::Method::POST, "/query").json(&body);
        if let Some(key) = header {
            request = request.header("apikey", key);
        }
        ann.send(request)
    };
    let mut seen = Value::Null;
    for _ in 0..500 {
        seen = ask(json!({ "id": id, "key": ann.key }), None).await.ok();
        if seen["status"] == "done" && seen["result_details"]["heatmap_status"] != "pending" && !seen["preview_url"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    assert_eq!(seen["status"], "done", "{seen}");
    assert_eq!(ask(json!({ "id": id }), Some(ann.key.clone())).await.ok()["status"], "done");
    assert_eq!(ask(json!({ "id": id }), None).await.ok(), Value::Null);
    assert_eq!(ask(json!({ "id": id }), Some(bob.key.clone())).await.ok(), Value::Null);
    assert_eq!(ask(json!({ "id": id, "key": bob.key }), None).await.ok(), Value::Null);
}

// T5
#[tokio::test]
async fn no_answer_holds_where_a_photo_was_taken_or_who_sent_it() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let photo = forge::jpeg_with_gps(&pictures::jpeg(1), "Phone 12");
    let id = client.submit_with("holiday.jpg", photo, json!({ "email": "ann@example.org", "user_agent": "secret-agent" })).await;
    let text = client.settle(&id).await.to_string();
    for private in ["ann@example.org", "secret-agent", "GPS", "48/1", "gps", "holiday"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

// T5, U2
#[tokio::test]
async fn both_dialects_have_both_spellings() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { dialect: touchstone_core::organization::Dialect::Undetectable, ..Org::default() }).await;
    let seen = client.judge("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!(seen["result_details"]["analysis_result_status"], seen["result_details"]["analysis_results_status"]);
    assert_eq!(seen["result_details"]["analysis_results_status"], "done");
}
