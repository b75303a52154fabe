//! A crash between any two steps loses no accepted image and charges nothing twice: kill -9, again and again.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Client, Process, Upload, audit,
    database::TestDatabase,
    eventually, pictures,
    process::run_json,
    zips::{File, archive},
};

/// How often the server is killed.
const KILLS: u64 = 12;

/// What the poor organisation has: soon spent, so that it is refused between the kills.
const FEW: i64 = 12;

/// Who submits at the same time, each with a client that dies and comes back with the server.
struct Payer {
    key: String,
    promises: Arc<Mutex<Promises>>,
}

impl Payer {
    fn new(key: &str) -> Self {
        Self { key: key.to_owned(), promises: Arc::default() }
    }

    /// Of a fresh organisation, made beside the running server.
    fn made(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let made = run_json(data, settings, &[&["admin", "org", "create"], arguments].concat());
        let key = run_json(data, settings, &["admin", "key", "create", "--org", made["organization_id"].as_str().unwrap()]);
        Self::new(key["key"].as_str().unwrap())
    }
}

/// What clients were promised before the server died under them.
#[derive(Default)]
struct Promises {
    /// The PUT was answered with 200; nobody knows whether a submission was.
    uploaded: Vec<Upload>,
    /// `/detect` answered this id.
    accepted: Vec<(Upload, String)>,
}

/// Uploads and submits until the server is gone; writes down every promise the moment it is made.
async fn submit_until_it_dies(client: Client, promises: Arc<Mutex<Promises>>, seed: u64) {
    for turn in 0.. {
        let Some(upload) = try_upload(&client, seed * 1000 + turn).await else { return };
        promises.lock().unwrap().uploaded.push(upload.clone());
        let Some(id) = try_detect(&client, &upload).await else { return };
        let mut promises = promises.lock().unwrap();
        promises.uploaded.retain(|other| other.path != upload.path);
        promises.accepted.push((upload, id));
    }
}

/// `None` when the server was gone before it had answered all of it.
async fn try_upload(client: &Client, seed: u64) -> Option<Upload> {
    let answer =
        client.http.get(format!("{}/get-presigned-url?file_name=photo.jpg", client.url)).header("apikey", &client.key).send().await.ok()?;
    let body: Value = answer.error_for_status().ok()?.json().await.ok()?;
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let upload = Upload { url: text("presigned_url"), path: text("file_path"), document_id: text("document_id") };
    let bytes = pictures::jpeg_of(&pictures::scene(160, 120, seed), 90);
    let put = client.http.put(&upload.url).header("content-type", "image/jpeg").body(bytes).send().await.ok()?;
    (put.status() == 200).then_some(upload)
}

async fn try_detect(client: &Client, upload: &Upload) -> Option<String> {
    let body = json!({ "key": client.key, "url": Client::vendor_url(upload) });
    let answer = client.http.post(format!("{}/detect", client.url)).json(&body).send().await.ok()?;
    let body: Value = answer.error_for_status().ok()?.json().await.ok()?;
    body["id"].as_str().map(str::to_owned)
}

/// Submits again what the server promised, and what it may have; how many documents that makes, and how many of them were judged.
async fn redeem(client: &Client, promises: Promises) -> (usize, i64) {
    let mut ids: Vec<String> = Vec::new();
    for (upload, id) in &promises.accepted {
        let again = client.detect_upload(upload, json!({})).await;
        if &again != id {
            assert_eq!(client.query(id).await["status"], "failed", "a retry finds what was accepted, or tries anew what failed");
            ids.push(again);
        }
        ids.push(id.clone());
    }
    for upload in &promises.uploaded {
        // A PUT that was answered is there, and a submission that was cut off is made or found again, if there is anything to pay with.
        let answer = client.detect(json!({ "url": Client::vendor_url(upload) })).await;
        if answer.status == 403 {
            answer.refused(403, "Not enough credits");
        } else {
            ids.push(answer.ok()["id"].as_str().unwrap().to_owned());
        }
    }
    let mut done = 0;
    for id in &ids {
        let seen = client.settle(id).await;
        match seen["status"].as_str() {
            Some("done") => done += 1,
            // Only a job whose worker was killed in every attempt.
            Some("failed") => assert!(seen["error_message"].as_str().unwrap().contains("credit was returned"), "{seen}"),
            _ => panic!("{seen}"),
        }
    }
    (ids.len(), done)
}

// O3, T3, T17, B2, B3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_and_nothing_is_charged_twice() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__JOBS__LEASE_SECONDS", "2"),
        // A start that comes late must still be a retry.
        ("TOUCHSTONE__JOBS__REPLAY_SECONDS", "3600"),
        ("TOUCHSTONE__RETENTION__ORIGINALS_MINUTES", "60"),
    ];
    let mut server = Process::serve(data.path(), &settings);
    let few = FEW.to_string();
    let payers = [
        Payer::new(&server.demo().key),
        Payer::made(data.path(), &settings, &["--name", "by use", "--metered"]),
        Payer::made(data.path(), &settings, &["--name", "poor", "--credits", &few]),
    ];
    for kill in 0..KILLS {
        let clients = payers.iter().zip(0..).map(|(payer, number)| {
            let seed = kill * payers.len() as u64 + number;
            tokio::spawn(submit_until_it_dies(server.client(&payer.key), payer.promises.clone(), seed))
        });
        let clients: Vec<_> = clients.collect();
        // Moments spread from the first request to well into the work.
        tokio::time::sleep(Duration::from_millis(30 + kill * 97 % 900)).await;
        server.kill();
        for client in clients {
            client.await.unwrap();
        }
        server = Process::serve(data.path(), &settings);
    }

    let begun = Instant::now();
    let (mut documents, mut judged, mut accepted) = (0, Vec::new(), 0);
    for payer in &payers {
        let promises = std::mem::take(&mut *payer.promises.lock().unwrap());
        accepted += promises.accepted.len() as u64;
        let (made, done) = redeem(&server.client(&payer.key), promises).await;
        documents += i64::try_from(made).unwrap();
        judged.push(done);
    }
    eprintln!("{KILLS} kills: {accepted} accepted, {documents} documents, {judged:?} judged, all settled after {:?}", begun.elapsed());
    assert!(accepted >= KILLS, "the server lived long enough to accept some: {accepted}");
    assert!(judged.iter().sum::<i64>() >= documents - documents / 10, "{judged:?} of {documents}");
    let left = [server.client(&payers[0].key).credits().await, server.client(&payers[2].key).credits().await];
    assert_eq!(left, [1000 - judged[0], FEW - judged[2]], "what was judged is what was paid");
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");

    let connection = database.connect().await;
    let stored = audit::number(&connection, "SELECT COUNT(*) AS n FROM document").await;
    assert_eq!(stored, documents, "one document a submission, none that nobody knows of");
    let counted =
        "SELECT CAST(SUM(units) AS BIGINT) AS n FROM ledger_entry WHERE organization_id = (SELECT id FROM organization WHERE metered)";
    assert_eq!(audit::number(&connection, counted).await, judged[1], "what was judged is what is counted");
    connection.close().await.unwrap();
    let mut complaints = audit::complaints(&database).await;
    // Those are told above.
    complaints.retain(|complaint| !complaint.contains("jobs that were given up"));
    assert_eq!(complaints, [""; 0]);
    database.remove().await;
}

/// Images of the batch, and how often its server is killed: less often than a job is tried.
const IMAGES: usize = 14;
const BATCH_KILLS: usize = 4;

// O3, T12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_goes_on_where_it_stood() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let settings = [("TOUCHSTONE__DATABASE__URL", database.url.as_str()), ("TOUCHSTONE__JOBS__LEASE_SECONDS", "2")];
    let files: Vec<File> = (0..IMAGES).map(|n| File::deflated(&format!("{n}.jpg"), &pictures::jpeg(n as u64))).collect();
    let mut server = Process::serve(data.path(), &settings);
    let client = server.demo();
    let (id, expected) = client.submit_zip(archive(&files), json!({})).await;
    assert_eq!(expected as usize, IMAGES);
    let done = |batch: &Value| -> Vec<Value> {
        batch["results"].as_array().unwrap().iter().filter(|image| image["status"] == "done").cloned().collect()
    };
    let mut before: Vec<Value> = Vec::new();
    for _ in 0..BATCH_KILLS {
        let client = server.client(&client.key);
        let seen = eventually("another image to be judged", Duration::from_secs(60), || async {
            let seen = client.query(&id).await;
            (done(&seen).len() > before.len()).then_some(seen)
        })
        .await;
        for image in &before {
            let now = seen["results"].as_array().unwrap().iter().find(|now| now["id"] == image["id"]).unwrap();
            assert_eq!((&now["status"], &now["result"]), (&json!("done"), &image["result"]), "what was judged stays judged");
        }
        assert!(before.is_empty() || seen["status"] != "pending", "{seen}");
        before = done(&seen);
        server.kill();
        server = Process::serve(data.path(), &settings);
    }
    let client = server.client(&client.key);
    let seen = client.settle_zip(&id).await;
    eprintln!("killed with {} of {IMAGES} images judged; then all of them", before.len());
    assert_eq!((seen["status"].as_str(), done(&seen).len()), (Some("done"), IMAGES), "{seen}");
    assert_eq!(client.credits().await, 1000 - IMAGES as i64);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}
