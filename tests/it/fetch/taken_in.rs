//! The good way: from a URL to a verdict, through the same stations as an upload, with nothing left of what was refused.

use secrecy::ExposeSecret;
use serde_json::json;
use touchstone_core::credit::Credits;

use super::REFUSED;
use crate::support::{Client, Outside, TestApp, app::Org, eventually};

/// The names of the fetched objects of an organisation.
fn fetched(app: &TestApp, client: &Client) -> Vec<String> {
    let folder = app.data.path().join("blobs/fetched").join(&client.organization);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

// X9, T3
#[tokio::test]
async fn a_foreign_image_is_fetched_and_judged_whatever_type_it_claims() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let answer = client.detect(json!({ "url": outside.url("photo/1?size=large#top") })).await.ok();
    assert_eq!(answer["status"], "pending", "{answer}");
    let seen = client.settle(answer["id"].as_str().unwrap()).await;
    assert_eq!((seen["status"].as_str(), seen["result_details"]["is_valid"].as_bool()), (Some("done"), Some(true)), "{seen}");
    assert_eq!(client.credits().await, 99);
    let objects = fetched(&app, &client);
    assert!(objects.len() == 1 && objects[0].len() == 64 + 4 && objects[0].ends_with(".jpg"), "{objects:?}");
}

// X9
#[tokio::test]
async fn nothing_of_the_caller_travels_along() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let body = json!({ "url": outside.leading_to("/photo/1?x=1#f") });
    let request = client.request(reqwest::Method::POST, "/detect").json(&body).header("apikey", &client.key);
    let request = request.header("cookie", "a=b").header("referer", "http://caller.test/").header("x-forwarded-for", "9.9.9.9");
    let id = client.send(request.header("user-agent", "caller/1")).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    let heads = outside.seen();
    assert!(heads.len() == 2 && heads[1].starts_with("GET /photo/1?x=1 HTTP/1.1\r\n"), "{heads:?}");
    for head in heads {
        let mut names: Vec<String> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{head}");
        assert!(
            head.contains("Touchstone/") && head.contains("identity") && head.contains(&format!("pictures.test:{}", outside.port)),
            "{head}"
        );
    }
}

// T17
#[tokio::test]
async fn the_same_image_again_is_the_same_object_and_a_retry_is_free() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let submit = async |body: serde_json::Value| client.detect(body).await.ok()["id"].as_str().unwrap().to_owned();
    let first = submit(json!({ "url": outside.url("photo/5") })).await;
    let again = submit(json!({ "url": outside.url("photo/5?elsewhere") })).await;
    let other = submit(json!({ "url": outside.url("photo/5"), "generate_heatmap": false })).await;
    assert_eq!(first, again);
    assert_ne!(first, other, "other options are another submission");
    for id in [&first, &other] {
        assert_eq!(client.settle(id).await["status"], "done");
    }
    assert_eq!((client.credits().await, fetched(&app, &client).len()), (98, 1));
    let bob = app.client().await;
    let his = bob.detect(json!({ "url": outside.url("photo/5") })).await.ok();
    bob.settle(his["id"].as_str().unwrap()).await;
    assert_eq!((fetched(&app, &bob).len(), bob.credits().await), (1, 99), "nobody shares an object, or learns that it was there");
}

// T17
#[tokio::test]
async fn a_retry_finds_what_the_last_credit_paid_for() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client_of(Org { credits: Credits { base: 1, boost: 0 }, ..Org::default() }).await;
    let first = client.detect(json!({ "url": outside.url("photo/5") })).await.ok();
    assert_eq!(client.settle(first["id"].as_str().unwrap()).await["status"], "done");
    assert_eq!(client.detect(json!({ "url": outside.url("photo/5") })).await.ok()["id"], first["id"]);
    client.detect(json!({ "url": outside.url("photo/6") })).await.refused(403, "Not enough credits");
    assert_eq!((client.credits().await, fetched(&app, &client).len()), (0, 1), "nothing is left of what was not paid");
}

// X9: two at once with the same bytes
#[tokio::test]
async fn the_same_image_many_times_at_once_is_judged_for_each_of_its_options() {
    let (outside, app) = Outside::with_app(|config| config.fetch.concurrent_per_organization = 8).await;
    let client = app.client().await;
    let asks = (0..6).map(|n| client.detect(json!({ "url": outside.url("photo/6"), "id": uuid::Uuid::from_u128(n + 1) })));
    for answer in futures::future::join_all(asks).await {
        assert_eq!(client.settle(answer.ok()["id"].as_str().unwrap()).await["status"], "done");
    }
    assert_eq!((client.credits().await, fetched(&app, &client).len()), (94, 1));
}

// X9, T13
#[tokio::test]
async fn who_cannot_pay_makes_us_fetch_nothing() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let poor = app.client_of(Org { credits: Default::default(), ..Org::default() }).await;
    for path in ["/detect", "/detect-url"] {
        poor.post(path, &json!({ "key": poor.key, "url": outside.url("photo/1") })).await.refused(403, "Not enough credits");
    }
    assert_eq!(outside.seen(), [""; 0]);
    let metered = app.client_of(Org { credits: Default::default(), metered: true, ..Org::default() }).await;
    let id = metered.detect(json!({ "url": outside.url("photo/1") })).await.ok()["id"].as_str().unwrap().to_owned();
    metered.settle(&id).await;
}

// X9, V7: nor a test key whose day is used up, unless it may be a retry.
#[tokio::test]
async fn test_keys_that_used_up_their_day_make_us_fetch_nothing() {
    for (replay_seconds, fetches) in [(600, true), (0, false)] {
        let (outside, app) = Outside::with_app(move |config| {
            (config.accounts.test_documents_per_day, config.jobs.replay_seconds) = (1, replay_seconds);
        })
        .await;
        let client = app.client().await;
        let (_, secret) = app.store().await.create_key(client.organization.parse().unwrap(), true).await.unwrap();
        let test = client.with_key(secret.expose_secret());
        let first = test.detect(json!({ "url": outside.url("photo/5") })).await.ok();
        test.settle(first["id"].as_str().unwrap()).await;
        if fetches {
            assert_eq!(test.detect(json!({ "url": outside.url("photo/5") })).await.ok()["id"], first["id"], "T17");
        }
        let before = outside.seen().len();
        test.detect(json!({ "url": outside.url("photo/6") })).await.refused(403, "Not enough credits");
        assert_eq!((outside.seen().len() > before, fetched(&app, &client).len()), (fetches, 1));
    }
}

// X9
#[tokio::test]
async fn nothing_is_left_of_an_image_whose_submission_is_refused() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let id = client.detect(json!({ "url": outside.url("photo/1") })).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    let kept = fetched(&app, &client);
    client.detect(json!({ "url": outside.url("photo/2"), "id": id })).await.refused(400, "id already exists");
    assert_eq!(fetched(&app, &client), kept, "the refused image is gone");
    client.detect(json!({ "url": outside.url("photo/1"), "id": id, "generate_preview": false })).await.refused(400, "id already exists");
    assert_eq!(fetched(&app, &client), kept, "the submitted one is not");
    assert_eq!(client.credits().await, 99);
}

// X9, T16
#[tokio::test]
async fn fetches_under_way_are_few_for_one_and_for_all() {
    let (outside, app) = Outside::with_app(|config| {
        config.fetch.concurrent = 2;
        config.fetch.concurrent_per_organization = 1;
    })
    .await;
    let (ann, bob, eve) = (app.client().await, app.client().await, app.client().await);
    let hang = |client: &Client| {
        let (client, url) = (client.clone(), outside.url("silent"));
        tokio::spawn(async move { client.detect(json!({ "url": url })).await })
    };
    let under_way = |count: usize| {
        let outside = &outside;
        eventually("the fetches to be under way", std::time::Duration::from_secs(30), move || async move {
            (outside.seen().len() == count).then_some(())
        })
    };
    let hers = hang(&ann);
    under_way(1).await;
    let answer = ann.detect(json!({ "url": outside.url("photo/1") })).await;
    answer.refused(429, "Too many requests");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let his = hang(&bob);
    under_way(2).await;
    eve.detect(json!({ "url": outside.url("photo/1") })).await.refused(503, "Service temporarily unavailable");
    for answer in [hers.await.unwrap(), his.await.unwrap()] {
        answer.refused(400, REFUSED);
    }
    let id = eve.detect(json!({ "url": outside.url("photo/1") })).await.ok()["id"].as_str().unwrap().to_owned();
    eve.settle(&id).await;
}
