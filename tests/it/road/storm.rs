//! B2: hundreds at once on few credits. Never below nothing, never paid twice, nothing stuck; and a full queue of writers refuses
//! politely.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, future, stream};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use touchstone_core::credit::Credits;

use crate::support::{Answer, Client, Plan, TestApp, Upload, app::Org, pictures};

/// What there is to spend.
const CREDITS: Credits = Credits { base: 14, boost: 11 };

/// Pictures that want to be judged, each submitted twice at the same time.
const PICTURES: u64 = 120;

/// Every third cannot be judged, so its credit comes back and pays for another.
fn picture(seed: u64) -> Vec<u8> {
    let mut bytes = pictures::jpeg_of(&pictures::scene(160, 120, seed), 95);
    if seed.is_multiple_of(3) {
        bytes.truncate(1100);
    }
    bytes
}

async fn submit(client: &Client, upload: &Upload) -> Answer {
    client.detect(json!({ "url": Client::vendor_url(upload) })).await
}

/// The id of what was accepted; `None` where it was refused for want of credits or of a place in the queue, and for nothing else.
fn accepted(answer: &Answer) -> Option<String> {
    match answer.status {
        200 => Some(answer.json()["id"].as_str().unwrap().to_owned()),
        503 => None,
        _ => {
            answer.refused(403, "Not enough credits");
            None
        }
    }
}

// B2, T3, T17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_at_once_on_few_credits_spend_each_of_them_once() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: CREDITS, ..Org::default() }).await;
    let uploads = stream::iter(0..PICTURES).map(|seed| client.upload("photo.jpg", picture(seed)));
    let mut refused: Vec<Upload> = uploads.buffered(16).collect().await;
    let (mut done, mut failed, mut storms) = (0, 0, 0);
    while done < CREDITS.total() {
        storms += 1;
        assert!(storms < 20, "stuck with {done} of {} spent", CREDITS.total());
        let twice = refused.iter().map(|upload| future::join(submit(&client, upload), submit(&client, upload)));
        let answers = future::join_all(twice).await;
        let mut left = Vec::new();
        for (upload, (one, other)) in refused.into_iter().zip(answers) {
            let ids: BTreeSet<String> = [accepted(&one), accepted(&other)].into_iter().flatten().collect();
            assert!(ids.len() < 2, "the same submission, made twice: {ids:?}");
            let Some(id) = ids.first() else {
                left.push(upload);
                continue;
            };
            match client.settle(id).await["status"].as_str() {
                Some("done") => done += 1,
                Some("failed") => failed += 1,
                other => panic!("{other:?}"),
            }
        }
        refused = left;
        assert_eq!(client.credits().await, CREDITS.total() - done, "what was judged is what is paid");
    }
    eprintln!("{storms} storms, the first of {}: {done} judged and paid, {failed} given back, {} refused", 2 * PICTURES, refused.len());
    assert!(failed > 0, "some credits came back and were spent again");
    // The end of the server looks into its database: balances, ledger, documents.
}

// T16: a bounded queue of writers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_of_writers_is_told_politely_and_loses_nothing() {
    let app = TestApp::start(Plan {
        roles: [touchstone::app::Role::Api].into(),
        change: Box::new(|config| config.database.writer_queue = 2),
        leftovers: true,
    });
    let client = app.client().await;
    let uploads = [1, 2, 3, 4, 5, 6].map(|seed| client.upload("photo.jpg", pictures::jpeg(seed)));
    let uploads: Vec<Upload> = stream::iter(uploads).buffered(1).collect().await;
    // Somebody else holds what every submission has to change.
    let elsewhere = app.database.connect().await;
    let held = elsewhere.begin().await.unwrap();
    held.execute_unprepared("UPDATE balance SET base = base").await.unwrap();
    let mut storm: stream::FuturesUnordered<_> = uploads.iter().map(|upload| submit(&client, upload)).collect();
    let first = tokio::time::timeout(Duration::from_secs(5), storm.next()).await.expect("told at once").unwrap();
    first.refused(503, "Service temporarily unavailable");
    assert!(first.header("retry-after").parse::<u64>().unwrap() > 0);
    held.rollback().await.unwrap();
    let rest: Vec<Answer> = storm.collect().await;
    assert!(rest.iter().any(|answer| answer.status == 200), "those in the queue are served");
    for upload in &uploads {
        client.detect_upload(upload, json!({})).await;
    }
    assert_eq!(client.credits().await, 100 - uploads.len() as i64);
    elsewhere.close().await.unwrap();
}
