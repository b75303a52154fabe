//! T3, T4: submitting an uploaded file.

use serde_json::{Value, json};

use crate::support::{Client, Process, TestApp, database::TestDatabase, pictures, process};

// T3
#[tokio::test]
async fn everything_that_clients_send_is_taken_and_the_rest_is_ignored() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let body = json!({
        "key": client.key, "url": Client::vendor_url(&upload), "document_type": "Image", "model": "generic", "email": "ann@example.org",
        "generate_preview": true, "generate_analysis_details": true, "generate_unbiased_analysis_details": true, "generate_heatmap": true,
        "generate_heatmap_overlayed": true, "generate_heatmap_normalized": true, "include_content_moderation": true,
        "user_agent": "tests/1", "something_else": { "entirely": [1, 2] },
    });
    let answer = client.post("/detect", &body).await.ok();
    assert_eq!(answer["status"], "pending");
    assert_eq!(answer["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().get_version_num(), 4, "random, since it is a capability");
    let text = client.settle(answer["id"].as_str().unwrap()).await.to_string();
    // T5
    assert!(!text.contains("ann@example.org") && !text.contains("tests/1"), "{text}");
}

// T3
#[tokio::test]
async fn optional_fields_may_be_null() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let nothing = json!({
        "id": null, "email": null, "user_agent": null, "model": null, "document_type": null, "generate_preview": null,
        "generate_heatmap": null, "generate_heatmap_overlayed": null, "generate_heatmap_normalized": null, "generate_analysis_details": null,
    });
    let id = client.submit_with("photo.png", pictures::png(1), nothing).await;
    assert_eq!(client.settle(&id).await["status"], "done");
}

// T3, T16
#[tokio::test]
async fn a_url_is_needed_and_must_name_an_upload() {
    let app = TestApp::spawn();
    let client = app.client().await;
    assert_eq!(client.detect(json!({})).await.unprocessable(), ["url"]);
    assert_eq!(client.detect(json!({ "url": 7 })).await.unprocessable(), ["url"]);
    for url in ["", "   ", "no url at all", "http://"] {
        client.detect(json!({ "url": url })).await.refused(400, "Input URL cannot be empty");
    }
    for url in ["https://example.com/cat.jpg", "ftp://example.com/cat.jpg", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"]
    {
        let answer = client.detect(json!({ "url": url })).await;
        assert_eq!(answer.status, 400, "{url}");
        if url.starts_with("http") {
            answer.refused(400, "Input URL must point to an upload");
        }
    }
    let host = client.url.strip_prefix("http://").unwrap();
    for url in [
        "https://ai-image-detector-dev.nyc3.digitaloceanspaces.com/somewhere/cat.jpg".to_owned(),
        "https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/uploads/example.jpg".to_owned(),
        format!("http://{host}/cat.jpg"),
    ] {
        client.detect(json!({ "url": url })).await.refused(400, "File metadata could not be fetched");
    }
}

// T3
#[tokio::test]
async fn a_missing_upload_and_somebody_elses_give_one_answer() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let hers = ann.upload("photo.jpg", pictures::jpeg(1)).await;
    let never_put = bob.presign("photo.jpg").await;
    let unknown = hers.path.replace(&hers.path[8..44], &uuid::Uuid::new_v4().to_string());
    let mut answers = Vec::new();
    for path in [&hers.path, &never_put.path, &unknown] {
        let answer = bob.detect(json!({ "url": format!("{}/{path}", bob.url) })).await;
        answer.refused(400, "File metadata could not be fetched");
        answers.push(answer.text());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "nothing tells them apart: {answers:?}");
    assert_eq!(bob.credits().await, 100);
    let id = ann.detect_upload(&hers, json!({})).await;
    ann.settle(&id).await;
}

// T3, T16
#[tokio::test]
async fn the_key_may_come_in_the_body_or_the_header_but_not_two_of_them() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let upload = ann.upload("photo.jpg", pictures::jpeg(1)).await;
    let send = |body: Value, header: Option<&str>| {
        let mut request = ann.request(reqwest::Method::POST, "/detect").json(&body);
        if let Some(key) = header {
            request = request.header("apikey", key);
        }
        ann.send(request)
    };
    let url = Client::vendor_url(&upload);
    let complaints = send(json!({ "url": url }), None).await.unprocessable();
    assert!(complaints.contains(&"key".to_owned()), "{complaints:?}");
    send(json!({ "url": url, "key": "nonsense" }), None).await.refused(403, "User verification failed");
    let detail = send(json!({ "url": url, "key": ann.key }), Some(&bob.key)).await.refused(403, "User verification failed");
    assert!(detail.contains("differ"), "{detail}");
    let by_header = send(json!({ "url": url }), Some(&ann.key)).await.ok();
    let by_both = send(json!({ "url": url, "key": ann.key }), Some(&ann.key)).await.ok();
    assert_eq!(by_header["id"], by_both["id"], "the same submission");
    ann.settle(by_both["id"].as_str().unwrap()).await;
}

// T3
#[tokio::test]
async fn a_chosen_id_must_be_a_fresh_uuid() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let (first, second) = (ann.upload("a.jpg", pictures::jpeg(1)).await, ann.upload("b.jpg", pictures::jpeg(2)).await);
    let id = uuid::Uuid::new_v4().to_string();
    let ask = |client: Client, upload: &crate::support::Upload, id: &str| {
        let body = json!({ "url": Client::vendor_url(upload), "id": id });
        async move { client.detect(body).await }
    };
    for wrong in ["seven", "", "123"] {
        assert_eq!(ask(ann.clone(), &first, wrong).await.unprocessable(), ["id"]);
    }
    assert_eq!(ask(ann.clone(), &first, &id).await.ok()["id"], id);
    // The same again is a retry; with anything else the id is taken.
    assert_eq!(ask(ann.clone(), &first, &id).await.ok()["id"], id);
    ask(ann.clone(), &second, &id).await.refused(400, "id already exists");
    ann.detect(json!({ "url": Client::vendor_url(&first), "id": id, "generate_preview": false })).await.refused(400, "id already exists");
    let his = bob.upload("c.jpg", pictures::jpeg(3)).await;
    ask(bob.clone(), &his, &id).await.refused(400, "id already exists");
    // One issued with an upload URL is for correlation, never a document's: not this upload's, not another's.
    ask(ann.clone(), &second, &second.document_id).await.refused(400, "id already exists");
    ask(bob.clone(), &his, &first.document_id).await.refused(400, "id already exists");
    ann.settle(&id).await;
    assert_eq!((ann.credits().await, bob.credits().await), (99, 100));
}

// T3
#[tokio::test]
async fn a_blank_email_is_refused_and_none_is_fine() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let url = Client::vendor_url(&upload);
    for blank in ["", "  ", "\t"] {
        client.detect(json!({ "url": url, "email": blank })).await.refused(400, "Input email is empty");
    }
    let id = client.detect_upload(&upload, json!({ "email": null })).await;
    client.settle(&id).await;
}

// T3, T16
#[tokio::test]
async fn heatmap_styles_without_a_heatmap_are_unprocessable() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let url = Client::vendor_url(&upload);
    for style in ["generate_heatmap_overlayed", "generate_heatmap_normalized"] {
        let answer = client.detect(json!({ "url": url, "generate_heatmap": false, style: true })).await;
        assert!(!answer.unprocessable().is_empty());
        assert!(answer.text().contains("generate_heatmap"), "{}", answer.text());
    }
    let quiet = json!({ "generate_heatmap": false, "generate_heatmap_overlayed": false, "generate_heatmap_normalized": null });
    let id = client.detect_upload(&upload, quiet).await;
    client.settle(&id).await;
}

// T16
#[tokio::test]
async fn wrong_types_and_bodies_that_are_no_object_are_unprocessable() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let url = Client::vendor_url(&upload);
    for (field, value) in
        [("generate_preview", json!(17)), ("email", json!(["a"])), ("model", json!(3)), ("id", json!({})), ("key", json!(5))]
    {
        let mut body = json!({ "url": url, "key": client.key });
        body[field] = value;
        assert_eq!(client.post("/detect", &body).await.unprocessable(), [field]);
    }
    for body in ["", "{", "null", "[]", "\"text\"", "\u{0}"] {
        let request = client.request(reqwest::Method::POST, "/detect").header("content-type", "application/json").body(body);
        client.send(request).await.unprocessable();
    }
}

// T4
#[tokio::test]
async fn an_unknown_model_or_instance_is_refused_by_name() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let ask = |model: &str| client.detect(json!({ "url": Client::vendor_url(&upload), "model": model }));
    let detail = ask("midjourney-hunter").await.refused(400, "Unknown model");
    assert!(detail.contains("midjourney-hunter") && detail.contains("generic"), "{detail}");
    let detail = ask("my-instance/generic").await.refused(400, "Invalid instance_id");
    assert!(detail.contains("my-instance"), "{detail}");
    let id = ask("generic").await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    assert_eq!(client.credits().await, 99);
}

// T15
#[tokio::test]
async fn the_bytes_must_be_what_the_extension_says() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let lies: [(&str, Vec<u8>, &str); 4] = [
        ("photo.jpg", pictures::png(1), "PNG"),
        ("photo.png", pictures::jpeg(1), "JPEG"),
        ("photo.gif", pictures::webp(1), "WebP"),
        ("photo.webp", vec![b'x'; 4000], "no image"),
    ];
    for (name, bytes, found) in lies {
        let upload = client.upload(name, bytes).await;
        let detail = client.detect(json!({ "url": Client::vendor_url(&upload) })).await.refused(400, "Invalid file type");
        assert!(detail.contains(found), "{detail}");
    }
    let archive = client.upload("photos.zip", vec![b'P'; 2000]).await;
    client.detect(json!({ "url": Client::vendor_url(&archive) })).await.refused(400, "Unsupported image type");
    assert_eq!(client.credits().await, 100, "nothing was charged");
}

// T3
#[tokio::test]
async fn an_object_that_changed_after_it_was_submitted_is_not_judged() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str())];
    let server = Process::serve_with(data.path(), &settings, &["--roles", "api"]);
    let client = server.demo();
    let replaced = client.upload("replaced.jpg", pictures::jpeg(1)).await;
    let removed = client.upload("removed.jpg", pictures::jpeg(2)).await;
    let ids = [client.detect_upload(&replaced, json!({})).await, client.detect_upload(&removed, json!({})).await];
    let before = client.credits().await;
    let stored = |path: &str| data.path().join("blobs").join(path);
    std::fs::write(stored(&replaced.path), pictures::jpeg(3)).unwrap();
    std::fs::remove_file(stored(&removed.path)).unwrap();
    server.kill();

    let server = Process::serve(data.path(), &settings);
    let client = server.client(&client.key);
    for id in ids {
        let seen = client.settle(&id).await;
        assert_eq!(seen["status"], "failed", "{seen}");
        assert!(seen["error_message"].as_str().unwrap().contains("replaced"), "{seen}");
    }
    assert_eq!(client.credits().await, before + 2, "both credits went back");
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    database.remove().await;
}

/// The binary's own way to make an organisation and a key drives the same API.
// T3
#[tokio::test]
async fn an_organisation_made_on_the_command_line_can_submit() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str())];
    let org = process::run_json(data.path(), &settings, &["admin", "org", "create", "--name", "Club", "--credits", "2"]);
    let id = org["organization_id"].as_str().unwrap();
    let key = process::run_json(data.path(), &settings, &["admin", "key", "create", "--org", id]);
    let server = Process::serve(data.path(), &settings);
    let client = server.client(key["key"].as_str().unwrap());
    assert_eq!(client.judge("photo.png", pictures::png(1)).await["status"], "done");
    assert_eq!(client.credits().await, 1);
    drop(server);
    database.remove().await;
}
