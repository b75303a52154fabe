//! T5, T10, T16, V7: nobody reaches what is another's. Every route, asked by its owner, by another organisation, with a key that is none,
//! with keys of the owner that open nothing here, and with none at all, about organisations of every setting.
//!
//! [`MATRIX`] is the whole of it: a new route is one line there, and a route that is not there fails the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use touchstone_core::{
    ids::OrganizationId,
    key::{Limits, Scope},
    time::Timestamp,
};
use touchstone_store::{NewKey, Store};

use crate::support::{Answer, Client, TestApp, app::Org, eventually, pictures, root, zips};

/// What a route names, and so whom it serves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Names {
    /// Nothing of anybody's: everybody gets the same status.
    Nothing,
    /// The key's own organisation.
    Key,
    /// An upload of this file name, in the body's `url`. Another's is answered as one that does not exist.
    Upload(&'static str),
    /// A document in the path, which takes its owner's key.
    Picture,
    /// A document in the body's `id`, which is a capability unless the organisation's queries are private.
    Document,
    /// What a signed link names: no key opens it, and no link opens anything else.
    Link,
    /// An organisation in the path, which takes its own key.
    Organization,
    /// What a Bearer key of its organisation opens: nothing else, a detection or a job in the path.
    Bearer(&'static str),
    /// What only a secret of the operator's opens, and no key: everybody is told this.
    Secret(&'static str),
}
use Names::{Bearer, Document, Key, Link, Nothing, Organization, Picture, Secret, Upload};

const MATRIX: &[(&str, &str, Names)] = &[
    ("GET", "/", Nothing),
    ("POST", "/try", Nothing),
    ("GET", "/get-presigned-url", Key),
    ("PUT", "/blobs/uploads/{name}", Link),
    ("PUT", "/uploads/{name}", Link),
    ("PUT", "/blobs/{path:.*}", Nothing),
    ("PUT", "/uploads/{path:.*}", Nothing),
    ("POST", "/detect", Upload("photo.jpg")),
    ("POST", "/detect-url", Upload("photo.jpg")),
    ("POST", "/query", Document),
    ("POST", "/bulk-upload", Upload("photos.zip")),
    ("POST", "/bulk-upload/query", Document),
    ("GET", "/heatmap/{id}", Link),
    ("POST", "/heatmap/{id}", Picture),
    ("GET", "/preview/{id}", Link),
    ("POST", "/preview/{id}", Picture),
    ("GET", "/check-user-credits", Key),
    ("GET", "/organizations/{id}/usage", Organization),
    ("POST", "/organizations/{id}/usage/sync-to-stripe", Secret("Invalid job secret")),
    ("POST", "/billing/stripe/events", Secret("Invalid signature")),
    ("GET", "/health", Nothing),
    ("GET", "/metrics", Nothing),
    ("GET", "/help", Nothing),
    ("GET", "/v1/health", Nothing),
    ("GET", "/v1/model", Nothing),
    ("GET", "/v1/receipts/keys", Nothing),
    ("GET", "/model", Nothing),
    ("POST", "/v1/detect", Bearer("")),
    ("POST", "/v1/detect/batch", Bearer("")),
    ("POST", "/v1/detect/async", Bearer("")),
    ("GET", "/v1/detections/{id}", Bearer("detection")),
    ("GET", "/v1/jobs/{id}", Bearer("job")),
    ("GET", "/v1/usage", Bearer("")),
    ("GET", "/v1/detections/{id}/receipt", Bearer("detection")),
    ("POST", "/v1/forensics", Bearer("")),
    ("POST", "/v1/c2pa/verify", Bearer("")),
    ("GET", "/openapi.json", Nothing),
    ("GET", "/docs", Nothing),
    ("GET", "/docs/{file:.*}", Nothing),
];

/// Who asks, from strangers to the owner: what strangers did must not have changed anything for the owner.
const ASKERS: [&str; 8] = [
    "nobody",
    "an unknown key",
    "a revoked key",
    "an expired key",
    "a key of another network",
    "a key of another scope",
    "another organisation",
    "the owner",
];

/// Where a key is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Via {
    Body,
    Header,
}

/// An organisation with one of everything.
struct Owner {
    client: Client,
    private: bool,
    secure: bool,
    /// Its keys that open nothing here.
    barred: BTreeMap<&'static str, String>,
    /// An image, a batch, and the batch's one image.
    documents: [String; 3],
    /// A batch of /v1.
    job: String,
    /// The paths of its uploads.
    uploads: Vec<String>,
    /// Signed links, by the first part of their path.
    links: Vec<String>,
}

impl Owner {
    async fn make(app: &TestApp, private: bool, secure: bool, credits: i64) -> Self {
        let set = match (private, secure) {
            (false, false) => "heatmap_for_real = true",
            (false, true) => "heatmap_for_real = true, secure_assets = true",
            (true, false) => "heatmap_for_real = true, private_queries = true",
            (true, true) => "heatmap_for_real = true, private_queries = true, secure_assets = true",
        };
        let credits = touchstone_core::credit::Credits { base: credits, boost: 0 };
        let client = app.client_of(Org { set, credits, ..Org::default() }).await;
        let photo = client.upload("photo.jpg", pictures::jpeg(1)).await;
        let zip = client.upload("photos.zip", zips::archive(&[zips::File::stored("a.jpg", pictures::jpeg(3))])).await;
        let document = client.detect_upload(&photo, json!({})).await;
        let batch = client.bulk(&zip, json!({ "generate_preview": true })).await.ok()["id"].as_str().unwrap().to_owned();
        let drawn = |seen: &Value| seen["result_details"]["heatmap_status"] == "ready" && seen["preview_url"].is_string();
        let (seen, member) = eventually("the verdicts and their pictures", Duration::from_secs(60), || async {
            let seen = client.post("/query", &json!({ "id": document, "key": client.key })).await.ok();
            let member = client.post("/query", &json!({ "id": batch, "key": client.key })).await.ok()["results"][0].clone();
            (drawn(&seen) && drawn(&member)).then_some((seen, member))
        })
        .await;
        let documents = [document, batch, member["id"].as_str().unwrap().to_owned()];
        let image = json!({ "image_base64": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pictures::jpeg(4)) });
        let job = client.v1_post("/v1/detect/batch", &json!({ "images": [image] })).await.ok()["job_id"].as_str().unwrap().to_owned();
        let links = [&seen["result_details"]["heatmap_url"], &seen["preview_url"]].map(|url| url.as_str().unwrap().to_owned());
        let put = client.presign("spare.jpg").await.url;
        Self {
            private,
            secure,
            barred: barred(&app.store().await, client.organization.parse().unwrap()).await,
            documents,
            job,
            uploads: vec![photo.path, zip.path],
            links: links.into_iter().chain([put]).collect(),
            client,
        }
    }

    fn key<'a>(&'a self, asker: &str, other: &'a Self) -> Option<&'a str> {
        match asker {
            "nobody" => None,
            "an unknown key" => Some("aidet_live_sk_of_nobody"),
            "another organisation" => Some(&other.client.key),
            "the owner" => Some(&self.client.key),
            barred => Some(&self.barred[barred]),
        }
    }

    fn upload(&self, file: &str) -> &str {
        self.uploads.iter().find(|path| path.ends_with(file)).unwrap()
    }

    /// What the route's link carries: the last part of its path, and its query.
    fn link(&self, path: &str) -> (&str, &str) {
        let door = path.split('/').nth(1).unwrap();
        let door = if door == "uploads" { "blobs" } else { door };
        let link = self.links.iter().find(|link| link.contains(&format!("/{door}/"))).unwrap();
        let (place, query) = link.split_once('?').unwrap();
        (place.rsplit('/').next().unwrap(), query)
    }

    /// One request with a key, or with none.
    async fn ask(&self, method: &str, path: &str, mut body: Option<Value>, key: Option<&str>, via: Via) -> Answer {
        let mut request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
        if let (Some(key), Some(body), Via::Body) = (key, &mut body, via) {
            body["key"] = json!(key);
        } else if let Some(key) = key {
            request = request.header("apikey", key);
        }
        request = match (method, body) {
            (_, Some(body)) => request.json(&body),
            ("PUT", None) => request.header("content-type", "image/jpeg").body(pictures::jpeg(2)),
            (_, None) => request,
        };
        self.client.send(request).await
    }
}

/// Keys of an organisation that open nothing here: revoked, over, for elsewhere, and for a part of the API that is not in the matrix.
async fn barred(store: &Store, organization: OrganizationId) -> BTreeMap<&'static str, String> {
    let (id, revoked) = store.create_key(organization, false).await.unwrap();
    assert!(store.revoke_key(id).await.unwrap());
    let limits = [
        ("an expired key", Limits { expires_at: Some(Timestamp(1)), ..Limits::default() }),
        ("a key of another network", Limits { networks: vec!["203.0.113.0/24".parse().unwrap()], ..Limits::default() }),
        ("a key of another scope", Limits { scopes: Some(BTreeSet::from([Scope::Usage])), ..Limits::default() }),
    ];
    let mut keys = BTreeMap::from([("a revoked key", revoked.expose_secret().to_owned())]);
    for (asker, limits) in limits {
        let new = NewKey { organization, project: None, name: asker.into(), test: false, limits };
        keys.insert(asker, store.issue_key(new).await.unwrap().1.expose_secret().to_owned());
    }
    keys
}

/// A pattern with its only parameter filled in.
fn filled(pattern: &str, with: &str) -> String {
    match pattern.split_once('{') {
        Some((before, rest)) => format!("{before}{with}{}", rest.split_once('}').unwrap().1),
        None => pattern.to_owned(),
    }
}

/// An answer without what is fresh in each: the signatures of links.
fn settled(answer: &Answer) -> (u16, String) {
    let mut parts = Vec::new();
    for (index, part) in answer.text().split("?expires=").enumerate() {
        parts.push(if index == 0 { part } else { part.trim_start_matches(|c: char| c != '"') }.to_owned());
    }
    (answer.status, parts.concat())
}

/// The key is checked before anything else is: without one the form is wrong, and a wrong one opens nothing.
fn refused_for_its_key(asker: &str, answer: &Answer) -> bool {
    match asker {
        "nobody" => assert_eq!(answer.status, 422, "{}", answer.text()),
        "another organisation" | "the owner" => return false,
        _ => drop(answer.refused(403, "User verification failed")),
    }
    true
}

impl Names {
    /// Asks one route as one asker, and checks the answer.
    async fn check(self, (method, path): (&str, &str), owner: &Owner, other: &Owner, asker: &str, via: Via) {
        let key = owner.key(asker, other);
        match self {
            Nothing => {
                let place = filled(path, if method == "PUT" { "elsewhere/x" } else { "" });
                let expected = owner.ask(method, &place, None, None, via).await.status;
                assert_eq!(owner.ask(method, &place, None, key, via).await.status, expected);
            }
            Key => {
                let answer = owner.ask(method, &format!("{path}?file_name=photo.jpg"), None, key, Via::Header).await;
                let owners = owner.ask(method, path, None, Some(&owner.client.key), Via::Header).await;
                if !refused_for_its_key(asker, &answer) {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert!(asker == "the owner" || answer.text() != owners.text(), "each its own: {}", answer.text());
                }
            }
            Upload(file) => {
                let ask = |path: &str| json!({ "url": format!("https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/{path}") });
                let answer = owner.ask(method, path, Some(ask(owner.upload(file))), key, via).await;
                if refused_for_its_key(asker, &answer) {
                    return;
                }
                let missing = format!("uploads/{}_20260101-000000_{file}", uuid::Uuid::new_v4());
                let missing = owner.ask(method, path, Some(ask(&missing)), key, via).await;
                assert_eq!(settled(&answer) == settled(&missing), asker != "the owner", "{} {}", answer.text(), missing.text());
            }
            Picture => {
                let [image, batch, member] = &owner.documents;
                for (document, has_pictures) in [(image, true), (batch, false), (member, true)] {
                    let answer = owner.ask(method, &filled(path, document), Some(json!({})), key, via).await;
                    if refused_for_its_key(asker, &answer) {
                        return;
                    }
                    match asker {
                        "the owner" => assert_eq!(answer.header("content-type").starts_with("image/"), has_pictures, "{}", answer.status),
                        _ => drop(answer.refused(403, "Access denied")),
                    }
                }
                let unknown = filled(path, &uuid::Uuid::new_v4().to_string());
                owner.ask(method, &unknown, Some(json!({})), key, via).await.refused(404, "Document not found");
            }
            Document => {
                for document in &owner.documents {
                    Self::check_document((method, path), owner, document, asker, key, via).await;
                }
            }
            Organization => {
                let answer = owner.ask(method, &filled(path, &owner.client.organization), None, key, Via::Header).await;
                match asker {
                    // The scope that is another everywhere else is the one that opens this.
                    "the owner" | "a key of another scope" => assert_eq!(answer.ok()["organization_id"], owner.client.organization),
                    "another organisation" => drop(answer.refused(403, "Access denied")),
                    _ => assert!(refused_for_its_key(asker, &answer)),
                }
            }
            Secret(told) => {
                let place = filled(path, &owner.client.organization);
                owner.ask(method, &place, Some(json!({})), key, via).await.refused(401, told);
            }
            Bearer(what) => Self::check_bearer((method, path), owner, what, asker, key).await,
            Link => Self::check_link((method, path), owner, other, key).await,
        }
    }

    async fn check_document((method, path): (&str, &str), owner: &Owner, document: &str, asker: &str, key: Option<&str>, via: Via) {
        let answer = owner.ask(method, path, Some(json!({ "id": document })), key, via).await;
        let whose = if owner.private && asker != "the owner" {
            owner.ask(method, path, Some(json!({ "id": uuid::Uuid::new_v4() })), key, via).await
        } else {
            owner.ask(method, path, Some(json!({ "id": document })), Some(&owner.client.key), via).await
        };
        assert_eq!(settled(&answer), settled(&whose));
        // T10: a key that is not the owner's, or none, gets nothing that opens a secure picture.
        let opens = answer.text().contains("signature=");
        let shows = answer.text().contains("/heatmap/");
        assert_eq!(opens, shows && (!owner.secure || asker == "the owner"), "{}", answer.text());
    }

    // V7, V9
    async fn check_bearer((method, path): (&str, &str), owner: &Owner, what: &str, asker: &str, key: Option<&str>) {
        let place = filled(path, if what == "job" { &owner.job } else { &owner.documents[0] });
        let mut request = owner.client.request(Method::from_bytes(method.as_bytes()).unwrap(), &place);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = owner.client.send(if method == "POST" { request.json(&json!({})) } else { request }).await;
        match asker {
            "nobody" | "an unknown key" | "a revoked key" | "an expired key" => drop(answer.failed(401, "unauthorized")),
            "a key of another scope" if path == "/v1/usage" => drop(answer.ok()),
            "a key of another network" | "a key of another scope" => drop(answer.failed(403, "forbidden")),
            "another organisation" if !what.is_empty() => drop(answer.failed(404, "not_found")),
            _ if method == "POST" => drop(answer.failed(400, "invalid_request")),
            _ => drop(answer.ok()),
        }
    }

    async fn check_link((method, path): (&str, &str), owner: &Owner, other: &Owner, key: Option<&str>) {
        let (own, others) = (owner.link(path), other.link(path));
        let at = |name: &str, query: &str| format!("{}?{query}", filled(path, name));
        let opened = owner.ask(method, &at(own.0, own.1), None, key, Via::Header).await;
        assert_eq!(opened.status, 200, "{}", opened.text());
        for (name, query) in [(others.0, own.1), (own.0, others.1), (own.0, "")] {
            let answer = owner.ask(method, &at(name, query), None, key, Via::Header).await;
            assert!(matches!(answer.status, 400 | 403), "{} {}", answer.status, answer.text());
        }
    }
}

// T3, T5, T10, T16
#[tokio::test]
async fn nobody_reaches_what_is_anothers() {
    // All of it comes from one address.
    let app = TestApp::with(|config| (config.http.try_it_per_minute, config.http.try_it_per_day) = (0, 0));
    let other = Owner::make(&app, false, false, 50).await;
    for (number, (private, secure)) in [(false, false), (false, true), (true, false), (true, true)].into_iter().enumerate() {
        let owner = Owner::make(&app, private, secure, 60 + i64::try_from(number).unwrap()).await;
        for (method, path, names) in MATRIX {
            for asker in ASKERS {
                for via in [Via::Body, Via::Header] {
                    println!("{method} {path} by {asker} via {via:?}, private {private}, secure {secure}");
                    names.check((method, path), &owner, &other, asker, via).await;
                }
            }
        }
    }
    app.idle().await;
}

/// What the route table says: each path with each of its methods, HEAD aside, which is GET.
fn routes() -> BTreeSet<(String, String)> {
    let table = std::fs::read_to_string(root().join("src/web/routes.rs")).unwrap();
    let quoted = table.split("at(\"").skip(1).map(|call| call.split('"').step_by(2).take(2).collect::<Vec<_>>());
    let pairs = quoted.flat_map(|pair| {
        let (path, methods) = (pair[0].to_owned(), pair[1].split(", ").map(str::to_owned).collect::<Vec<_>>());
        methods.into_iter().filter(|method| method != "HEAD").map(move |method| (method, path.clone()))
    });
    pairs.collect()
}

// T14
#[tokio::test]
async fn every_route_stands_in_the_matrix_and_the_help_tells_of_every_documented_one() {
    let matrix: BTreeSet<(String, String)> = MATRIX.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(matrix.len(), MATRIX.len(), "each once");
    assert_eq!(matrix, routes(), "the matrix on the left, src/web/routes.rs on the right");
    let app = TestApp::spawn();
    let document = app.demo().get("/openapi.json").await.ok();
    let operations = document["paths"].as_object().unwrap().iter();
    let operations: BTreeSet<(String, String)> = operations
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone())))
        .collect();
    assert!(operations.is_subset(&matrix), "{:?}", operations.difference(&matrix));
    let help = app.demo().get("/help?format=json").await.ok();
    let told = help["endpoints"].as_array().unwrap().iter();
    let told: BTreeSet<(String, String)> =
        told.map(|endpoint| (endpoint["method"].as_str().unwrap().to_owned(), endpoint["path"].as_str().unwrap().to_owned())).collect();
    assert_eq!(told, operations);
    // Pages, and other spellings of one operation, are not documented; everything else is.
    let pages =
        ["/", "/try", "/model", "/uploads/{name}", "/blobs/{path:.*}", "/uploads/{path:.*}", "/openapi.json", "/docs", "/docs/{file:.*}"];
    let undocumented: Vec<&str> = matrix.difference(&operations).map(|(_, path)| path.as_str()).collect();
    assert!(undocumented.iter().all(|path| pages.contains(path)), "{undocumented:?}");
}
