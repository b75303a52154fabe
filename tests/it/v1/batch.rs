//! V2, V3: many images in one request, in order, none of them at the others' expense.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use touchstone::app::Role;

use super::base64;
use crate::support::{Client, Outside, Plan, TestApp, app::Org, eventually, pictures, zips};

fn image(seed: u64) -> Value {
    json!({ "image_base64": base64(&pictures::jpeg(seed)) })
}

/// The job once it has ended.
async fn ended(client: &Client, id: &Value) -> Value {
    eventually("the job to end", Duration::from_secs(60), || async {
        let job = client.v1_get(&format!("/v1/jobs/{}", id.as_str().unwrap())).await.ok();
        (!job["finished_at"].is_null()).then_some(job)
    })
    .await
}

fn codes(results: &Value) -> Vec<String> {
    let code = |result: &Value| match &result["error"] {
        Value::Null => result["verdict"].as_str().map(|_| "verdict".to_owned()).unwrap(),
        error => format!("{} {}", error["code"].as_str().unwrap(), error["param"].as_str().unwrap_or("-")),
    };
    results.as_array().unwrap().iter().map(code).collect()
}

// V2
#[tokio::test]
async fn each_image_has_its_verdict_or_its_error_in_its_place() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let mut first = image(1);
    first["metadata"] = json!({ "n": 1 });
    // The options may stand behind the images that they are about.
    let body = format!(
        r#"{{"images": {}, "include_heatmap": true, "unheard_of": {{"images": []}}}}"#,
        json!([
            first,
            { "image_base64": "%%%" },
            { "image_url": outside.url("photo/2"), "metadata": { "n": 2 } },
            { "image_url": outside.url("status/404") },
            { "image_base64": base64(&vec![7; 4000]) },
            { "image_url": "no url" },
            {},
            7,
            { "image_base64": base64(&pictures::jpeg(1)[..2000]) },
            { "image_url": outside.url("vast") },
            image(3),
        ])
    );
    let request = client.v1(Method::POST, "/v1/detect/batch").header("content-type", "application/json").body(body);
    let answer = client.send(request).await.ok();
    let expected = [
        "verdict",
        "invalid_request images.1.image_base64",
        "verdict",
        "image_unfetchable images.3.image_url",
        "image_unsupported_format images.4.image_base64",
        "invalid_request images.5.image_url",
        "invalid_request images.6.image_url",
        "invalid_request images.7",
        "invalid_request images.8.image_base64",
        "image_too_large images.9.image_url",
        "verdict",
    ];
    assert_eq!(codes(&answer["results"]), expected, "{answer}");
    for (place, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["index"], place);
        assert!(result["error"].is_null() || result["error"]["request_id"] == answer["request_id"], "{result}");
        assert_eq!(result["heatmap_url"].is_string(), result["error"].is_null(), "{result}");
    }
    assert_eq!((&answer["results"][0]["metadata"]["n"], &answer["results"][2]["metadata"]["n"]), (&json!(1), &json!(2)));
    assert_eq!(client.credits().await, 97, "what was not judged costs nothing");

    let job = ended(&client, &answer["job_id"]).await;
    assert_eq!((&job["total"], &job["completed"], &job["failed"], &job["status"]), (&json!(11), &json!(3), &json!(8), &json!("completed")));
    assert_eq!(codes(&job["results"]), expected);
    let stored = app.database.connect().await;
    let urls =
        crate::support::audit::number(&stored, "SELECT COUNT(*) AS n FROM document WHERE source_url IS NOT NULL AND status = 'done'").await;
    assert_eq!(urls, 0, "where a picture came from is forgotten once it is here");
    app.idle().await;
}

// V2, V9
#[tokio::test]
async fn a_body_that_is_no_batch_is_refused_whole() {
    let app = TestApp::with(|config| config.v1.max_batch_bytes = 500_000);
    let client = app.client().await;
    let many: Vec<Value> = (0..101).map(|_| json!({ "image_url": "https://example.com/a.jpg" })).collect();
    for (body, param) in [
        (json!({}), json!("images")),
        (json!({ "images": [] }), json!("images")),
        (json!({ "images": {} }), json!("images")),
        (json!({ "images": many }), json!("images")),
        (json!({ "images": [image(1)], "model_threshold": 2 }), json!("model_threshold")),
        (json!([]), json!(null)),
    ] {
        for path in ["/v1/detect/batch", "/v1/detect/async"] {
            let error = client.v1_post(path, &body).await.failed(400, "invalid_request");
            assert_eq!(error["param"], param, "{error}");
        }
    }
    let large: Vec<Value> = (0..60).map(image).collect();
    let error = client.v1_post("/v1/detect/batch", &json!({ "images": large })).await.failed(400, "image_too_large");
    assert!(error["message"].as_str().unwrap().contains("image URLs"), "{error}");
    let form = client.v1(Method::POST, "/v1/detect/batch").header("content-type", "multipart/form-data; boundary=x").body("--x--");
    client.send(form).await.failed(415, "invalid_request");
    assert_eq!(client.credits().await, 100);
    let kept = std::fs::read_dir(app.data.path().join("blobs/fetched").join(&client.organization));
    assert_eq!(kept.map_or(0, Iterator::count), 0, "nothing of what was refused is kept");
}

// V2, V3
#[tokio::test]
async fn a_batch_without_a_single_image_costs_nothing_and_is_no_job() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let body = json!({ "images": [{ "image_base64": "%%%" }, { "image_url": "" }] });
    let answer = client.v1_post("/v1/detect/batch", &body).await.ok();
    assert_eq!(codes(&answer["results"]), ["invalid_request images.0.image_base64", "invalid_request images.1.image_url"]);
    assert!(answer["job_id"].is_null());
    let error = client.v1_post("/v1/detect/async", &body).await.failed(400, "invalid_request");
    assert_eq!(error["param"], "images");
    assert_eq!(client.credits().await, 100);
}

// V3
#[tokio::test]
async fn a_batch_in_the_background_is_told_by_its_job() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let body = json!({ "images": [image(1), { "image_url": outside.url("photo/2") }, { "image_url": outside.url("page") }] });
    let accepted = client.v1_post("/v1/detect/async", &body).await;
    assert_eq!((accepted.status, accepted.json()["status"].as_str(), accepted.json()["total"].as_u64()), (202, Some("queued"), Some(3)));
    let job = ended(&client, &accepted.json()["job_id"]).await;
    assert_eq!(codes(&job["results"]), ["verdict", "verdict", "image_unfetchable images.2.image_url"]);
    assert_eq!(client.credits().await, 98);

    // Whose it is not, and what is none.
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    app.client().await.v1_get(&path).await.failed(404, "not_found");
    let detection = format!("/v1/jobs/{}", job["results"][0]["id"].as_str().unwrap());
    client.v1_get(&detection).await.failed(404, "not_found");
    client.v1_get(&path.replace("jobs", "detections")).await.failed(404, "not_found");
    let (zip, _) = client.submit_zip(zips::archive(&[zips::File::stored("a.jpg", pictures::jpeg(3))]), json!({})).await;
    client.v1_get(&format!("/v1/jobs/{zip}")).await.failed(404, "not_found");
    let queried = client.post("/query", &json!({ "id": job["id"] })).await;
    assert!(queried.ok().is_null(), "the other dialect knows no such batch");
    client.settle_zip(&zip).await;
}

// V8, V3
#[tokio::test]
async fn a_plan_says_how_many_batches_are_under_way() {
    let app = TestApp::start(Plan {
        roles: [Role::Api].into(),
        change: Box::new(|config| {
            config.plans.pro.concurrent_batches = 2;
            config.v1.batch_seconds = 0;
        }),
        leftovers: true,
    });
    let client = app.client().await;
    let body = json!({ "images": [image(1), image(2)] });
    assert_eq!(client.v1_post("/v1/detect/async", &body).await.status, 202);
    let waiting = client.v1_post("/v1/detect/batch", &body).await.ok();
    assert_eq!(codes(&waiting["results"]), ["service_unavailable -", "service_unavailable -"]);
    let job = client.v1_get(&format!("/v1/jobs/{}", waiting["job_id"].as_str().unwrap())).await.ok();
    assert_eq!((&job["status"], &job["results"], &job["finished_at"]), (&json!("queued"), &json!([]), &json!(null)));
    client.v1_post("/v1/detect/async", &body).await.failed(429, "rate_limited");
    client.v1_post("/v1/detect/batch", &body).await.failed(429, "rate_limited");
    client.v1_post("/v1/detect/batch", &json!({ "images": 7 })).await.failed(429, "rate_limited");
    assert_eq!(client.credits().await, 96, "nor is anything read that has no place");

    let free = app.client_of(Org { set: "plan = 'free'", ..Org::default() }).await;
    free.v1_post("/v1/detect/async", &body).await.failed(403, "forbidden");
    free.v1_post("/v1/detect/batch", &body).await.ok();
    free.v1_post("/v1/detect/batch", &body).await.failed(429, "rate_limited");
}

// V2, V15
#[tokio::test]
async fn a_batch_that_the_credits_do_not_cover_is_refused_whole() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: touchstone_core::credit::Credits { base: 1, boost: 0 }, ..Org::default() }).await;
    let error = client.v1_post("/v1/detect/batch", &json!({ "images": [image(1), image(2)] })).await;
    error.failed(402, "payment_required");
    assert_eq!(client.credits().await, 1);
    client.v1_post("/v1/detect/batch", &json!({ "images": [image(1)] })).await.ok();
    assert_eq!(client.credits().await, 0);
}
