//! T9, X4, U3: a verdict in words, with a vision model and without, and what becomes of it when the model or the server does not live.

use std::time::Duration;

use serde_json::{Value, json};
use touchstone::config::Config;
use touchstone_core::organization::Dialect;

use crate::support::{
    Client, Process, TestApp,
    app::Org,
    audit,
    database::TestDatabase,
    eventually, forge, http, pictures,
    vision::{Says, VisionModel},
};

const LONG: Duration = Duration::from_secs(60);

/// What the model of these tests says of every picture.
fn remarks() -> Value {
    json!({
        "image_tags": ["vineyard", "person"],
        "visual_patterns": ["The light comes from the left."],
        "detailed_reasoning": "The hands are the detail most worth checking",
    })
}

fn asks(model: &VisionModel) -> impl FnOnce(&mut Config) + Send + 'static {
    // `main` chooses the TLS provider; in this process the tests' own client does.
    drop(http());
    let url = model.url.clone();
    move |config| {
        (config.analysis.base_url, config.analysis.model, config.analysis.api_key) = (url, "sees-well".into(), "vision-s3cret".into());
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The analysis of a final answer, after checking all that always holds of one.
fn analysis(seen: &Value) -> &Value {
    let details = &seen["result_details"];
    for name in ["analysis_results", "analysis_result"] {
        assert_eq!(details[name], details["analysis_results"], "both spellings are the same");
    }
    assert_eq!(details["analysis_results_status"], details["analysis_result_status"]);
    let analysis = &details["analysis_results"];
    assert!(["strong", "moderate", "weak", "disagreement"].contains(&analysis["agreement"].as_str().unwrap()), "{analysis}");
    assert_eq!(analysis["confidence"], details["confidence"]);
    assert_eq!(analysis["imageTags"], analysis["imageTag"]);
    assert!((1..=5).contains(&texts(&analysis["imageTags"]).len()), "{analysis}");
    assert!((3..=5).contains(&texts(&analysis["recommendations"]).len()), "{analysis}");
    assert!(!texts(&analysis["visualPatterns"]).is_empty(), "{analysis}");
    let sentences = analysis["detailedReasoning"].as_str().unwrap().split(". ").count();
    assert!((2..=4).contains(&sentences), "{analysis}");
    let signals: Vec<&str> = details["signals"].as_array().unwrap().iter().map(|signal| signal["summary"].as_str().unwrap()).collect();
    let indicators = texts(&analysis["keyIndicators"]);
    assert!(!indicators.is_empty() && indicators.iter().all(|indicator| signals.contains(indicator)), "X4: {indicators:?} {signals:?}");
    analysis
}

async fn with_status(client: &Client, id: &str, status: &str) -> Value {
    eventually(status, LONG, || async {
        let seen = client.query(id).await;
        (seen["result_details"]["analysis_results_status"] == status).then_some(seen)
    })
    .await
}

/// Submits until the model is asked: a machine under load may judge so late that nothing is worth waiting for any more.
async fn questioned(model: &VisionModel, client: &Client, name: &str, bytes: Vec<u8>) -> String {
    for _ in 0..5 {
        let before = model.heard().len();
        let id = client.submit(name, bytes.clone()).await;
        let asked = eventually("a verdict", LONG, || async {
            let status = client.query(&id).await["result_details"]["analysis_results_status"].clone();
            let asked = model.heard().len() > before;
            (asked || status == "ready" || status == "skipped").then_some(asked)
        })
        .await;
        client.settle(&id).await;
        if asked {
            return id;
        }
    }
    panic!("the model was never asked");
}

// T9, X4
#[tokio::test]
async fn a_verdict_comes_in_words_that_rest_on_its_signals() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let cases = [
        ("photo.jpg", pictures::jpeg(1)),
        ("castle.png", pictures::generated_png(1)),
        ("holiday.jpg", forge::jpeg_with_gps(&pictures::jpeg(2), "Phone 12")),
        ("small.png", pictures::png_of(&pictures::scene(120, 90, 1))),
    ];
    for (name, bytes) in cases {
        let seen = client.judge(name, bytes).await;
        assert_eq!(seen["result_details"]["analysis_results_status"], "ready", "{seen}");
        let reasoning = analysis(&seen)["detailedReasoning"].as_str().unwrap();
        let unsigned = seen["result_details"]["signals"].as_array().unwrap().iter().any(|signal| signal["decisive"] == true);
        assert_eq!(reasoning.contains("unsigned"), unsigned, "X6: {seen}");
        assert_eq!(reasoning.contains("unsure"), seen["result_details"]["unsure"] == true, "X2: {seen}");
    }
}

// U3
#[tokio::test]
async fn the_older_dialect_says_done() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { dialect: Dialect::Undetectable, ..Org::default() }).await;
    let seen = client.judge("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!(seen["result_details"]["analysis_results_status"], "done");
    analysis(&seen);
}

// T9
#[tokio::test]
async fn a_vision_model_adds_and_changes_nothing_of_the_verdict() {
    let model = VisionModel::remarking(&remarks());
    let (plain, app) = (TestApp::spawn(), TestApp::with(asks(&model)));
    let (without, client) = (plain.client().await, app.client().await);
    let photo = forge::jpeg_with_gps(&pictures::jpeg_of(&pictures::scene(1500, 900, 3), 90), "Phone 12");
    let own = without.judge("photo.jpg", photo.clone()).await;
    let id = questioned(&model, &client, "photo.jpg", photo).await;
    let seen = with_status(&client, &id, "ready").await;
    let (own, joined) = (analysis(&own), analysis(&seen));
    for ours in ["agreement", "confidence", "keyIndicators", "recommendations"] {
        assert_eq!(own[ours], joined[ours], "{ours}");
    }
    assert!(texts(&joined["imageTags"]).contains(&"vineyard") && joined["imageTags"][0] == own["imageTags"][0], "{joined}");
    assert!(texts(&joined["visualPatterns"]).contains(&"The light comes from the left."), "{joined}");
    assert!(joined["detailedReasoning"].as_str().unwrap().contains("The hands are the detail most worth checking."), "{joined}");

    let heard = model.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].head.starts_with("post /v1/chat/completions ") && heard[0].head.contains("authorization: bearer vision-s3cret"));
    assert_eq!(heard[0].body["model"], "sees-well");
    let url = heard[0].body["messages"][1]["content"][1]["image_url"]["url"].as_str().unwrap();
    let base64 = url.strip_prefix("data:image/jpeg;base64,").unwrap();
    assert!((10_000..400_000).contains(&base64.len()), "a small picture: {}", base64.len());
    // "Exif\0\0" and the camera's name would stand within the first block, whatever their offset in base64.
    let told = heard[0].body.to_string();
    for private in ["RXhpZg", "V4aWY", "FeGlm", "Phone 12", "GPS", "photo.jpg"] {
        assert!(!told[..told.len().min(4000)].contains(private) && !base64[..2000].contains(private), "{private}");
    }
}

// T9
#[tokio::test]
async fn a_model_that_contradicts_fails_or_sulks_leaves_our_own_words() {
    let model = VisionModel::remarking(&remarks());
    let change = asks(&model);
    let (plain, app) = (
        TestApp::spawn(),
        TestApp::with(move |config| {
            change(config);
            config.analysis.timeout_seconds = 1;
        }),
    );
    let (without, client) = (plain.client().await, app.client().await);
    let own = without.judge("castle.png", pictures::generated_png(1)).await;
    let text = |text: &str| Says::Text(json!({ "image_tags": [], "visual_patterns": [], "detailed_reasoning": text }).to_string());
    let cases = [
        text("This is an authentic photograph taken with a camera"),
        text("There are no signs of AI generation here"),
        text("See https://evil.example for the truth"),
        Says::Text("I would rather not.".into()),
        Says::Raw(500, "out of memory".into()),
        Says::Raw(302, String::new()),
        Says::Raw(200, "x".repeat(400 << 10)),
    ];
    for says in cases {
        model.says(says);
        let id = questioned(&model, &client, "castle.png", pictures::generated_png(1)).await;
        assert_eq!(analysis(&with_status(&client, &id, "ready").await), analysis(&own));
    }
    model.hang();
    let id = questioned(&model, &client, "castle.png", pictures::generated_png(1)).await;
    assert_eq!(analysis(&with_status(&client, &id, "ready").await), analysis(&own), "after a second");
}

// T9
#[tokio::test]
async fn a_model_is_asked_so_often_a_day_and_no_more() {
    let model = VisionModel::remarking(&remarks());
    let change = asks(&model);
    let app = TestApp::with(move |config| {
        change(config);
        config.analysis.max_per_day = 2;
    });
    let client = app.client().await;
    for seed in 0..2 {
        questioned(&model, &client, "photo.jpg", pictures::jpeg(seed)).await;
    }
    for seed in 0..2 {
        let id = client.submit("photo.jpg", pictures::jpeg(seed)).await;
        analysis(&with_status(&client, &id, "ready").await);
        client.settle(&id).await;
    }
    assert_eq!(model.heard().len(), 2);
}

// T9
#[tokio::test]
async fn a_model_that_hangs_holds_up_no_verdict_and_no_stop() {
    let model = VisionModel::remarking(&remarks());
    model.hang();
    let app = TestApp::with(asks(&model));
    let client = app.client().await;
    let mut ids = Vec::new();
    // The server has two permits, and three analyses wait at once: waiting takes none.
    loop {
        let id = client.submit("photo.jpg", pictures::jpeg(ids.len() as u64)).await;
        assert_eq!(client.settle(&id).await["status"], "done");
        ids.push(id);
        let mut awaited = 0;
        for id in &ids {
            awaited += usize::from(client.query(id).await["result_details"]["analysis_results_status"] == "analyzing");
        }
        if awaited >= 3 {
            break;
        }
        assert!(ids.len() < 20, "no three at once");
    }
    app.idle().await;
    // The app's end looks whether an analysis is left waiting.
}

// T9
#[tokio::test]
async fn words_that_come_late_are_refused_and_the_answer_stays_skipped() {
    let model = VisionModel::remarking(&remarks());
    model.hang();
    let app = TestApp::with(asks(&model));
    let client = app.client().await;
    let id = questioned(&model, &client, "photo.jpg", pictures::jpeg(1)).await;
    let judged = with_status(&client, &id, "analyzing").await;
    // What only time would do.
    assert!(audit::execute(&app.database, "UPDATE document SET analysis_until = 1").await >= 1);
    let skipped = client.query(&id).await;
    assert_eq!(skipped["result_details"]["analysis_results_status"], "skipped");
    model.release();
    eventually("the late words", LONG, || async {
        let connection = app.database.connect().await;
        let waiting = audit::number(&connection, "SELECT COUNT(*) AS n FROM document WHERE analysis_status = 'analyzing'").await;
        connection.close().await.unwrap();
        (waiting == 0).then_some(())
    })
    .await;
    let seen = client.settle(&id).await;
    assert_eq!(
        (&seen["result_details"]["analysis_results_status"], &seen["result_details"]["analysis_results"]),
        (&json!("skipped"), &Value::Null)
    );
    assert_eq!((&seen["result"], &seen["status"]), (&judged["result"], &json!("done")), "the verdict stands");
}

// T9, trap 4
#[tokio::test]
async fn after_kill_9_an_analysis_is_skipped_when_its_time_is_over_and_the_verdict_stands() {
    let model = VisionModel::remarking(&remarks());
    model.hang();
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__ANALYSIS__BASE_URL", &model.url),
        ("TOUCHSTONE__ANALYSIS__MODEL", "sees-well"),
        ("TOUCHSTONE__ANALYSIS__API_KEY", "vision-s3cret"),
    ];
    let server = Process::serve(data.path(), &settings);
    let client = server.demo();
    let id = questioned(&model, &client, "photo.jpg", pictures::jpeg(1)).await;
    let judged = with_status(&client, &id, "analyzing").await;
    assert!(!server.log().contains("vision-s3cret"));
    server.kill();
    let server = Process::serve(data.path(), &settings);
    let client = server.client(&client.key);
    // What only time would do.
    assert!(audit::execute(&database, "UPDATE document SET analysis_until = 1").await >= 1);
    for _ in 0..2 {
        let seen = client.query(&id).await;
        assert_eq!(seen["result_details"]["analysis_results_status"], "skipped", "{seen}");
        assert_eq!((&seen["status"], &seen["result"]), (&json!("done"), &judged["result"]));
        model.release();
    }
    drop(server);
    database.remove().await;
}
