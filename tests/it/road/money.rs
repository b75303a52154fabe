//! T3, T13: a detection reserves its credit at once, keeps it when it is judged and gives it back when it is not.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use crate::support::{Client, TestApp, app::Org, pictures};
use touchstone_core::credit::Credits;

fn poor(credits: i64) -> Org {
    Org { credits: Credits { base: credits, boost: 0 }, ..Org::default() }
}

// T3
#[tokio::test]
async fn a_credit_is_set_aside_the_moment_it_is_promised() {
    let app = TestApp::without_worker();
    let client = app.client_of(poor(1)).await;
    client.submit("a.jpg", pictures::jpeg(1)).await;
    assert_eq!(client.credits().await, 0);
    let upload = client.upload("b.jpg", pictures::jpeg(2)).await;
    client.detect(json!({ "url": Client::vendor_url(&upload) })).await.refused(403, "Not enough credits");
}

// T3
#[tokio::test]
async fn what_was_refused_for_want_of_credits_can_be_submitted_later() {
    let app = TestApp::spawn();
    let client = app.client_of(poor(0)).await;
    let upload = client.upload("a.jpg", pictures::jpeg(1)).await;
    client.detect(json!({ "url": Client::vendor_url(&upload) })).await.refused(403, "Not enough credits");
    let organization = client.organization.parse().unwrap();
    app.store().await.grant(organization, Credits { base: 0, boost: 1 }, None).await.unwrap();
    let id = client.detect_upload(&upload, json!({})).await;
    assert_eq!(client.settle(&id).await["status"], "done");
    assert_eq!(client.credits().await, 0);
}

// T3
#[tokio::test]
async fn many_at_once_never_spend_more_than_there_is() {
    let app = TestApp::spawn();
    let client = app.client_of(poor(5)).await;
    let uploads = join_all((0..12).map(|seed| client.upload("photo.jpg", pictures::jpeg_of(&pictures::scene(64, 64, seed), 95)))).await;
    let answers = join_all(uploads.iter().map(|upload| client.detect(json!({ "url": Client::vendor_url(upload) })))).await;
    let accepted: BTreeSet<String> =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.json()["id"].as_str().unwrap().to_owned()).collect();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(403, "Not enough credits");
    }
    assert_eq!((accepted.len(), client.credits().await), (5, 0));
    for id in accepted {
        assert_eq!(client.settle(&id).await["status"], "done");
    }
}

// T3, T16
#[tokio::test]
async fn a_full_queue_refuses_politely_and_charges_nothing() {
    let app = TestApp::start(crate::support::Plan {
        roles: [touchstone::app::Role::Api].into(),
        change: Box::new(|config| config.jobs.backlog = 1),
        leftovers: true,
    });
    let client = app.client().await;
    let first = client.upload("a.jpg", pictures::jpeg(1)).await;
    let id = client.detect_upload(&first, json!({})).await;
    let second = client.upload("b.jpg", pictures::jpeg(2)).await;
    let answer = client.detect(json!({ "url": Client::vendor_url(&second) })).await;
    answer.refused(503, "Service temporarily unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(client.credits().await, 99);
    assert_eq!(client.detect_upload(&first, json!({})).await, id, "a retry is still recognised");
}
