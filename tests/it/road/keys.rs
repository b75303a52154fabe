//! V7, B1: what a key opens. Scopes, networks, times, projects, keys of other systems, and the day of test keys.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use touchstone_core::{
    credit::Credits,
    ids::{OrganizationId, ProjectId},
    key::{Limits, Scope},
    time::Timestamp,
};
use touchstone_store::{NewKey, Store};

use crate::support::{Answer, Client, TestApp, app::Org, audit, pictures};

const REFUSED: &str = "User verification failed";

/// An organisation, and a handle on the database to make its keys with.
struct Holder {
    client: Client,
    store: Store,
    organization: OrganizationId,
}

impl Holder {
    async fn of(app: &TestApp, org: Org) -> Self {
        let client = app.client_of(org).await;
        Self { store: app.store().await, organization: client.organization.parse().unwrap(), client }
    }

    fn key(&self, limits: Limits) -> NewKey {
        NewKey { organization: self.organization, project: None, name: String::new(), test: false, limits }
    }

    /// The same client with a key of its organisation.
    async fn with(&self, new: NewKey) -> Client {
        let (_, secret) = self.store.issue_key(new).await.unwrap();
        self.client.with_key(secret.expose_secret())
    }

    async fn scoped(&self, scopes: &[Scope]) -> Client {
        self.with(self.key(Limits { scopes: Some(BTreeSet::from_iter(scopes.iter().copied())), ..Limits::default() })).await
    }

    async fn within(&self, network: &str) -> Client {
        self.with(self.key(Limits { networks: vec![network.parse().unwrap()], ..Limits::default() })).await
    }
}

/// Every route that refuses a key outright, with the scope that it needs. Reading verdicts needs none and has a test of its own.
const ROUTES: [(&str, &str, Scope); 8] = [
    ("GET", "/get-presigned-url?file_name=a.jpg", Scope::Detect),
    ("POST", "/detect", Scope::Detect),
    ("POST", "/detect-url", Scope::Detect),
    ("POST", "/bulk-upload", Scope::Detect),
    ("POST", "/heatmap/581d47c7-3ef4-42af-88d9-6dab6bf69389", Scope::Assets),
    ("POST", "/preview/581d47c7-3ef4-42af-88d9-6dab6bf69389", Scope::Assets),
    ("GET", "/check-user-credits", Scope::Credits),
    ("GET", "/organizations/581d47c7-3ef4-42af-88d9-6dab6bf69389/usage", Scope::Usage),
];

/// A request about things that do not exist: whoever may ask is told so.
async fn ask(client: &Client, method: &str, path: &str) -> Answer {
    let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), path).header("apikey", &client.key);
    client.send(if method == "POST" { request.json(&json!({ "url": "uploads/none.zip" })) } else { request }).await
}

// V7
#[tokio::test]
async fn a_scope_opens_its_own_routes_and_no_other() {
    let app = TestApp::spawn();
    let holder = Holder::of(&app, Org::default()).await;
    for scope in Scope::ALL {
        let client = holder.scoped(&[scope]).await;
        for (method, path, needed) in ROUTES {
            let answer = ask(&client, method, path).await;
            if scope == needed {
                assert_ne!(answer.json()["error"], REFUSED, "{scope} {path}");
            } else {
                let detail = answer.refused(403, REFUSED);
                assert!(detail.contains(needed.name()), "the holder is told which scope it takes: {detail}");
            }
        }
    }
    let both = holder.scoped(&[Scope::Detect, Scope::Credits]).await;
    assert_eq!(both.credits().await, 100);
    both.presign("a.jpg").await;
}

// V7, T16
#[tokio::test]
async fn asking_out_of_scope_counts_against_the_organisations_limit() {
    const BURST: usize = 3;
    let app = TestApp::with(|config| (config.http.organization_per_second, config.http.organization_burst) = (1, BURST as u32));
    let client = Holder::of(&app, Org::default()).await.scoped(&[Scope::Query]).await;
    for path in ["/check-user-credits", "/get-presigned-url?file_name=a.jpg"] {
        let answers = join_all((0..8 * BURST).map(|_| client.get_keyed(path))).await;
        let (refused, late): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 403);
        assert!(!late.is_empty(), "{path}: {} were refused", refused.len());
        for answer in late {
            answer.refused(429, "Too many requests");
        }
    }
}

// V7, T5, T10
#[tokio::test]
async fn what_query_shows_a_key_is_what_its_scopes_open() {
    let app = TestApp::spawn();
    let set = "private_queries = true, secure_assets = true, heatmap_for_real = true";
    let holder = Holder::of(&app, Org { set, ..Org::default() }).await;
    let id = holder.client.submit("photo.jpg", pictures::jpeg(1)).await;
    app.idle().await;
    let seen = |client: Client| {
        let id = &id;
        async move { client.post("/query", &json!({ "id": id, "key": client.key })).await.ok() }
    };
    assert_eq!(seen(holder.scoped(&[Scope::Detect, Scope::Assets]).await).await, Value::Null, "as if it did not exist");
    for (scopes, opens) in [(&[Scope::Query][..], false), (&[Scope::Query, Scope::Assets], true)] {
        let seen = seen(holder.scoped(scopes).await).await;
        assert_eq!(seen["status"], "done");
        let link = seen["result_details"]["heatmap_url"].as_str().unwrap();
        assert_eq!(link.contains("signature="), opens, "{scopes:?} {link}");
    }
}

// V7, T16
#[tokio::test]
async fn only_the_holder_of_a_key_is_told_what_is_wrong_with_it() {
    let app = TestApp::spawn();
    let holder = Holder::of(&app, Org::default()).await;
    let expired =
        holder.with(holder.key(Limits { expires_at: Some(Timestamp::now() - Duration::from_secs(1)), ..Limits::default() })).await;
    let (id, secret) = holder.store.create_key(holder.organization, false).await.unwrap();
    holder.store.revoke_key(id).await.unwrap();
    let revoked = holder.client.with_key(secret.expose_secret());
    let elsewhere = holder.within("203.0.113.0/24").await;
    for (client, word) in [(&expired, "expired"), (&revoked, "revoked"), (&elsewhere, "127.0.0.1")] {
        let detail = client.get_keyed("/check-user-credits").await.refused(403, REFUSED);
        assert!(detail.contains(word), "{detail}");
    }
    // One digit is missing, or the key was never there: nobody learns whether any of it is right.
    let cut = &expired.key[..expired.key.len() - 1];
    for stranger in [cut, "aidet_live_sk_of_nobody", "581d47c7-3ef4-42af-88d9-6dab6bf69389"] {
        let detail = holder.client.with_key(stranger).get_keyed("/check-user-credits").await.refused(403, REFUSED);
        assert!(detail.contains("unknown"), "{detail}");
    }
}

// V7, U2: the address is the peer's unless a trusted proxy names another.
#[tokio::test]
async fn a_key_is_good_in_its_networks_as_trusted_proxies_tell_them() {
    let ask = |client: Client, forwarded: &'static [u8]| async move {
        let request = client.request(Method::GET, "/check-user-credits").header("apikey", &client.key);
        client.send(request.header("x-forwarded-for", forwarded)).await
    };
    let behind = TestApp::with(|config| config.http.trusted_proxies = vec!["127.0.0.1".into()]);
    let holder = Holder::of(&behind, Org::default()).await;
    let client = holder.within("203.0.113.0/24").await;
    for named in [&b"203.0.113.9"[..], b"198.51.100.1, 203.0.113.9", b"\xff, 203.0.113.9", b"203.0.113.9:5678"] {
        assert_eq!(ask(client.clone(), named).await.status, 200, "{}", named.escape_ascii());
    }
    ask(client.clone(), b"203.0.113.9, 198.51.100.1").await.refused(403, REFUSED);
    // Whom the proxy does not name never counts as the proxy.
    let proxys = holder.within("127.0.0.0/8").await;
    for named in [&b"\xff"[..], b"127.0.0.1, \xff", b"unknown", b""] {
        for client in [&client, &proxys] {
            let detail = ask(client.clone(), named).await.refused(403, REFUSED);
            assert!(detail.contains("proxy"), "{} {detail}", named.escape_ascii());
        }
    }
    proxys.get_keyed("/check-user-credits").await.refused(403, REFUSED);

    let open = TestApp::spawn();
    let holder = Holder::of(&open, Org::default()).await;
    ask(holder.within("203.0.113.0/24").await, b"203.0.113.9").await.refused(403, REFUSED);
    assert_eq!(ask(holder.within("127.0.0.0/8").await, b"203.0.113.9").await.status, 200);
}

// B1: whoever moves here changes nothing in their clients.
#[tokio::test]
async fn a_key_of_another_system_opens_what_ours_do() {
    let app = TestApp::spawn();
    let holder = Holder::of(&app, Org::default()).await;
    let theirs = uuid::Uuid::new_v4().to_string();
    let client = holder.client.with_key(&theirs);
    client.get_keyed("/check-user-credits").await.refused(403, REFUSED);
    holder.store.import_key(holder.key(Limits::default()), &SecretString::from(theirs)).await.unwrap();
    assert_eq!(client.credits().await, 100);
    assert_eq!(client.judge("photo.jpg", pictures::jpeg(1)).await["status"], "done");
    assert_eq!(client.credits().await, 99);
}

// V7
#[tokio::test]
async fn a_rotation_breaks_no_client_and_an_archived_project_stops_its_own() {
    let app = TestApp::spawn();
    let holder = Holder::of(&app, Org::default()).await;
    let project: ProjectId = holder.store.create_project(holder.organization, "bot").await.unwrap().id;
    let (old, first) = holder.store.issue_key(NewKey { project: Some(project), ..holder.key(Limits::default()) }).await.unwrap();
    let (new, second) = holder.store.rotate_key(old.id, Duration::from_secs(3600), None).await.unwrap();
    let [first, second] = [first, second].map(|secret| holder.client.with_key(secret.expose_secret()));
    assert_eq!((first.credits().await, second.credits().await), (100, 100), "both work during the overlap");
    let (_, third) = holder.store.rotate_key(new.id, Duration::ZERO, None).await.unwrap();
    second.get_keyed("/check-user-credits").await.refused(403, REFUSED);
    let third = holder.client.with_key(third.expose_secret());
    assert_eq!(third.credits().await, 100);

    assert_eq!(holder.store.archive_project(project).await.unwrap(), 3);
    for client in [&first, &third] {
        client.get_keyed("/check-user-credits").await.refused(403, REFUSED);
    }
    assert_eq!(holder.client.credits().await, 100, "other projects go on");
}

// V7, B2: also when they come at once.
#[tokio::test]
async fn test_keys_are_free_marked_and_so_many_a_day() {
    const MOST: usize = 3;
    let app = TestApp::with(|config| config.accounts.test_documents_per_day = MOST as u64);
    for metered in [false, true] {
        let holder = Holder::of(&app, Org { metered, credits: Credits { base: 1, boost: 0 }, ..Org::default() }).await;
        let test = holder.with(NewKey { test: true, ..holder.key(Limits::default()) }).await;
        let uploads = join_all((0..8).map(|seed| test.upload("photo.jpg", pictures::jpeg(seed)))).await;
        let answers = join_all(uploads.iter().map(|upload| test.detect(json!({ "url": Client::vendor_url(upload) })))).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(made.len(), MOST);
        for answer in refused {
            let detail = answer.refused(403, "Not enough credits");
            assert!(detail.contains("test keys may submit 3 documents a day"), "{detail}");
        }
        app.idle().await;
        let connection = app.database.connect().await;
        let ids: Vec<Value> = made.iter().map(|answer| answer.json()["id"].clone()).collect();
        for id in &ids {
            assert_eq!(test.query(id.as_str().unwrap()).await["status"], "done");
        }
        let id = holder.organization;
        // Of this organisation alone: a document names it as its database keeps ids.
        let theirs = format!("organization_id = (SELECT organization_id FROM api_key WHERE test AND prefix = '{}')", &test.key[..18]);
        let marked = audit::number(&connection, &format!("SELECT COUNT(*) AS n FROM document WHERE test AND {theirs}")).await;
        let entries =
            audit::number(&connection, &format!("SELECT COUNT(*) AS n FROM ledger_entry WHERE document_id IS NOT NULL AND {theirs}")).await;
        connection.close().await.unwrap();
        assert_eq!((marked, entries), (MOST as i64, 0), "{id} is charged and billed nothing");
        assert_eq!(holder.client.judge("photo.jpg", pictures::jpeg(9)).await["status"], "done", "a live key has no such cap");
    }
}
