//! No secret is ever logged: every kind of it is planted, in every place where one can be sent or set, and looked for in what the real
//! binary writes at the level that tells most. What the rest of the suite logs, `support/eavesdrop.rs` listens to.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use touchstone::config::{Config, DEFAULTS};

use crate::support::{
    Client, Finish, Process, eventually, pictures,
    process::{run_json, touchstone},
    vision::{Says, VisionModel},
};

/// Whatever is planted begins with this, so that one look finds it, whole or cut.
const PLANTED: &str = "pl4nted";

const TRACE: (&str, &str) = ("TOUCHSTONE__LOG__FILTER", "trace");

/// A secret like no other.
fn planted() -> String {
    format!("{PLANTED}{}", uuid::Uuid::new_v4().simple())
}

/// The path of every setting whose name says that it is a secret, such as `blobs.s3.secret_access_key`.
fn secret_settings() -> Vec<String> {
    fn walk(table: &toml::Table, before: &str, found: &mut Vec<String>) {
        for (name, value) in table {
            let path = format!("{before}{name}");
            match value {
                toml::Value::Table(inner) => walk(inner, &format!("{path}."), found),
                _ if ["secret", "_key", "token", "password", "key_id"].iter().any(|end| name.ends_with(end)) => found.push(path),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(&DEFAULTS.parse().unwrap(), "", &mut found);
    assert!(found.iter().any(|path| path == "security.job_secret") && found.len() >= 5, "{found:?}");
    found
}

/// The environment that plants every secret that can be set.
fn every_setting() -> Vec<(String, String)> {
    let variable = |path: &String| format!("TOUCHSTONE__{}", path.to_uppercase().replace('.', "__"));
    let proxy = ("TOUCHSTONE__FETCH__PROXY".to_owned(), format!("http://user:{}@127.0.0.1:9", planted()));
    secret_settings().iter().map(|path| (variable(path), planted())).chain([proxy]).collect()
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[track_caller]
fn tells_nothing(text: &str, secrets: &[&str]) {
    for secret in secrets.iter().chain([&PLANTED]) {
        assert!(secret.len() >= PLANTED.len());
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "a secret is told: {}", line.unwrap_or_default());
    }
}

/// Runs `touchstone` to its end and gives it something to read.
fn told(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.finish()
}

/// A key of another system, imported into the database of this folder.
fn imported(data: &Path) -> String {
    let (org, secret) = (run_json(data, &[], &["admin", "org", "create", "--name", "Club", "--credits", "50"]), planted());
    let mut command = touchstone(data);
    command.args(["admin", "key", "import", "--test", "--org", org["organization_id"].as_str().unwrap()]);
    let output = told(command, &secret);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    tells_nothing(&String::from_utf8_lossy(&output.stdout), &[]);
    secret
}

/// Sends a secret wherever a client could put one.
async fn send_everywhere(client: &Client, secret: &str) {
    let send = |request: reqwest::RequestBuilder| async { client.http.execute(request.build().unwrap()).await.unwrap().status() };
    // x-request-id alone is sent in order to be logged.
    for name in ["apikey", "authorization", "x-job-secret", "stripe-signature", "cookie", "user-agent", "referer"] {
        send(client.request(Method::GET, "/check-user-credits").header(name, secret)).await;
        send(client.request(Method::POST, &format!("/organizations/{}/usage/sync-to-stripe", uuid::Uuid::new_v4())).header(name, secret))
            .await;
        send(client.request(Method::POST, "/billing/stripe/events").header(name, format!("t=1,v1={secret}")).body("{}")).await;
    }
    for path in [format!("/check-user-credits?apikey={secret}"), format!("/{secret}"), format!("/heatmap/{secret}?signature={secret}")] {
        send(client.request(Method::GET, &path)).await;
        send(client.request(Method::PUT, &path).body(secret.to_owned())).await;
    }
    for url in [
        format!("https://user:{secret}@127.0.0.1/cat.jpg?token={secret}"),
        format!("{}/blobs/uploads/a.jpg?expires=1&signature={secret}", client.url),
        format!("uploads/{secret}.jpg"),
    ] {
        for path in ["/detect", "/detect-url", "/bulk-upload"] {
            send(client.request(Method::POST, path).header("apikey", &client.key).json(&json!({ "url": url, "max_wait_seconds": 0 })))
                .await;
        }
    }
    let id = uuid::Uuid::new_v4();
    for body in
        [json!({ "key": secret }), json!({ "key": secret, "id": id }), json!({ "key": [secret], "url": { "a": secret }, "id": secret })]
    {
        for path in ["/detect", "/query", "/bulk-upload/query", &format!("/preview/{id}")] {
            send(client.request(Method::POST, path).json(&body)).await;
            send(client.request(Method::POST, path).body(body.to_string().replace('}', ""))).await;
        }
    }
}

/// The secrets of a webhook that was made, rotated and tried, less what all of them begin with.
async fn webhook_secrets(client: &Client) -> Vec<String> {
    let ask = |path: String| client.request(Method::POST, &path).bearer_auth(&client.key);
    let told = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().json::<serde_json::Value>().await.unwrap() };
    let url = "https://club.invalid/hook";
    let made = told(ask("/v1/webhooks".into()).json(&json!({ "url": url, "events": ["detection.completed"] }))).await;
    let one = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let rotated = told(ask(format!("{one}/rotate-secret"))).await;
    told(ask(format!("{one}/test"))).await;
    eventually("a try", Duration::from_secs(60), || async {
        let log = client.request(Method::GET, &format!("{one}/deliveries")).bearer_auth(&client.key);
        told(log).await["deliveries"][0]["attempts"].get(0).map(|_| ())
    })
    .await;
    [made, rotated].map(|told| told["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap().to_owned()).to_vec()
}

// B1, X10: keys of every kind, secrets of settings, signatures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_holds_a_secret_that_was_sent_or_set() {
    let data = tempfile::tempdir().unwrap();
    let theirs = imported(data.path());
    let key = planted();
    // The model's server tells the key that it does not like, as some do.
    let model = VisionModel::saying(Says::Raw(401, json!({ "error": { "message": format!("Incorrect API key: {key}") } }).to_string()));
    let mut settings = every_setting();
    settings.retain(|(name, _)| !name.contains("__ANALYSIS__") && !name.contains("__PROXY"));
    let analysis = [("BASE_URL", model.url.as_str()), ("MODEL", "sees"), ("API_KEY", &key)];
    settings.extend(analysis.map(|(name, value)| (format!("TOUCHSTONE__ANALYSIS__{name}"), value.to_owned())));
    settings.push((TRACE.0.into(), TRACE.1.into()));
    let server = Process::serve(data.path(), &borrowed(&settings));
    let client = server.client(&theirs);

    let job_secret = settings.iter().find(|(name, _)| name.ends_with("JOB_SECRET")).unwrap().1.clone();
    for secret in [&theirs, &planted(), &job_secret] {
        send_everywhere(&client, secret).await;
    }
    let seen = client.judge("castle.jpg", pictures::jpeg(1)).await;
    assert_eq!(seen["status"], "done");
    eventually("the vision model to be asked", Duration::from_secs(20), || async { (!model.heard().is_empty()).then_some(()) }).await;
    let upload = client.presign("photo.jpg").await;
    let links = [&upload.url, seen["preview_url"].as_str().unwrap()].map(ToOwned::to_owned);
    let signatures: Vec<String> = links.iter().map(|url| url.rsplit("signature=").next().unwrap().to_owned()).collect();
    client.http.get(&links[1]).send().await.unwrap();
    for tampered in
        [links[0].replace("signature=", "signature=0"), links[0].replace("photo", "other"), links[1].replace("expires=", "expires=1")]
    {
        client.http.put(&tampered).header("content-type", "image/jpeg").body("x").send().await.unwrap();
        client.http.get(&tampered).send().await.unwrap();
    }
    client.detect(json!({ "url": links[0] })).await;

    // A test key's requests are marked, and keys are named by their id.
    let id = run_json(data.path(), &[], &["admin", "key", "list"])["keys"][0]["key_id"].clone();
    eventually("the log to name the key", Duration::from_secs(10), || async {
        let entries = server.log_entries();
        entries.iter().any(|entry| entry["span"]["key"] == id && entry["span"]["test"] == true).then_some(())
    })
    .await;
    let hooks = webhook_secrets(&client).await;
    let shown = server.stdout();
    let (status, log) = server.stop();
    assert!(status.success() && log.lines().count() > 500, "at the level that tells most");
    tells_nothing(&log, &hooks.iter().map(String::as_str).collect::<Vec<_>>());
    tells_nothing(&log, &signatures.iter().map(String::as_str).collect::<Vec<_>>());
    tells_nothing(&shown, &[]);
}

// X10: an object store that is not there: its client fails, again and again, and says with what.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_error_of_the_object_store_holds_its_keys_or_signatures() {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut settings = every_setting();
    settings.extend([
        ("TOUCHSTONE__BLOBS__URL".into(), "s3://bucket".into()),
        ("TOUCHSTONE__BLOBS__S3__ENDPOINT".into(), format!("http://127.0.0.1:{port}")),
        (TRACE.0.into(), TRACE.1.into()),
    ]);
    let server = Process::serve(data.path(), &borrowed(&settings));
    let client = server.demo();
    let upload = client.presign("photo.jpg").await;
    assert!(upload.url.contains(PLANTED), "the access key's id is part of the URL: {}", upload.url);
    let signature = upload.url.split('&').find_map(|part| part.strip_prefix("X-Amz-Signature=")).unwrap();
    client.detect(json!({ "url": upload.url })).await.refused(500, "Internal server error");
    client.detect(json!({ "url": upload.path })).await.refused(500, "Internal server error");
    assert_eq!(client.get("/health").await.status, 503);
    let shown = server.stdout();
    let (_, log) = server.stop();
    assert!(log.contains("an internal error was answered by its reference"), "{log}");
    tells_nothing(&log, &[signature]);
    tells_nothing(&shown, &[signature]);
}

// X10: a database that is not there, or whose URL is none.
#[test]
fn no_error_of_the_database_holds_its_password() {
    let data = tempfile::tempdir().unwrap();
    for place in ["127.0.0.1:1/touchstone", "no-such-host.invalid/touchstone", "127.0.0.1:port/touchstone", "[::1/touchstone"] {
        let url = format!("postgres://touchstone:{}@{place}", planted());
        for command in [&["migrate"][..], &["serve"], &["admin", "org", "list"]] {
            let output = touchstone(data.path()).envs([TRACE, ("TOUCHSTONE__DATABASE__URL", &url)]).args(command).finish();
            assert_eq!(output.status.code(), Some(1), "{place}");
            let written = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert!(!written[1].is_empty(), "it says why");
            tells_nothing(&written.concat(), &[]);
        }
    }
}

// X10: what a panic or a careless error would print of the settings.
#[test]
fn the_settings_do_not_show_their_secrets() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let mut root: toml::Table = "[database]\nurl = \"\"\n[fetch]\nproxy = \"\"".parse().unwrap();
    root["database"]["url"] = format!("postgres://touchstone:{}@127.0.0.1/touchstone", planted()).into();
    root["fetch"]["proxy"] = format!("http://user:{}@127.0.0.1:9", planted()).into();
    for path in secret_settings() {
        let (sections, name) = path.rsplit_once('.').unwrap();
        let mut table = &mut root;
        for section in sections.split('.') {
            table = table.entry(section).or_insert(toml::Table::new().into()).as_table_mut().unwrap();
        }
        // A key's public half is no secret where an operator looks at settings.
        if !name.ends_with("key_id") {
            table.insert(name.to_owned(), planted().into());
        }
    }
    std::fs::write(file.path(), root.to_string()).unwrap();
    let config = Config::load(Some(file.path())).unwrap();
    tells_nothing(&format!("{config:?}{config:#?}"), &[]);
    assert!(format!("{config:?}").contains("trusted_proxies"), "it shows all the rest");
}

// X10: what an operator is told of a file that does not read.
#[test]
fn no_error_of_the_configuration_holds_a_secret() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("my.toml");
    for text in [
        "[security]\njob_secret = [\"PLANTED\"]\n",
        "[security]\njob_secret = { a = \"PLANTED\" }\n",
        "[security]\njob_secrt = \"PLANTED\"\n",
    ] {
        std::fs::write(&file, text.replace("PLANTED", &planted())).unwrap();
        let output = touchstone(data.path()).args(["check-config", "--config", file.to_str().unwrap()]).finish();
        assert_eq!(output.status.code(), Some(1), "{text}");
        tells_nothing(&String::from_utf8_lossy(&output.stderr), &[]);
    }
    let settings = [("TOUCHSTONE__SECURITY__LINK_SECONDS", "ten"), ("JOB_SECRET", &planted())];
    let output = touchstone(data.path()).envs(settings).arg("check-config").finish();
    assert_eq!(output.status.code(), Some(1));
    tells_nothing(&String::from_utf8_lossy(&output.stderr), &[]);
}
