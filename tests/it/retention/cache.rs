//! V11: the same bytes, the same verdict.

use serde_json::{Value, json};

use super::{KEPT, count, days_pass, detect, objects, sweep};
use crate::support::{Client, Process, TestApp, database::TestDatabase, pictures};
use touchstone_moderation::settings::CachePrice;

/// What two answers about the same image must have in common.
fn verdict(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for fresh in ["id", "request_id", "latency_ms", "metadata", "heatmap_url", "cached"] {
        answer.as_object_mut().unwrap().remove(fresh);
    }
    answer
}

// V11
#[tokio::test]
async fn the_same_image_has_the_same_verdict_and_an_answer_of_its_own() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let ask = |user: &str| json!({ "include_heatmap": true, "include_forensics": true, "include_attribution": true, "metadata": { "user": user } });
    let first = detect(&client, &pictures::generated_png(1), ask("a")).await;
    let second = detect(&client, &pictures::generated_png(1), ask("b")).await;
    assert_eq!((&first["cached"], &second["cached"]), (&json!(false), &json!(true)));
    assert_eq!(verdict(&first), verdict(&second));
    for own in ["id", "request_id", "heatmap_url"] {
        assert!(second[own].is_string() && first[own] != second[own], "{own}: {second}");
    }
    assert_eq!(second["metadata"]["user"], "b");
    let maps = [client.get(first["heatmap_url"].as_str().unwrap()).await, client.get(second["heatmap_url"].as_str().unwrap()).await];
    assert_eq!((maps[1].status, &maps[0].bytes), (200, &maps[1].bytes));
    let again = client.v1_get(&format!("/v1/detections/{}", second["id"].as_str().unwrap())).await.ok();
    assert_eq!((&again["cached"], verdict(&again)), (&json!(true), verdict(&second)));
    assert_eq!(client.credits().await, 98, "a scan is a scan");
}

// V11, B2
#[tokio::test]
async fn a_repeat_may_be_free() {
    let app = TestApp::with(|config| config.v1.cache.credits = CachePrice::Free);
    let (paid, metered) = (app.client().await, app.client_of(crate::support::app::Org { metered: true, ..Default::default() }).await);
    for client in [&paid, &metered] {
        let image = pictures::jpeg(1);
        assert_eq!(detect(client, &image, json!({})).await["cached"], false);
        assert_eq!(detect(client, &image, json!({})).await["cached"], true);
        assert_eq!(client.v1_get("/v1/usage").await.ok()["used"], 1);
    }
    assert_eq!(paid.credits().await, 99);
    assert_eq!(count(&app, "ledger_entry WHERE entry = 'release'").await, 1);
}

// V11
#[tokio::test]
async fn another_question_another_tenant_or_another_sort_of_key_is_judged_anew() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let test = app.store().await.create_key(ann.organization.parse().unwrap(), true).await.unwrap().1;
    let test = ann.with_key(secrecy::ExposeSecret::expose_secret(&test));
    let image = pictures::jpeg(1);
    let cached = async |client: &Client, image: &[u8], more: Value| detect(client, image, more).await["cached"].as_bool().unwrap();
    assert!(!cached(&ann, &image, json!({})).await);
    for more in [
        json!({ "model_threshold": 0.9 }),
        json!({ "include_heatmap": true }),
        json!({ "include_forensics": true }),
        json!({ "include_attribution": true }),
    ] {
        assert!(!cached(&ann, &image, more.clone()).await, "{more}");
        assert!(cached(&ann, &image, more.clone()).await, "{more}");
    }
    assert!(!cached(&ann, &pictures::jpeg(2), json!({})).await);
    assert!(!cached(&bob, &image, json!({})).await, "what others sent is nobody's business");
    assert!(!cached(&test, &image, json!({})).await, "a test key is told of none that was paid");
    assert!(cached(&test, &image, json!({})).await && cached(&ann, &image, json!({})).await);
}

// V11, V12
#[tokio::test]
async fn what_was_forgotten_is_judged_anew() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (image, ask) = (pictures::generated_png(1), json!({ "include_heatmap": true }));
    detect(&client, &image, ask.clone()).await;
    days_pass(&app, 31).await;
    sweep(&app, KEPT).await;
    assert_eq!(objects(&app), [""; 0], "the heatmap is gone");
    let second = detect(&client, &image, ask.clone()).await;
    assert_eq!((&second["cached"], client.get(second["heatmap_url"].as_str().unwrap()).await.status), (&json!(false), 200));
    assert_eq!(detect(&client, &image, ask).await["cached"], true);
}

// V11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_setting_of_the_pipeline_is_another_answer() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let url = ("TOUCHSTONE__DATABASE__URL", database.url.as_str());
    let mut key = String::new();
    for (settings, expected) in [
        (vec![url], false),
        (vec![url, ("TOUCHSTONE__PIPELINE__BYPASS_WATERMARK", "true")], false),
        (vec![url], true),
        (vec![url, ("TOUCHSTONE__V1__CACHE__ENABLED", "false")], false),
    ] {
        let server = Process::serve(data.path(), &settings);
        if key.is_empty() {
            key = server.demo().key;
        }
        assert_eq!(detect(&server.client(&key), &pictures::jpeg(1), json!({})).await["cached"], expected, "{settings:?}");
        server.stop();
    }
    database.remove().await;
}
