//! V10: what arrives is accepted by the official libraries of Standard Webhooks and by the sample of the text, and what was changed is not.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::Hooked;
use crate::support::{Finish, node, pictures, python, skip};

/// What a checker said of each case: `standard` and, where it knows it, `bare`.
async fn checked(program: std::process::Command, script: &str, cases: &Value, folder: &Path) -> Vec<Value> {
    let mut command = program;
    let file = folder.join("cases.json");
    std::fs::write(&file, cases.to_string()).unwrap();
    command.arg(python::client(script)).arg(&file);
    let output = tokio::task::spawn_blocking(move || command.finish()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_libraries_and_the_sample_of_the_text_accept_what_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(python), Some(node)) = (python::program("python", folder.path()), node::program(folder.path())) else {
        return skip("webhooks::libraries", "TOUCHSTONE_TEST_VENV or TOUCHSTONE_TEST_NODE is not set");
    };
    let h = Hooked::new().await;
    let made = h.hook("ok").await;
    h.client.judge("photo.jpg", pictures::jpeg(1)).await;
    let before = h.arrived("ok", 1).await.remove(0);
    let (_, rotated) = h.call(Method::POST, &format!("/v1/webhooks/{}/rotate-secret", made.id), Value::Null).await;
    let new = rotated["secret"].as_str().unwrap();
    assert!(rotated["old_secret_until"].is_string() && new != made.secret, "{rotated}");
    h.test(&made).await;
    let during = h.arrived("ok", 2).await.remove(1);
    let case = |secret: &str, one: &super::Received, body: &[u8]| json!({ "secret": secret, "headers": one.headers, "body": String::from_utf8_lossy(body) });
    let mut changed = before.body.clone();
    let last = changed.len() - 2;
    changed[last] = b' ';
    let cases = [
        (case(&made.secret, &before, &before.body), true, true),
        (case(new, &before, &before.body), false, false),
        (case(&made.secret, &before, &changed), false, false),
        (case(&made.secret, &during, &during.body), true, true),
        // Until the overlap ends the bare signature is the old secret's.
        (case(new, &during, &during.body), true, false),
    ];
    let all = Value::Array(cases.iter().map(|(case, ..)| case.clone()).collect());
    let expected = |bare: bool| -> Vec<Value> {
        let said = |(_, standard, sample): &(Value, bool, bool)| {
            if bare { json!({ "standard": standard, "bare": sample }) } else { json!({ "standard": standard }) }
        };
        cases.iter().map(said).collect()
    };
    assert_eq!(checked(python, "webhooks.py", &all, folder.path()).await, expected(false), "Python");
    assert_eq!(checked(node, "webhooks.js", &all, folder.path()).await, expected(true), "Node");
}
