//! V8: so many requests a second of one project, told on every answer.

use reqwest::Method;
use secrecy::ExposeSecret;
use touchstone_store::NewKey;

use crate::support::{Answer, Client, Process, TestApp, app::Org, database::TestDatabase, skip};

fn standing(answer: &Answer) -> (u64, u64, u64) {
    let number = |name: &str| answer.header(name).parse().unwrap();
    (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), number("x-ratelimit-reset"))
}

/// Asks so often, one after the other; how many passed, and the first that did not.
async fn flood(client: &Client, times: usize) -> (usize, Option<Answer>) {
    for passed in 0..times {
        let answer = client.v1_get("/v1/usage").await;
        if answer.status == 429 {
            return (passed, Some(answer));
        }
        answer.ok();
    }
    (times, None)
}

// V8
#[tokio::test]
async fn a_project_has_its_plans_burst_and_is_then_told_when_to_come_back() {
    let app = TestApp::with(|config| (config.plans.free.per_second, config.plans.free.burst) = (1, 5));
    let client = app.client_of(Org { set: "plan = 'free'", ..Org::default() }).await;
    let first = client.v1_get("/v1/usage").await;
    let now = u64::try_from(touchstone_core::time::Timestamp::now().seconds()).unwrap();
    let (limit, remaining, reset) = standing(&first);
    assert_eq!((limit, remaining), (1, 4));
    assert!((now..=now + 3).contains(&reset), "{reset} {now}");
    // At five a burst and one a second, many at once cannot all pass.
    let answers = futures::future::join_all((0..40).map(|_| client.v1_get("/v1/usage"))).await;
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty(), "none of 40 was refused");
    for answer in refused {
        answer.failed(429, "rate_limited");
        assert_eq!((standing(answer).1, answer.header("retry-after")), (0, "1"));
    }
}

// V8: test and live keys of a project share its bucket, other projects have their own.
#[tokio::test]
async fn the_bucket_is_the_projects() {
    let app = TestApp::with(|config| (config.plans.free.per_second, config.plans.free.burst) = (1, 1000));
    let client = app.client_of(Org { set: "plan = 'free'", ..Org::default() }).await;
    let store = app.store().await;
    let organization = client.organization.parse().unwrap();
    let (_, test) = store.create_key(organization, true).await.unwrap();
    let other = store.create_project(organization, "other").await.unwrap();
    let new = NewKey { organization, project: Some(other.id), name: String::new(), test: false, limits: Default::default() };
    let (_, elsewhere) = store.issue_key(new).await.unwrap();
    let remaining = async |client: Client| standing(&client.v1_get("/v1/usage").await).1;
    for _ in 0..20 {
        client.v1_get("/v1/usage").await.ok();
    }
    let (live, test) = (remaining(client.clone()).await, remaining(client.with_key(test.expose_secret())).await);
    assert!(live < 1000 && test <= live, "{live} {test}: one after the other takes of the same");
    assert_eq!(remaining(client.with_key(elsewhere.expose_secret())).await, 999);
}

// V8
#[tokio::test]
async fn every_answer_tells_a_limit_also_without_a_key_and_without_a_limit() {
    let app = TestApp::with(|config| (config.http.keyless_per_second, config.http.keyless_burst) = (7, 50));
    let client = app.client_of(Org { set: "plan = 'enterprise'", ..Org::default() }).await;
    assert_eq!(standing(&client.v1_get("/v1/usage").await).0, 1_000_000, "nothing confines it");
    for path in ["/v1/health", "/v1/nothing", "/v1/usage"] {
        let (limit, remaining, _) = standing(&client.get(path).await);
        assert!(limit == 7 && remaining < 50, "{path}: {limit} {remaining}");
    }
    let answers = futures::future::join_all((0..120).map(|_| client.get("/v1/health"))).await;
    assert!(answers.iter().any(|answer| answer.status == 429), "keyless askers are counted");
}

// V8
#[tokio::test]
async fn being_told_a_limit_takes_nothing_of_it() {
    let app = TestApp::with(|config| (config.http.keyless_per_second, config.http.keyless_burst) = (1, 1000));
    let client = app.client().await;
    let keyless = async || standing(&client.get("/v1/health").await).1;
    let before = keyless().await;
    for n in 0..50 {
        let preflight = client.request(Method::OPTIONS, &format!("/v1/jobs/{n}"));
        let preflight = preflight.header("origin", "https://example.com").header("access-control-request-method", "GET");
        client.send(preflight.header("access-control-request-headers", "authorization")).await;
        client.send(client.v1(Method::GET, "/v1/usage").header("accept", "text/html")).await.failed(406, "invalid_request");
    }
    let after = keyless().await;
    assert!(after + 2 >= before, "{before} {after}: only /v1/health itself is counted");
    let wrong = client.with_key("ts_live_wrong").v1_get("/v1/usage").await;
    wrong.failed(401, "unauthorized");
    assert!(standing(&wrong).1 + 1 >= after, "{after}: once");
}

// V8: the limit holds across nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_a_bucket() {
    let Some(database) = TestDatabase::postgres().await else {
        return skip("two nodes with one limit", "TOUCHSTONE_TEST_POSTGRES is not set");
    };
    let data = tempfile::tempdir().unwrap();
    // A token comes back every second: while both are asked, a few may.
    let settings = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__PLANS__PRO__PER_SECOND", "1"),
        ("TOUCHSTONE__PLANS__PRO__BURST", "30"),
    ];
    let one = Process::serve(data.path(), &settings);
    let key = one.demo().key;
    let two = Process::serve(data.path(), &settings);
    let (first, second) = (one.client(&key), two.client(&key));
    let begun = std::time::Instant::now();
    let (passed, refused) = flood(&first, 25).await;
    assert!(refused.is_none(), "the burst is whole: {passed}");
    let (more, refused) = flood(&second, 40).await;
    let regained = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(refused.is_some() && more <= 5 + regained, "{more} more on the other node after {:?}", begun.elapsed());
    assert_eq!(standing(&refused.unwrap()).1, 0);
    drop((one, two));
    database.remove().await;
}
