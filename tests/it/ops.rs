//! What an operator relies on: metrics, logs without secrets, a stop that loses nothing, health, and several nodes as one.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Client, Finish, Process, audit, database::TestDatabase, eventually, pictures, process, skip, zips};

// O4
#[tokio::test]
async fn metrics_count_what_happened() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[]);
    let client = server.demo();
    let upload = client.upload("castle.png", pictures::generated_png(1)).await;
    let id = client.detect_upload(&upload, json!({})).await;
    client.settle(&id).await;
    client.get_keyed("/nowhere").await;
    let metrics = client.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    for line in [
        r#"touchstone_documents_total{outcome="AI Generated"} 1"#,
        r#"touchstone_decided_by_total{stage="metadata"} 1"#,
        "touchstone_http_requests_total",
        r#"route="/detect""#,
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    for path in ["nowhere", id.as_str(), upload.path.as_str()] {
        assert!(!text.contains(path), "labels are routes, never paths: {path} in\n{text}");
    }
}

// O4
#[tokio::test]
async fn metrics_are_not_shown_to_the_public_unless_enabled() {
    let data = tempfile::tempdir().unwrap();
    let public = ("TOUCHSTONE__HTTP__PUBLIC_URL", "https://detect.example.org");
    let server = Process::serve(data.path(), &[public]);
    let client = server.demo();
    assert_eq!(client.get("/metrics").await.status, 404);
    assert_eq!(client.get("/try").await.status, 405, "the path is there");
    let page = client.get("/").await;
    assert!(!page.text().contains("/try") || page.status != 200, "the try-it page is off on a public listener");
    drop(server);
    let server = Process::serve(data.path(), &[public, ("TOUCHSTONE__HTTP__METRICS_ON_PUBLIC", "true")]);
    assert_eq!(server.client("").get("/metrics").await.status, 200);
}

// O4
#[tokio::test]
async fn logs_are_json_with_request_ids_and_hold_no_secret() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[("TOUCHSTONE__LOG__FILTER", "trace")]);
    let client = server.demo();
    let seen = client.judge("castle.png", pictures::generated_png(1)).await;
    let link = seen["result_details"]["heatmap_url"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&link).await.status, 200);
    client.with_key("wrong-key-of-somebody").get_keyed("/check-user-credits").await.refused(403, "User verification failed");
    let upload = client.presign("photo.jpg").await;
    client
        .put(&upload.url.replace("signature=", "signature=0"), "image/jpeg", pictures::jpeg(1).into())
        .await
        .refused(403, "Image upload failed");
    let id = client
        .send(client.request(reqwest::Method::GET, "/check-user-credits").header("apikey", &client.key).header("x-request-id", "find-me-7"))
        .await;
    assert_eq!(id.header("x-request-id"), "find-me-7");
    let entries = eventually("the log line of the last request", Duration::from_secs(5), || async {
        let entries = server.log_entries();
        entries.iter().any(|entry| entry["span"]["id"] == "find-me-7").then_some(entries)
    })
    .await;
    let log = server.log();
    let strange: Vec<&str> = log.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).collect();
    assert_eq!(strange, [""; 0], "every line is JSON");
    assert!(entries.iter().all(|entry| entry["timestamp"].is_string() && entry["level"].is_string()));
    let answered: Vec<&Value> = entries.iter().filter(|entry| entry["message"] == "answered").collect();
    assert!(
        answered.len() > 5 && answered.iter().all(|entry| entry["span"]["id"].as_str().is_some_and(|id| !id.is_empty())),
        "{answered:?}"
    );

    let signatures: Vec<String> = [&link, &upload.url].iter().map(|url| url.rsplit("signature=").next().unwrap().to_owned()).collect();
    for secret in [client.key.as_str(), "wrong-key-of-somebody", signatures[0].as_str(), signatures[1].as_str()] {
        assert!(secret.len() > 10);
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "a secret in the log: {}", line.unwrap_or_default());
    }
}

// O7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_in_hand_and_a_start_resumes_the_rest() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str())];
    let server = Process::serve(data.path(), &settings);
    let client = server.demo();
    let ids = join_all((0..10).map(|seed| client.submit("photo.png", pictures::png_of(&pictures::scene(640, 480, seed))))).await;
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");

    // Nothing was cut off: whatever was begun is done, and what is left was never begun, so no lease has to run out.
    let connection = database.connect().await;
    let begun = audit::number(&connection, "SELECT COUNT(*) AS n FROM document WHERE status = 'analyzing'").await;
    let leased = audit::number(&connection, "SELECT COUNT(*) AS n FROM job WHERE lease_until IS NOT NULL").await;
    connection.close().await.unwrap();
    assert_eq!((begun, leased), (0, 0));

    let server = Process::serve(data.path(), &settings);
    let client = server.client(&client.key);
    for id in &ids {
        assert_eq!(client.settle(id).await["status"], "done");
    }
    assert_eq!(client.credits().await, 990);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}

// O7, T16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_drains_everybody_is_told_when_to_come_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[("TOUCHSTONE__HTTP__DRAIN_NOTICE_SECONDS", "2")]);
    let client = server.demo();
    server.terminate();
    let answer = eventually("the server to drain", Duration::from_secs(2), || async {
        let answer = client.get_keyed("/check-user-credits").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    answer.refused(503, "Service temporarily unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(client.get("/health").await.status, 503, "a load balancer notices");
    let (status, log) = server.ended();
    assert!(status.success(), "{log}");
}

// O7: an upload under way when the stop comes is not cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[]);
    let client = server.demo();
    let upload = client.presign("photo.jpg").await;
    let bytes = bytes::Bytes::from(pictures::jpeg_of(&pictures::scene(320, 240, 1), 90));
    let (half, begun) = (bytes.len() / 2, tokio::sync::oneshot::channel::<()>());
    let (tell, told) = begun;
    let body = futures::stream::unfold((0, Some(tell), bytes.clone()), move |(step, tell, bytes)| async move {
        match step {
            0 => Some((Ok::<_, std::io::Error>(bytes.slice(..half)), (1, tell, bytes))),
            1 => {
                tell.unwrap().send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(700)).await;
                Some((Ok(bytes.slice(half..)), (2, None, bytes)))
            }
            _ => None,
        }
    });
    let put = client.request(reqwest::Method::PUT, &upload.url).header("content-type", "image/jpeg").body(reqwest::Body::wrap_stream(body));
    let put = tokio::spawn({
        let client = client.clone();
        async move { client.send(put).await }
    });
    told.await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate();
    assert_eq!(put.await.unwrap().status, 200);
    let (status, log) = server.ended();
    assert!(status.success(), "{log}");
}

/// Two nodes over one PostgreSQL and one folder: one serves, the other judges.
// O2, O3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_are_one_server() {
    let data = tempfile::tempdir().unwrap();
    let Some(database) = TestDatabase::postgres().await else {
        return skip("two nodes on one PostgreSQL", "TOUCHSTONE_TEST_POSTGRES is not set");
    };
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str()), ("TOUCHSTONE__JOBS__LEASE_SECONDS", "2")];
    // Both on the empty database at once: one of them migrates and makes the first organisation.
    let (api, worker) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| Process::serve_with(data.path(), &settings, &["--roles", "worker,cron"]));
        (Process::serve_with(data.path(), &settings, &["--roles", "api"]), worker.join().unwrap())
    });
    let org = process::run_json(data.path(), &settings, &["admin", "org", "create", "--name", "Club", "--credits", "50"]);
    let key = process::run_json(data.path(), &settings, &["admin", "key", "create", "--org", org["organization_id"].as_str().unwrap()]);
    let client = api.client(key["key"].as_str().unwrap());
    let shown = [&api, &worker].iter().filter(|node| node.stdout().contains("aidet_live_sk_")).count();
    assert_eq!(shown, 1, "one demo organisation");

    let seen = client.judge("castle.png", pictures::generated_png(1)).await;
    assert_eq!(seen["status"], "done", "{seen}");
    assert_eq!(client.get(seen["result_details"]["heatmap_url"].as_str().unwrap()).await.status, 200, "keys of links are shared");

    // The judging node dies in the middle; another one takes over what it held.
    let ids = join_all((0..6).map(|seed| client.submit("photo.png", pictures::png(seed)))).await;
    worker.kill();
    let second = Process::serve(data.path(), &settings);
    let through_the_second = second.client(&client.key);
    for id in &ids {
        assert_eq!(through_the_second.settle(id).await["status"], "done");
    }
    // An upload URL of one node is taken by the other.
    let upload = client.presign("photo.jpg").await;
    let there = upload.url.replace(&api.url, &second.url);
    assert_eq!(through_the_second.put(&there, "image/jpeg", pictures::jpeg(7).into()).await.status, 200);
    let id = client.detect_upload(&upload, json!({})).await;
    assert_eq!(client.settle(&id).await["status"], "done");
    // An archive that one node took in is judged by the other.
    let photos: Vec<_> = (0..3).map(|seed| zips::File::stored(&format!("{seed}.png"), pictures::png(seed))).collect();
    let (batch, _) = client.submit_zip(zips::archive(&photos), json!({})).await;
    assert_eq!(through_the_second.settle_zip(&batch).await["status"], "done");
    assert_eq!(client.credits().await, 39);
    for node in [api, second] {
        let (status, log) = node.stop();
        assert!(status.success(), "{log}");
    }
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}

// T14: the database goes away under a running server, and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_its_database_is_not_healthy() {
    let data = tempfile::tempdir().unwrap();
    let Some(database) = TestDatabase::postgres().await else {
        return skip("a server whose database goes away", "TOUCHSTONE_TEST_POSTGRES is not set");
    };
    let server = Process::serve(data.path(), &[("TOUCHSTONE__DATABASE__URL", database.url.as_str())]);
    let client = server.demo();
    assert_eq!(client.get("/health").await.ok(), json!({ "status": "healthy" }));
    database.remove().await;
    let answer = eventually("the server to notice", Duration::from_secs(20), || async {
        let answer = client.get("/health").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(answer.json()["error"].is_string());
    let refused = client.get_keyed("/check-user-credits").await;
    assert!(matches!(refused.status, 500 | 503), "{}", refused.text());
    assert!(!refused.text().contains("postgres"), "nothing of the inside is told: {}", refused.text());
}

// O2: a database of a newer Touchstone is refused, not damaged.
#[tokio::test]
async fn a_newer_schema_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str())];
    process::run_json(data.path(), &settings, &["migrate"]);
    audit::execute(&database, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 1)").await;
    let output = process::touchstone(data.path()).envs(settings).arg("migrate").finish();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("newer") && told.contains("m29990101_000001_later"), "{told}");
    database.remove().await;
}

/// Rotating the keys of links breaks none that is out.
// T10
#[tokio::test]
async fn links_survive_a_rotation_of_the_keys() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str())];
    let server = Process::serve(data.path(), &settings);
    let client = server.demo();
    let seen = client.judge("photo.jpg", pictures::jpeg(1)).await;
    let upload = client.presign("photo.jpg").await;
    drop(server);
    assert_eq!(process::run_json(data.path(), &settings, &["admin", "secret", "rotate"])["keys_in_use"], 2);
    let server = Process::serve(data.path(), &settings);
    let client: Client = server.client(&client.key);
    let here = |url: &str| format!("{}/{}", server.url, url.splitn(4, '/').nth(3).unwrap());
    assert_eq!(client.get(&here(seen["preview_url"].as_str().unwrap())).await.status, 200);
    assert_eq!(client.put(&here(&upload.url), "image/jpeg", pictures::jpeg(1).into()).await.status, 200);
    drop(server);
    database.remove().await;
}
