//! Nothing inside is reached: not by its address in any spelling, not by a name, not by a name that changes its answer, not through
//! a redirect, not through a proxy that the environment names. And nobody learns from the answer what there was.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};

use super::REFUSED;
use crate::support::{Client, Outside, Process, TestApp, eventually, outside::INSIDE};

/// Submits a URL that must be refused, and answers the body.
async fn refused(client: &Client, url: &str) -> String {
    let answer = client.detect(json!({ "url": url })).await;
    assert_eq!(answer.status, 400, "{url}: {}", answer.text());
    answer.refused(400, REFUSED);
    answer.text()
}

// X9
#[tokio::test]
async fn no_spelling_of_an_address_and_no_name_leads_inside_and_all_are_told_the_same() {
    let (outside, app) = Outside::with_app(|config| config.http.public_url = "http://touchstone.test".into()).await;
    let client = app.client().await;
    let (port, public) = (outside.port, Ipv4Addr::new(127, 0, 0, 2));
    outside.name("inside.test", vec![vec![INSIDE[1]]]);
    outside.name("mixed.test", vec![vec![public, INSIDE[0]]]);
    outside.name("metadata.test", vec![vec![Ipv4Addr::new(169, 254, 169, 254)]]);
    let hosts = [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "127.0.0.3",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "localhost",
        "inside.test",
        "mixed.test",
        "metadata.test",
        "nowhere.test",
        "INSIDE.test.",
    ];
    let mut urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/photo/1")).collect();
    urls.extend([
        format!("http://user:secret@pictures.test:{port}/photo/1"),
        "http://pictures.test:22/photo/1".into(),
        format!("ftp://pictures.test:{port}/photo/1"),
        "file:///etc/passwd".into(),
        "data:image/png;base64,iVBORw0KGgo=".into(),
        outside.url("status/404"),
        outside.url("status/500"),
        outside.url("page"),
    ]);
    let mut told = Vec::new();
    for url in &urls {
        told.push(refused(&client, url).await);
    }
    assert!(told.iter().all(|body| *body == told[0]), "nothing tells them apart: {told:?}");
    assert_eq!((outside.trapped(), outside.seen().len()), (0, 3), "only the last three were asked for");
    assert_eq!(client.credits().await, 100);
}

// X9: rebinding
#[tokio::test]
async fn a_name_that_changes_its_answer_is_held_to_the_one_that_was_checked() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let public = Ipv4Addr::new(127, 0, 0, 2);
    let changing = |name: &str| {
        outside.name(name, vec![vec![public], vec![INSIDE[1]]]);
        format!("http://{name}:{}", outside.port)
    };
    // First outside, inside from then on: the connection goes where the check looked.
    let url = format!("{}/photo/1", changing("rebind.test"));
    let id = client.detect(json!({ "url": url })).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    refused(&client, &url).await;
    // The same name in a redirect is looked up and checked again.
    let url = changing("again.test");
    refused(&client, &format!("{url}/to?{url}/photo/1")).await;
    assert_eq!((outside.trapped(), outside.seen().len()), (0, 2));
}

// X9: every redirect
#[tokio::test]
async fn no_redirect_leads_inside_or_in_circles() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    outside.name("inside.test", vec![vec![INSIDE[1]]]);
    let port = outside.port;
    let last_hops = [
        format!("http://127.0.0.1:{port}/photo/1"),
        format!("http://127.0.0.3:{port}/photo/1"),
        format!("//127.0.0.3:{port}/photo/1"),
        format!("http://localhost:{port}/"),
        format!("http://inside.test:{port}/photo/1"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://169.254.169.254:{port}/latest/meta-data/"),
        "http://[fd00:ec2::254]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("http://user:secret@pictures.test:{port}/photo/1"),
        "http://pictures.test:22/".to_owned(),
        "https://nyc3.digitaloceanspaces.com/any.jpg".to_owned(),
        "http://:0/".to_owned(),
    ];
    for last in &last_hops {
        refused(&client, &outside.leading_to(last)).await;
        refused(&client, &outside.leading_to(&outside.leading_to(last))).await;
    }
    assert_eq!((outside.trapped(), outside.seen().len()), (0, 3 * last_hops.len()));
    for path in ["circle", "hops/6", "lost"] {
        refused(&client, &outside.url(path)).await;
    }
    assert_eq!(outside.seen().len(), 3 * last_hops.len() + 6 + 6 + 1, "a request and five redirects, no more");
    let id = client.detect(json!({ "url": outside.url("hops/5") })).await.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.settle(&id).await["status"], "done");
}

// X9
#[tokio::test]
async fn https_needs_a_certificate_that_is_trusted_and_never_falls_back() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    outside.name("other.test", vec![vec![Ipv4Addr::new(127, 0, 0, 2)]]);
    let id = client.detect(json!({ "url": outside.secure_url("photo/1") })).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    let id =
        client.detect(json!({ "url": outside.leading_to(&outside.secure_url("photo/2")) })).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    refused(&client, &outside.secure_url(&format!("to?{}", outside.url("photo/3")))).await;
    refused(&client, &outside.secure_url("photo/4").replace("pictures.test", "other.test")).await;
    let seen = outside.seen();
    assert!(seen.len() == 4 && !seen.iter().any(|head| head.starts_with("GET /photo/3") || head.starts_with("GET /photo/4")), "{seen:?}");

    let open = outside.opened();
    let strict = TestApp::with(|config| {
        open(config);
        config.fetch.ca_file.clear();
    });
    refused(&strict.client().await, &outside.secure_url("photo/5")).await;
    assert_eq!(outside.seen().len(), 4, "nobody else trusts our root");
}

/// Everything that an entry of the log says.
fn reasons(process: &Process) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = process.log_entries();
    let ours = entries.iter().filter(|entry| entry["message"] == "a foreign URL was not fetched");
    ours.map(|entry| (text(&entry["host"]), text(&entry["reason"]))).collect()
}

// X9, O4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_the_environment_are_ignored_and_the_log_tells_reasons_without_secrets() {
    let outside = Outside::start().await;
    let trap = format!("http://127.0.0.3:{}", outside.port);
    let mut settings = outside.settings();
    let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    settings.extend(variables.map(|name| (name, trap.clone())));
    let data = tempfile::tempdir().unwrap();
    let borrowed: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let process = Process::serve(data.path(), &borrowed);
    let client = process.demo();
    let id = client.detect(json!({ "url": outside.url("photo/1") })).await.ok()["id"].as_str().unwrap().to_owned();
    client.settle(&id).await;
    refused(&client, &format!("http://anna:hunter2@pictures.test:{}/photo/1?token=hunter3", outside.port)).await;
    refused(&client, &outside.url("status/403?token=hunter3")).await;
    refused(&client, &outside.leading_to(&format!("http://127.0.0.3:{}/?token=hunter3", outside.port))).await;
    outside.name("inside.test", vec![vec![INSIDE[1]]]);
    refused(&client, &format!("http://inside.test:{}/?token=hunter3", outside.port)).await;
    assert_eq!((outside.trapped(), outside.seen().len()), (0, 3));
    let reasons =
        eventually("the log to be read", Duration::from_secs(30), || async { Some(reasons(&process)).filter(|all| all.len() == 4) }).await;
    let expected = ["there are credentials in the URL", "the server answered 403", "127.0.0.3 is not public"];
    for (seen, expected) in reasons.iter().zip(expected) {
        assert_eq!(*seen, ("pictures.test".to_owned(), expected.to_owned()));
    }
    assert!(reasons[3].0 == "inside.test" && reasons[3].1.contains("127.0.0.3 is not public"), "{reasons:?}");
    let (status, log) = process.stop();
    assert!(status.success() && !log.contains("hunter"), "a secret is in the log: {log}");
}

// X9: fetch.proxy
#[tokio::test]
async fn a_proxy_that_is_configured_gets_the_names_and_never_an_inner_address() {
    let outside = Outside::start().await;
    let (open, proxy) = (outside.opened(), format!("http://127.0.0.2:{}", outside.port));
    let app = TestApp::with(move |config| {
        open(config);
        config.fetch.proxy = proxy.into();
        config.fetch.ports = vec![80];
    });
    let client = app.client().await;
    // The outside plays the proxy: it is asked for whole URLs, and has no such path.
    refused(&client, "http://somewhere.example/cat.jpg").await;
    let seen = outside.seen();
    assert!(seen.len() == 1 && seen[0].starts_with("GET http://somewhere.example/cat.jpg HTTP/1.1"), "{seen:?}");
    for url in ["http://127.0.0.3/", "http://localhost/", "http://0x7f.3/", "http://169.254.169.254/latest/meta-data"] {
        refused(&client, url).await;
    }
    assert_eq!(outside.seen().len(), 1);
}
