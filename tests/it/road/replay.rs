//! T17: a retried submission answers the first id and is charged once.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use serde_json::json;

use crate::support::{Client, TestApp, pictures};

// T17
#[tokio::test]
async fn a_retry_answers_the_first_id_and_charges_once() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let first = client.detect_upload(&upload, json!({})).await;
    assert_eq!(client.detect_upload(&upload, json!({})).await, first);
    client.settle(&first).await;
    assert_eq!(client.detect_upload(&upload, json!({})).await, first, "also after the verdict");
    // The same options said aloud, by another URL of the same object.
    let aloud = json!({ "url": format!("{}/{}", client.url, upload.path), "generate_preview": true, "model": "generic", "email": "ann@example.org" });
    assert_eq!(client.detect(aloud).await.ok()["id"], first);
    assert_eq!(client.credits().await, 99);
}

// T17
#[tokio::test]
async fn many_retries_at_once_are_one_submission() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let ids: BTreeSet<String> = join_all((0..8).map(|_| client.detect_upload(&upload, json!({})))).await.into_iter().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    client.settle(ids.first().unwrap()).await;
    assert_eq!(client.credits().await, 99);
}

// T17
#[tokio::test]
async fn other_options_or_another_id_are_another_submission() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let chosen = uuid::Uuid::new_v4().to_string();
    let mut ids = BTreeSet::new();
    for options in [
        json!({}),
        json!({ "generate_preview": false }),
        json!({ "generate_heatmap_overlayed": false }),
        json!({ "generate_heatmap_normalized": false }),
        json!({ "generate_heatmap": false }),
        json!({ "generate_analysis_details": false }),
        json!({ "id": chosen }),
    ] {
        ids.insert(client.detect_upload(&upload, options).await);
    }
    assert_eq!(ids.len(), 7, "{ids:?}");
    for id in &ids {
        assert_eq!(client.settle(id).await["status"], "done");
    }
    assert_eq!(client.credits().await, 93);
}

// T17
#[tokio::test]
async fn the_same_picture_uploaded_again_is_another_submission() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (first, second) = (client.submit("a.jpg", pictures::jpeg(1)).await, client.submit("a.jpg", pictures::jpeg(1)).await);
    assert_ne!(first, second);
    client.settle(&first).await;
    client.settle(&second).await;
    assert_eq!(client.credits().await, 98);
}

// T17
#[tokio::test]
async fn after_the_window_it_is_a_new_submission() {
    let app = TestApp::with(|config| config.jobs.replay_seconds = 1);
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let first = client.detect_upload(&upload, json!({})).await;
    client.settle(&first).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let second = client.detect_upload(&upload, json!({})).await;
    assert_ne!(first, second);
    client.settle(&second).await;
    assert_eq!(client.credits().await, 98);
}

// T3, T17
#[tokio::test]
async fn two_organisations_cannot_share_a_submission() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let upload = ann.upload("photo.jpg", pictures::jpeg(1)).await;
    let id = ann.detect_upload(&upload, json!({})).await;
    bob.detect(json!({ "url": Client::vendor_url(&upload) })).await.refused(400, "File metadata could not be fetched");
    ann.settle(&id).await;
}
