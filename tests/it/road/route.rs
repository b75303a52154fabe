//! T4: where a submission's `model` leads: to a profile's thresholds, and to an instance's own queue.

use serde_json::json;

use crate::support::{Client, Finish, Process, TestApp, audit, database::TestDatabase, pictures, process};

// T4
#[tokio::test]
async fn a_document_profile_judges_and_says_so() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("card.png", pictures::generated_png(1)).await;
    let mut ids = std::collections::BTreeSet::new();
    for (model, profile) in [(json!("generic"), "generic"), (json!(null), "generic"), (json!("sheerid"), "sheerid")] {
        let id = client.detect_upload(&upload, json!({ "model": model })).await;
        let seen = client.settle(&id).await;
        assert_eq!((&seen["status"], &seen["result_details"]["profile"]), (&json!("done"), &json!(profile)), "{seen}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 2, "T17: another profile is another submission, and the default is generic");
    assert_eq!(client.credits().await, 98);
}

// T4
#[tokio::test]
async fn a_model_that_leads_nowhere_is_refused_with_those_that_lead_somewhere() {
    let app = TestApp::with(|config| config.jobs.instances = vec!["lab".to_owned()]);
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let ask = |model: &str| client.detect(json!({ "url": Client::vendor_url(&upload), "model": model }));
    for model in ["midjourney-hunter", "Sheerid", "", "lab/midjourney-hunter", "lab/"] {
        let detail = ask(model).await.refused(400, "Unknown model");
        assert!(detail.contains("generic") && detail.contains("sheerid"), "{detail}");
    }
    for instance in ["Lab", "my-instance", "", "shared", "lab2"] {
        let detail = ask(&format!("{instance}/generic")).await.refused(400, "Invalid instance_id");
        assert!(detail.contains(instance), "{detail}");
    }
    assert_eq!(client.credits().await, 100, "nothing was charged");
    let id = ask("lab/sheerid").await.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.settle(&id).await["result_details"]["profile"], "sheerid", "a node serves every queue unless told otherwise");
}

/// Two nodes over one database and one folder. The second is the only one that serves the instance.
// T4, O3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instances_jobs_wait_for_a_node_that_serves_it_and_hold_nobody_up() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let common = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__JOBS__INSTANCES", "a,b"),
        // One place in each queue: the instance's own backlog is full, the shared one is not.
        ("TOUCHSTONE__JOBS__BACKLOG", "1"),
    ];
    let first = Process::serve(data.path(), &[common.as_slice(), &[("TOUCHSTONE__JOBS__QUEUES", "shared, b")]].concat());
    let client = first.demo();
    let waits = client.submit_with("photo.png", pictures::png(1), json!({ "model": "a/sheerid" })).await;
    let upload = client.upload("photo.png", pictures::png(2)).await;
    let second_of_it = client.detect(json!({ "url": Client::vendor_url(&upload), "model": "a/generic" })).await;
    second_of_it.refused(503, "Service temporarily unavailable");
    for model in ["generic", "b/generic", "sheerid", "b/sheerid"] {
        let id = client.submit_with("photo.png", pictures::png(3), json!({ "model": model })).await;
        assert_eq!(client.settle(&id).await["status"], "done", "{model}");
    }
    assert_eq!(client.query(&waits).await["status"], "pending", "it was first, and nobody here serves it");

    let settings = [common.as_slice(), &[("TOUCHSTONE__JOBS__QUEUES", "a")]].concat();
    let other = Process::serve_with(data.path(), &settings, &["--roles", "worker"]);
    let seen = client.settle(&waits).await;
    assert_eq!((&seen["status"], &seen["result_details"]["profile"]), (&json!("done"), &json!("sheerid")), "{seen}");
    assert_eq!(client.credits().await, 995);
    for node in [first, other] {
        let (status, log) = node.stop();
        assert!(status.success(), "{log}");
    }
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}

// T4
#[tokio::test]
async fn a_configuration_whose_queues_lead_nowhere_is_refused() {
    let data = tempfile::tempdir().unwrap();
    for (setting, value, said) in [
        ("TOUCHSTONE__JOBS__QUEUES", "lab", "\"lab\""),
        ("TOUCHSTONE__JOBS__INSTANCES", "a/b", "\"a/b\""),
        ("TOUCHSTONE__JOBS__INSTANCES", "shared", "shared"),
    ] {
        let output = process::touchstone(data.path()).env(setting, value).arg("check-config").finish();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(said), "{told}");
    }
}
