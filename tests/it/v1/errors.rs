//! V9: what goes wrong, in one shape, with one of eleven codes.

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use touchstone_core::{
    key::{Limits, Scope},
    time::Timestamp,
};
use touchstone_store::NewKey;

use super::with_image;
use crate::support::{Outside, TestApp, app::Org, pictures};

// V9
#[tokio::test]
async fn a_wrong_field_is_named() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (body, param) in [
        (json!({}), "image_url"),
        (json!({ "image_url": 7 }), "image_url"),
        (json!({ "image_url": "" }), "image_url"),
        (json!({ "image_url": "no url" }), "image_url"),
        (json!({ "image_url": "https://" }), "image_url"),
        (json!({ "image_base64": "%%%" }), "image_base64"),
        (json!({ "image_url": "https://example.com/a.jpg", "image_base64": "AAAA" }), "image_base64"),
        (with_image(&pictures::jpeg(1), json!({ "model_threshold": 1e300 })), "model_threshold"),
        (with_image(&pictures::jpeg(1), json!({ "model_threshold": "NaN" })), "model_threshold"),
        (with_image(&pictures::jpeg(1), json!({ "include_heatmap": "true" })), "include_heatmap"),
        (with_image(&pictures::jpeg(1), json!({ "metadata": "x" })), "metadata"),
        (with_image(&pictures::jpeg(1), json!({ "metadata": { "a": "x".repeat(5000) } })), "metadata"),
        (with_image(&pictures::jpeg(1)[..500], json!({})), "image_base64"),
        (with_image(&pictures::jpeg(1)[..2000], json!({})), "image_base64"),
    ] {
        let error = client.v1_post("/v1/detect", &body).await.failed(400, "invalid_request");
        assert_eq!(error["param"], param, "{error}");
    }
    for body in ["", "nonsense", "[1]", "null", "{\"image_url\":", "\u{fffd}", &"[".repeat(200_000)] {
        let error = client.send(client.v1(Method::POST, "/v1/detect").body(body.to_owned())).await.failed(400, "invalid_request");
        assert!(error["param"].is_null(), "{error}");
    }
    assert_eq!(client.credits().await, 100, "nothing was charged");
}

// V9, V1
#[tokio::test]
async fn an_image_of_a_wrong_size_or_format_is_refused_by_name() {
    let app = TestApp::with(|config| config.v1.max_image_bytes = 100 << 10);
    let client = app.client().await;
    let large = [pictures::jpeg(1), vec![0; 150_000]].concat();
    let error = client.v1_post("/v1/detect", &with_image(&large, json!({}))).await.failed(400, "image_too_large");
    assert!(error["message"].as_str().unwrap().starts_with("Image exceeds 100 KB limit (got "), "{error}");
    let error = client.v1_post("/v1/detect", &with_image(&vec![7; 4000], json!({}))).await.failed(400, "image_unsupported_format");
    assert_eq!(error["param"], "image_base64");
    let request = client.v1(Method::POST, "/v1/detect").header("content-type", "image/jpeg").body(pictures::jpeg(1));
    client.send(request).await.failed(415, "invalid_request");
}

// V9
#[tokio::test]
async fn paths_methods_and_types_that_lead_nowhere_say_so_in_the_same_shape() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/detect/", "/v1/jobs/7", "/v1/detections/x", "/v1/jobs/../jobs/x"] {
        client.v1_get(path).await.failed(404, "not_found");
    }
    let wrong = client.send(client.v1(Method::DELETE, "/v1/detect")).await;
    wrong.failed(405, "invalid_request");
    assert_eq!(wrong.header("allow"), "POST");
    client.send(client.v1(Method::GET, "/v1/usage").header("accept", "image/png")).await.failed(406, "invalid_request");
    let preflight = client.request(Method::OPTIONS, "/v1/detect").header("access-control-request-method", "POST");
    let preflight = client.send(preflight).await;
    assert!(preflight.status == 204 && preflight.header("access-control-allow-headers").contains("authorization"));
}

// V7, V9
#[tokio::test]
async fn a_key_that_opens_nothing_is_401_and_one_that_does_not_open_this_is_403() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let missing = client.get("/v1/usage").await;
    missing.failed(401, "unauthorized");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    client.with_key("aidet_live_sk_unknown").v1_get("/v1/usage").await.failed(401, "unauthorized");
    let basic = client.request(Method::GET, "/v1/usage").basic_auth("a", Some("b"));
    client.send(basic).await.failed(401, "unauthorized");
    let only_apikey = client.get_keyed("/v1/usage").await;
    only_apikey.failed(401, "unauthorized");

    let store = app.store().await;
    let key = async |limits: Limits| {
        let organization = client.organization.parse().unwrap();
        let new = NewKey { organization, project: None, name: String::new(), test: false, limits };
        let (key, secret) = store.issue_key(new).await.unwrap();
        (key.id, client.with_key(secret.expose_secret()))
    };
    let (_, expired) = key(Limits { expires_at: Some(Timestamp(1)), ..Limits::default() }).await;
    expired.v1_get("/v1/usage").await.failed(401, "unauthorized");
    let (id, revoked) = key(Limits::default()).await;
    store.revoke_key(id).await.unwrap();
    revoked.v1_get("/v1/usage").await.failed(401, "unauthorized");
    let (_, elsewhere) = key(Limits { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Limits::default() }).await;
    elsewhere.v1_get("/v1/usage").await.failed(403, "forbidden");
    let (_, confined) = key(Limits { scopes: Some([Scope::Usage].into()), ..Limits::default() }).await;
    confined.v1_get("/v1/usage").await.ok();
    confined.v1_post("/v1/detect", &with_image(&pictures::jpeg(1), json!({}))).await.failed(403, "forbidden");
    confined.v1_get(&format!("/v1/jobs/{}", uuid::Uuid::new_v4())).await.failed(403, "forbidden");
}

// V15, V7
#[tokio::test]
async fn no_credits_are_402_and_the_test_keys_cap_is_429_until_midnight() {
    let app = TestApp::with(|config| config.accounts.test_documents_per_day = 1);
    let client = app.client_of(Org { credits: touchstone_core::credit::Credits { base: 1, boost: 0 }, ..Org::default() }).await;
    let image = with_image(&pictures::jpeg(1), json!({}));
    client.v1_post("/v1/detect", &image).await.ok();
    client.v1_post("/v1/detect", &image).await.failed(402, "payment_required");
    let (_, key) = app.store().await.create_key(client.organization.parse().unwrap(), true).await.unwrap();
    let tester = client.with_key(key.expose_secret());
    tester.v1_post("/v1/detect", &image).await.ok();
    let capped = tester.v1_post("/v1/detect", &image).await;
    capped.failed(429, "rate_limited");
    let wait: u64 = capped.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
}

// V9, X9
#[tokio::test]
async fn a_url_that_gives_no_image_is_told_in_one_wording() {
    let (outside, app) = Outside::with_app(|config| config.fetch.seconds = 1).await;
    let client = app.client().await;
    let mut told = Vec::new();
    for url in [
        outside.url("status/404"),
        outside.url("status/500"),
        outside.url("page"),
        outside.url("tiny"),
        outside.url("circle"),
        outside.url("silent"),
        outside.url("short"),
        outside.leading_to(&format!("http://127.0.0.1:{}/photo/1", outside.port)),
        format!("http://127.0.0.1:{}/photo/1", outside.port),
        format!("http://127.0.0.3:{}/photo/1", outside.port),
        "http://[::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://user:password@pictures.test/".to_owned(),
        "ftp://pictures.test/a.jpg".to_owned(),
        format!("{}/uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_a.jpg", app.url),
        "http://nowhere.invalid/".to_owned(),
    ] {
        let error = client.v1_post("/v1/detect", &json!({ "image_url": url })).await.failed(422, "image_unfetchable");
        told.push((error["message"].clone(), error["param"].clone()));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, "image_url");
    let error = client.v1_post("/v1/detect", &json!({ "image_url": outside.url("vast") })).await.failed(400, "image_too_large");
    assert_eq!(error["param"], "image_url");
    assert_eq!(client.credits().await, 100);
    assert_eq!(outside.trapped(), 0, "nobody was reached inside");
}
