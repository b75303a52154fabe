//! O3: kill -9 in the middle of a call. The lease runs out, another process judges, and the books are exact.

use std::time::Duration;

use serde_json::{Value, json};

use super::{base64, with_image};
use crate::support::{Outside, Process, audit, database::TestDatabase, eventually, pictures};

/// How often the server is killed while clients wait for verdicts.
const KILLS: u64 = 4;

/// What was sent to /v1/detect, each accepted with a job that was leased to the killed process from its birth.
const INLINE: &str = "batch_id IS NULL";

// O3, V1, V2, B2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_judged_and_paid_once() {
    let outside = Outside::start().await;
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let mut settings = outside.settings();
    settings.push(("TOUCHSTONE__DATABASE__URL", database.url.clone()));
    settings.push(("TOUCHSTONE__JOBS__LEASE_SECONDS", "2".into()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut server = Process::serve(data.path(), &settings);
    let key = server.demo().key;
    let connection = database.connect().await;
    let count =
        async |what: &str| audit::number(&connection, &format!("SELECT COUNT(*) AS n FROM document WHERE kind = 'image' AND {what}")).await;
    for kill in 0..KILLS {
        let client = server.client(&key);
        let body = json!({ "images": [
            { "image_base64": base64(&pictures::jpeg(kill)) },
            { "image_url": outside.url(&format!("photo/{kill}")) },
            { "image_url": outside.url("status/404") },
        ]});
        let accepted = client.v1_post("/v1/detect/async", &body).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text());
        let before = count(INLINE).await;
        let callers = (0..3).map(|n| {
            let (client, image) = (client.clone(), pictures::jpeg(100 + kill * 10 + n));
            tokio::spawn(
                async move { client.v1(reqwest::Method::POST, "/v1/detect").json(&with_image(&image, json!({}))).send().await.is_ok() },
            )
        });
        let callers: Vec<_> = callers.collect();
        // From the moment in which a request's own job is leased to this process, and some later ones.
        eventually("a request to be accepted", Duration::from_secs(60), || async { (count(INLINE).await > before).then_some(()) }).await;
        tokio::time::sleep(Duration::from_millis(kill * 50)).await;
        server.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        server = Process::serve(data.path(), &settings);
    }
    let client = server.client(&key);
    eventually("everything to end", Duration::from_secs(60), || async {
        let open = "SELECT COUNT(*) AS n FROM document WHERE status IN ('pending', 'analyzing')";
        (audit::number(&connection, open).await == 0).then_some(())
    })
    .await;
    let (judged, unfetchable) = (count("status = 'done'").await, count("failure_code = 'image_unfetchable'").await);
    let failed = count("status = 'failed'").await;
    eprintln!("{KILLS} kills: {judged} judged, {failed} failed, {unfetchable} of them because of their URL");
    assert_eq!(unfetchable, i64::try_from(KILLS).unwrap());
    assert_eq!(failed, unfetchable, "a kill fails nothing");
    let (inline, ended) = (count(INLINE).await, count(&format!("{INLINE} AND status = 'done'")).await);
    assert!(inline >= i64::try_from(KILLS).unwrap() && inline == ended, "{ended} of {inline} that somebody waited for were judged");
    assert_eq!(judged - inline, 2 * i64::try_from(KILLS).unwrap(), "and all of the batches");
    let usage: Value = client.v1_get("/v1/usage").await.ok();
    assert_eq!((client.credits().await, usage["used"].as_i64()), (1000 - judged, Some(judged)), "what was judged is what was paid");
    connection.close().await.unwrap();
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}
