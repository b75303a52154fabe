//! V6, V15: what was used, what is left, and how the service is.

use serde_json::json;

use super::with_image;
use crate::support::{TestApp, app::Org, pictures};

// V6, V15
#[tokio::test]
async fn usage_counts_what_was_judged_and_what_is_left() {
    // No limit: how fast it asks is not what is tested.
    let app = TestApp::with(|config| (config.plans.free.monthly_credits, config.plans.free.per_second) = (3, 0));
    let credits = touchstone_core::credit::Credits { base: 3, boost: 0 };
    let free = app.client_of(Org { set: "plan = 'free'", credits, ..Org::default() }).await;
    let image = with_image(&pictures::jpeg(1), json!({}));
    free.v1_post("/v1/detect", &image).await.ok();
    free.v1_post("/v1/detect", &with_image(&pictures::jpeg(1)[..2000], json!({}))).await.failed(400, "invalid_request");
    let usage = free.v1_get("/v1/usage").await.ok();
    let told = ["plan", "used", "quota", "remaining"].map(|name| usage[name].clone());
    assert_eq!(told, [json!("free"), json!(1), json!(3), json!(2)], "{usage}");
    assert_eq!((&usage["test"]["used"], &usage["test"]["quota"]), (&json!(0), &json!(100)));
    let today = touchstone_core::day::Day::of(touchstone_core::time::Timestamp::now()).to_string();
    assert!(usage["period"]["start"].as_str().unwrap() <= today.as_str() && usage["period"]["end"].as_str().unwrap() > today.as_str());
    for _ in 0..2 {
        free.v1_post("/v1/detect", &image).await.ok();
    }
    free.v1_post("/v1/detect", &image).await.failed(402, "payment_required");

    let metered = app.client_of(Org { metered: true, ..Org::default() }).await;
    metered.v1_post("/v1/detect", &image).await.ok();
    let usage = metered.v1_get("/v1/usage").await.ok();
    assert_eq!((&usage["used"], &usage["quota"], &usage["remaining"]), (&json!(1), &json!(null), &json!(null)), "{usage}");
}

// V6, X1
#[tokio::test]
async fn health_tells_the_version_the_model_and_how_long_it_runs() {
    let app = TestApp::spawn();
    let health = app.demo().get("/v1/health").await.ok();
    assert_eq!((&health["status"], health["version"].as_str()), (&json!("healthy"), Some(env!("CARGO_PKG_VERSION"))));
    assert!(health["uptime_seconds"].is_u64() && health["trust_list"].is_null());
    assert_eq!(health["model"]["sha256"].as_str().map(str::len), Some(64), "{health}");
    let app = TestApp::without_worker();
    assert!(app.demo().get("/v1/health").await.ok()["model"].is_null());
}
