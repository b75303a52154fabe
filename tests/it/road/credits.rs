//! T13: what is left to spend.

use serde_json::json;

use crate::support::{TestApp, app::Org, pictures};
use touchstone_core::credit::Credits;

// T13
#[tokio::test]
async fn credits_are_three_integers_and_never_null() {
    let app = TestApp::spawn();
    for (base, boost) in [(0, 0), (10, 0), (10, 5), (0, 7)] {
        let client = app.client_of(Org { credits: Credits { base, boost }, ..Org::default() }).await;
        let answer = client.get_keyed("/check-user-credits").await.ok();
        assert_eq!(answer, json!({ "baseCredits": base, "boostCredits": boost, "credits": base + boost }));
    }
}

// T13
#[tokio::test]
async fn a_metered_organisation_reads_as_full_and_is_counted() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { metered: true, credits: Credits::default(), ..Org::default() }).await;
    let full = i64::from(i32::MAX);
    assert_eq!(client.credits().await, full);
    assert_eq!(client.judge("photo.jpg", pictures::jpeg(1)).await["status"], "done");
    let answer = client.get_keyed("/check-user-credits").await.ok();
    assert!(["baseCredits", "boostCredits", "credits"].iter().all(|field| answer[field].is_i64()), "{answer}");
    assert_eq!(answer["credits"], full);
}

// T13, T16
#[tokio::test]
async fn credits_are_shown_to_their_owner() {
    let app = TestApp::spawn();
    let client = app.client().await;
    assert_eq!(client.get("/check-user-credits").await.unprocessable(), ["apikey"]);
    client.with_key("nonsense").get_keyed("/check-user-credits").await.refused(403, "User verification failed");
}

// T13
#[tokio::test]
async fn base_credits_are_spent_before_those_that_were_bought() {
    let app = TestApp::spawn();
    let client = app.client_of(Org { credits: Credits { base: 1, boost: 2 }, ..Org::default() }).await;
    client.judge("a.jpg", pictures::jpeg(1)).await;
    client.judge("b.jpg", pictures::jpeg(2)).await;
    let answer = client.get_keyed("/check-user-credits").await.ok();
    assert_eq!(answer, json!({ "baseCredits": 0, "boostCredits": 1, "credits": 1 }));
}

// T13
#[tokio::test]
async fn a_test_key_costs_nothing() {
    let app = TestApp::spawn();
    let live = app.client_of(Org { credits: Credits::default(), ..Org::default() }).await;
    let store = app.store().await;
    let (_, key) = store.create_key(live.organization.parse().unwrap(), true).await.unwrap();
    let test = live.with_key(secrecy::ExposeSecret::expose_secret(&key));
    assert!(test.key.starts_with("aidet_test_sk_") && live.key.starts_with("aidet_live_sk_"));
    assert_eq!(test.judge("photo.jpg", pictures::jpeg(1)).await["status"], "done");
    assert_eq!(live.credits().await, 0);
}
