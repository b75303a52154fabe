//! V10, O3: kill -9 while deliveries are under way: each arrives at least once, and always by the same id.

use std::collections::{BTreeMap, BTreeSet};

use super::{PATIENCE, hook};
use crate::support::{
    Client, Process, audit,
    database::TestDatabase,
    eventually, pictures,
    receiver::{ADDRESS, Receiver},
};

/// Images that are judged, and after how many arrivals the server is killed.
const IMAGES: u64 = 8;
const KILLS: [usize; 3] = [1, 3, 5];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_delivers_everything_at_least_once_and_by_the_same_id() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let address = ADDRESS.to_string();
    let settings = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__JOBS__LEASE_SECONDS", "2"),
        ("TOUCHSTONE__WEBHOOKS__ALLOW", &address),
        ("TOUCHSTONE__WEBHOOKS__RETRIES", "100ms, 100ms, 100ms, 100ms, 100ms"),
        ("TOUCHSTONE__WEBHOOKS__TIMEOUT_SECONDS", "1"),
    ];
    let receiver = Receiver::start().await;
    let mut server = Process::serve(data.path(), &settings);
    let client = server.demo();
    hook(&client, &receiver.url("slow/300")).await;
    let mut documents = BTreeSet::new();
    for seed in 0..IMAGES {
        let upload = client.upload("photo.jpg", pictures::jpeg_of(&pictures::scene(160, 120, seed), 90)).await;
        documents.insert(client.detect_upload(&upload, serde_json::json!({})).await);
    }
    for arrivals in KILLS {
        eventually("something to kill in the middle of", PATIENCE * 4, || async {
            (receiver.at("slow/300").len() >= arrivals).then_some(())
        })
        .await;
        server.kill();
        server = Process::serve(data.path(), &settings);
    }
    let connection = database.connect().await;
    eventually("everything to be delivered", PATIENCE * 4, || async {
        let sql = "SELECT COUNT(*) AS n FROM webhook_delivery WHERE state = 'delivered'";
        (audit::number(&connection, sql).await == IMAGES as i64).then_some(())
    })
    .await;
    connection.close().await.unwrap();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let arrived = receiver.at("slow/300");
    for one in &arrived {
        ids.entry(one.json()["data"]["id"].as_str().unwrap().to_owned()).or_default().insert(one.id().to_owned());
    }
    eprintln!("{} kills: {IMAGES} events arrived {} times", KILLS.len(), arrived.len());
    assert_eq!(ids.keys().cloned().collect::<BTreeSet<_>>(), documents, "none is lost, and nothing else is told");
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    let client = Client::new(&server.url, &client.key, "");
    for id in &documents {
        assert_eq!(client.query(id).await["status"], "done");
    }
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    database.remove().await;
}
