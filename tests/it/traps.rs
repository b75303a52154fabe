//! The traps of published clients, `real-clients.md` 2.6: one test each, in their order and with their numbers.

use std::{io::Write, net::TcpStream, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Process, TestApp, Upload, database::TestDatabase, eventually, pictures};

async fn judged_by_url(client: &Client, upload: &Upload, url: &str) {
    let answer = client.detect(json!({ "url": url })).await.ok();
    let id = answer["id"].as_str().unwrap();
    assert_eq!(client.settle(id).await["status"], "done", "{url} for {}", upload.path);
}

// Trap 1
#[tokio::test]
async fn trap_01_the_sdk_sends_a_hard_coded_development_bucket() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    judged_by_url(&client, &upload, &format!("https://ai-image-detector-dev.nyc3.digitaloceanspaces.com/{}", upload.path)).await;
    // Of our own storage, whatever the URL says: a file that nobody uploaded here is not fetched from there.
    let never = "https://ai-image-detector-dev.nyc3.digitaloceanspaces.com/uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_20250611-121955_example.jpg";
    client.detect(json!({ "url": never })).await.refused(400, "File metadata could not be fetched");
}

// Trap 2
#[tokio::test]
async fn trap_02_clients_rebuild_the_url_in_several_ways() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for build in [
        |upload: &Upload, _: &str| format!("https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/{}", upload.path),
        |upload: &Upload, port: &str| format!("http://blobs.localhost:{port}/{}", upload.path),
        |upload: &Upload, port: &str| format!("http://127.0.0.1:{port}/{}", upload.path),
        |upload: &Upload, _: &str| upload.url.clone(),
        |upload: &Upload, _: &str| upload.url.split('?').next().unwrap().to_owned(),
        |upload: &Upload, _: &str| upload.path.clone(),
    ] {
        let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
        let url = build(&upload, client.url.rsplit(':').next().unwrap());
        judged_by_url(&client, &upload, &url).await;
    }
    // The node that turns `host/blobs/uploads/…` into `blobs.host/uploads/…` does so before it puts the file, too.
    let upload = client.presign("photo.jpg").await;
    let elsewhere = upload.url.replace("/blobs/uploads/", "/uploads/");
    let put = client.request(Method::PUT, &elsewhere).header("host", "blobs.localhost").header("content-type", "image/jpeg");
    assert_eq!(client.send(put.body(pictures::jpeg(1))).await.status, 200);
    judged_by_url(&client, &upload, &Client::vendor_url(&upload)).await;
}

// Trap 3
#[tokio::test]
async fn trap_03_the_sdks_poll_ends_on_done_only_with_these_analysis_words() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for options in [json!({}), json!({ "generate_analysis_details": true }), json!({ "generate_analysis_details": false })] {
        let id = client.submit_with("photo.jpg", pictures::jpeg(1), options).await;
        // At the very first answer that says done: the SDK does not ask again.
        let seen = eventually("the verdict", Duration::from_secs(30), || async {
            let seen = client.query(&id).await;
            (seen["status"] == "done").then_some(seen)
        })
        .await;
        let word = &seen["result_details"]["analysis_results_status"];
        assert!(*word == json!("ready") || *word == json!("skipped") || word.is_null(), "{word}");
        client.settle(&id).await;
    }
}

// Trap 4
#[tokio::test]
async fn trap_04_analysis_ends_also_after_a_crash() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str()), ("TOUCHSTONE__JOBS__LEASE_SECONDS", "2")];
    let server = Process::serve(data.path(), &settings);
    let client = server.demo();
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    server.kill();
    let server = Process::serve(data.path(), &settings);
    let client = server.client(&client.key);
    let seen = client.settle(&id).await;
    assert_eq!((&seen["status"], &seen["result_details"]["analysis_results_status"]), (&json!("done"), &json!("ready")), "{seen}");
    drop(server);
    database.remove().await;
}

// Trap 5
#[tokio::test]
async fn trap_05_patient_pollers_are_served_within_their_minute_and_not_rate_limited() {
    // The limits as shipped.
    let shipped = touchstone::config::Config::load(None).unwrap().http;
    let app = TestApp::with(move |config| {
        (config.http.keyless_per_second, config.http.keyless_burst) = (shipped.keyless_per_second, shipped.keyless_burst);
        (config.http.organization_per_second, config.http.organization_burst) =
            (shipped.organization_per_second, shipped.organization_burst);
    });
    let client = app.client().await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    let begun = std::time::Instant::now();
    // Ten of the SDK's pollers behind one address ask twice a second each; five a second must always pass.
    let mut seen = Value::Null;
    for _ in 0..25 {
        seen = client.query(&id).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(seen["status"], "done", "after {:?}", begun.elapsed());
}

// Trap 6
#[tokio::test]
async fn trap_06_credits_are_integers_and_zero_is_no_null() {
    let app = TestApp::spawn();
    let none = touchstone_core::credit::Credits::default();
    let client = app.client_of(crate::support::app::Org { credits: none, ..Default::default() }).await;
    let answer = client.get_keyed("/check-user-credits").await;
    assert_eq!(answer.text().replace(' ', ""), r#"{"baseCredits":0,"boostCredits":0,"credits":0}"#);
}

// Trap 7
#[tokio::test]
async fn trap_07_put_takes_the_acl_header_and_a_charset_and_answers_200_with_nothing() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.presign("photo.jpg").await;
    for (kind, acl) in [("image/jpeg", Some("private")), ("image/jpeg; charset=utf-8", Some("private")), ("image/jpeg;charset=UTF-8", None)]
    {
        let mut request = client.request(Method::PUT, &upload.url).header("content-type", kind).body(pictures::jpeg(1));
        if let Some(acl) = acl {
            request = request.header("x-amz-acl", acl);
        }
        let answer = client.send(request).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{kind}");
    }
}

// Trap 8
#[tokio::test]
async fn trap_08_a_submission_whose_answer_never_arrived_is_retried_and_charged_once() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for _ in 0..5 {
        let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
        let before = client.credits().await;
        let body = json!({ "key": client.key, "url": Client::vendor_url(&upload) }).to_string();
        let address = client.url.strip_prefix("http://").unwrap();
        let mut impatient = TcpStream::connect(address).unwrap();
        write!(impatient, "POST /detect HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        // Gone before the answer, as after a time-out.
        drop(impatient);
        let id = client.detect_upload(&upload, json!({})).await;
        assert_eq!(client.detect_upload(&upload, json!({})).await, id);
        client.settle(&id).await;
        assert_eq!(client.credits().await, before - 1);
    }
}

/// The types that the PHP SDK's property declarations demand; anything else raises a TypeError there.
fn fits_php(seen: &Value) {
    let number = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_number());
    let list = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_array() || value.is_object());
    let text = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_string());
    assert!(seen["id"].is_string() && seen["status"].is_string(), "{seen}");
    assert!(number(seen.get("result")) && text(seen.get("preview_url")) && text(seen.get("error_message")), "{seen}");
    let Some(details) = seen.get("result_details").filter(|details| !details.is_null()) else { return };
    assert!(details["is_valid"].is_boolean(), "{details}");
    assert!(number(details.get("confidence")) && number(details.get("final_label_confidence")), "{details}");
    assert!(details["detection_step"].is_null() || details["detection_step"].is_u64(), "an integer, never 3.0: {details}");
    for field in ["metadata", "ocr", "ml_model", "synthid", "analysis_results", "analysis_result", "warnings"] {
        assert!(list(details.get(field)), "{field} in {details}");
    }
    for field in ["final_result", "metadata_basic_source", "heatmap_status", "heatmap_url", "analysis_results_status"] {
        assert!(text(details.get(field)), "{field} in {details}");
    }
}

// Trap 9
#[tokio::test]
async fn trap_09_typed_clients_get_the_types_they_declare_in_every_state() {
    let waiting = TestApp::without_worker();
    let client = waiting.client().await;
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    fits_php(&client.query(&id).await);

    let app = TestApp::spawn();
    let client = app.client().await;
    let mut broken = pictures::jpeg(1);
    broken.truncate(1500);
    for (name, bytes) in [("photo.jpg", pictures::jpeg(1)), ("castle.png", pictures::generated_png(1)), ("broken.jpg", broken)] {
        let id = client.submit(name, bytes).await;
        fits_php(&client.query(&id).await);
        fits_php(&client.settle(&id).await);
    }
}

// Trap 10
#[tokio::test]
async fn trap_10_analysis_is_an_object_or_null_and_never_a_text() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (options, expected) in [(json!({}), "object"), (json!({ "generate_analysis_details": false }), "null")] {
        let id = client.submit_with("photo.jpg", pictures::jpeg(1), options).await;
        let seen = client.settle(&id).await;
        for field in ["analysis_results", "analysis_result"] {
            let value = &seen["result_details"][field];
            assert_eq!((value.is_object(), value.is_null()), (expected == "object", expected == "null"), "{field}: {value}");
        }
    }
}

// Trap 11
#[tokio::test]
async fn trap_11_pictures_are_served_on_the_apis_own_host_by_link_and_by_key() {
    let app = TestApp::spawn();
    let (client, stranger) = (app.client().await, app.client().await);
    let seen = client.judge("castle.png", pictures::generated_png(1)).await;
    let id = seen["id"].as_str().unwrap();
    for (url, path) in [(&seen["result_details"]["heatmap_url"], "heatmap"), (&seen["preview_url"], "preview")] {
        let url = url::Url::parse(url.as_str().unwrap()).unwrap();
        assert_eq!(url.host_str(), url::Url::parse(&client.url).unwrap().host_str());
        let by_link = client.get(url.as_str()).await;
        let by_key = client.post(&format!("/{path}/{id}"), &json!({ "key": client.key })).await;
        // A client that only has the link posts its key there.
        let to_link = client.post(url.as_str(), &json!({ "key": client.key })).await;
        for answer in [&by_link, &by_key, &to_link] {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.bytes, by_link.bytes);
        }
        let refused = client.post(&format!("/{path}/{id}"), &json!({ "key": stranger.key })).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        let unknown = client.post(&format!("/{path}/{}", uuid::Uuid::new_v4()), &json!({ "key": client.key })).await;
        assert_eq!(unknown.status, 404, "{}", unknown.text());
    }
    let mapless = client.submit_with("a.jpg", pictures::jpeg(1), json!({ "generate_heatmap": false, "generate_preview": false })).await;
    client.settle(&mapless).await;
    assert_eq!(client.post(&format!("/heatmap/{mapless}"), &json!({ "key": client.key })).await.status, 200, "none, as JSON");
    assert_eq!(client.post(&format!("/preview/{mapless}"), &json!({ "key": client.key })).await.status, 404);
}

// Trap 12
#[tokio::test]
async fn trap_12_the_header_counts_on_query_and_detect_too_and_must_not_disagree() {
    let app = TestApp::spawn();
    let (client, other) = (app.client().await, app.client().await);
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let send =
        |path: &'static str, body: Value, key: &str| client.send(client.request(Method::POST, path).header("apikey", key).json(&body));
    let url = Client::vendor_url(&upload);
    let id = send("/detect", json!({ "url": url }), &client.key).await.ok()["id"].clone();
    send("/detect", json!({ "url": url, "key": other.key }), &client.key).await.refused(403, "User verification failed");
    client.settle(id.as_str().unwrap()).await;
    assert_eq!(send("/query", json!({ "id": id }), &client.key).await.ok()["status"], "done");
    assert_eq!(send("/query", json!({ "id": id }), &other.key).await.ok()["status"], "done", "an id is a capability");
    assert_eq!(send("/query", json!({ "id": id, "key": client.key }), &client.key).await.ok()["status"], "done");
    send("/query", json!({ "id": id, "key": client.key }), &other.key).await.refused(403, "User verification failed");
}

// Trap 13
#[tokio::test]
async fn trap_13_the_credential_test_is_cheap_and_not_rate_limited_away() {
    let shipped = touchstone::config::Config::load(None).unwrap().http;
    let app = TestApp::with(move |config| {
        (config.http.organization_per_second, config.http.organization_burst) =
            (shipped.organization_per_second, shipped.organization_burst);
    });
    let client = app.client().await;
    for _ in 0..20 {
        assert_eq!(client.credits().await, 100);
    }
}

// Trap 14
#[tokio::test]
async fn trap_14_any_file_name_is_taken_and_keeps_its_extension() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let long = format!("{}.jpg", "long".repeat(100));
    for (name, extension) in [
        ("my photo.jpg", ".jpg"),
        ("myphoto.jpg", ".jpg"),
        ("my_photo-2.final.JPG", ".JPG"),
        ("Été à la plage (1).jpeg", ".jpeg"),
        ("写真.png", ".png"),
        ("../../etc/passwd.png", ".png"),
        ("C:\\Users\\ann\\cat.png", ".png"),
        ("a&b=c?d#e%20f.png", ".png"),
        ("\"quoted\"'.webp", ".webp"),
        (long.as_str(), ".jpg"),
    ] {
        let upload = client.presign(name).await;
        assert!(upload.path.ends_with(extension), "{name}: {}", upload.path);
        assert!(upload.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)), "{}", upload.path);
        assert!(!upload.path.contains("..") && upload.path.len() < 200, "{}", upload.path);
        assert!(upload.url.contains(&upload.path), "the path is in the URL as it is: {}", upload.url);
    }
    let seen = client.judge("Été à la plage (1).jpeg", pictures::jpeg(1)).await;
    assert_eq!(seen["status"], "done");
}

// Trap 15
#[tokio::test]
async fn trap_15_the_bands_that_clients_read_agree_with_the_verdict() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (name, bytes) in
        [("a.jpg", pictures::jpeg(1)), ("b.png", pictures::png(2)), ("c.png", pictures::generated_png(3)), ("d.webp", pictures::webp(4))]
    {
        let seen = client.judge(name, bytes).await;
        let (result, label) = (seen["result"].as_f64().unwrap(), seen["result_details"]["final_result"].as_str().unwrap());
        // Their threshold is 50, whatever ours is inside.
        assert_eq!(result >= 50.0, label != "Real", "{seen}");
    }
}

// Trap 16
#[tokio::test]
async fn trap_16_agents_find_the_documentation() {
    let app = TestApp::spawn();
    let client = app.demo();
    assert_eq!(client.get("/openapi.json").await.ok()["info"]["title"].as_str().map(str::is_empty), Some(false));
    let docs = client.get("/docs").await;
    assert!(matches!(docs.status, 200 | 301 | 302 | 303 | 307 | 308), "{}", docs.status);
    let help = client.get("/help?format=json").await.ok();
    let endpoints: Vec<&str> = help["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["path"].as_str().unwrap()).collect();
    assert!(["/get-presigned-url", "/detect", "/query"].iter().all(|path| endpoints.contains(path)), "{endpoints:?}");
}
