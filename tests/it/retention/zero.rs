//! V12: an organisation of which nothing is kept but verdicts.

use base64::Engine;
use serde_json::{Value, json};

use super::{count, detect, emptied, objects};
use crate::support::{
    Client, TestApp,
    app::Org,
    pictures,
    zips::{File, archive},
};

async fn zero(app: &TestApp) -> Client {
    app.client_of(Org { set: "retention = 'zero'", ..Org::default() }).await
}

// V12, T17
#[tokio::test]
async fn an_upload_is_gone_with_its_verdict_and_a_retry_still_answers_the_first_id() {
    let app = TestApp::spawn();
    let client = zero(&app).await;
    let upload = client.upload("castle.png", pictures::generated_png(1)).await;
    let options = json!({ "email": "ann@example.org" });
    let id = client.detect_upload(&upload, options.clone()).await;
    let seen = client.settle(&id).await;
    assert_eq!(seen["status"], "done", "{seen}");
    emptied(&app).await;

    let details = &seen["result_details"];
    assert_eq!((&details["heatmap_status"], &seen["preview_url"]), (&Value::Null, &Value::Null), "{seen}");
    let told = details["warnings"].as_array().unwrap().iter().any(|warning| warning["type"] == "heatmap_not_stored");
    assert!(told, "{details}");
    assert_eq!(client.detect_upload(&upload, options).await, id);
    assert_eq!((client.credits().await, objects(&app)), (99, Vec::new()));
    assert_eq!(count(&app, "document WHERE email IS NOT NULL OR user_agent IS NOT NULL OR content_key IS NOT NULL").await, 0);
}

// V12, T11
#[tokio::test]
async fn an_archive_is_gone_with_its_last_verdict() {
    let app = TestApp::spawn();
    let client = zero(&app).await;
    let zip = archive(&[File::stored("a.jpg", pictures::jpeg(1)), File::stored("b.jpg", pictures::jpeg(2))]);
    let (id, images) = client.submit_zip(zip, json!({ "generate_preview": true })).await;
    app.idle().await;
    emptied(&app).await;
    let seen = client.query(&id).await;
    assert_eq!((images, seen["status"].as_str()), (2, Some("done")), "{seen}");
}

// V12, V1, V11
#[tokio::test]
async fn a_heatmap_is_in_the_answer_and_nowhere_else() {
    let app = TestApp::spawn();
    let client = zero(&app).await;
    let more = json!({ "include_heatmap": true, "metadata": { "user": "u_1" } });
    let seen = detect(&client, &pictures::jpeg(1), more.clone()).await;
    let picture = seen["heatmap_url"].as_str().unwrap().split_once(";base64,").expect("a data URL");
    let bytes = base64::Engine::decode(&super::STANDARD, picture.1).unwrap();
    assert!(image::load_from_memory(&bytes).is_ok() && picture.0.starts_with("data:image/"), "{}", picture.0);
    assert_eq!((&seen["metadata"]["user"], objects(&app)), (&json!("u_1"), Vec::new()));
    assert!(!seen.to_string().contains("heatmap_not_stored"));

    let later = client.v1_get(&format!("/v1/detections/{}", seen["id"].as_str().unwrap())).await.ok();
    assert_eq!((&later["heatmap_url"], &later["metadata"], &later["confidence"]), (&Value::Null, &Value::Null, &seen["confidence"]));
    assert_eq!(later["warnings"].as_array().unwrap().last().unwrap()["type"], "heatmap_not_stored");
    assert_eq!(detect(&client, &pictures::jpeg(1), more).await["cached"], false, "there is nothing to take over from");
    assert_eq!(count(&app, "document WHERE v1 LIKE '%u_1%' OR content_key IS NOT NULL").await, 0);
}

// V12, V1
#[tokio::test]
async fn who_waits_in_the_queue_gets_the_heatmap_as_well() {
    let app = TestApp::with(|config| {
        config.jobs.concurrency = 1;
        config.v1.place_seconds = 0;
    });
    let client = zero(&app).await;
    let images = [1, 2, 3, 4].map(pictures::jpeg);
    let answers = images.iter().map(|image| detect(&client, image, json!({ "include_heatmap": true })));
    for seen in futures::future::join_all(answers).await {
        assert!(seen["heatmap_url"].as_str().is_some_and(|url| url.starts_with("data:image/")), "{}", seen["warnings"]);
    }
    emptied(&app).await;
}

// V12, V2
#[tokio::test]
async fn a_batch_hands_back_what_was_sent_along_and_keeps_none_of_it() {
    let app = TestApp::spawn();
    let client = zero(&app).await;
    let image = |seed| json!({ "image_base64": super::STANDARD.encode(pictures::jpeg(seed)), "metadata": { "user": format!("u_{seed}") } });
    let answer = client.v1_post("/v1/detect/batch", &json!({ "images": [image(1), { "image_url": "" }, image(2)] })).await.ok();
    let users = [0, 2].map(|place| answer["results"][place]["metadata"]["user"].clone());
    assert_eq!(users, [json!("u_1"), json!("u_2")], "{answer}");
    assert_eq!(count(&app, "document WHERE v1 LIKE '%u_1%'").await, 0);
    emptied(&app).await;
}
