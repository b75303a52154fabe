//! X3: a receipt of a verdict, signed by the server, and checked without it: by this program, and by a library that knows nothing of it.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::lab::ask;
use crate::support::{
    Client, Finish, TestApp, pictures,
    process::touchstone,
    python::{client, program},
};

async fn receipt(ann: &Client, id: &str) -> (u16, Value) {
    ask(ann, Method::GET, &format!("/v1/detections/{id}/receipt"), None).await
}

async fn keys(ann: &Client) -> Value {
    let answer = ann.request(Method::GET, "/v1/receipts/keys").send().await.unwrap();
    assert_eq!(answer.status(), 200, "no key is needed");
    answer.json().await.unwrap()
}

fn written(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// `verify-receipt` with these arguments: exit code and what it says.
fn verify(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = touchstone(folder).arg("verify-receipt").args(arguments).finish();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

// X3
#[tokio::test]
async fn a_receipt_is_verified_without_the_server_and_by_another_library() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let picture = pictures::generated_png(5);
    let id = ann.submit("made.png", picture.clone()).await;
    let seen = ann.settle(&id).await;
    let (status, signed) = receipt(&ann, &id).await;
    assert_eq!(status, 200, "{signed}");

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (file, known) = (written(folder, "receipt.json", &signed), written(folder, "keys.json", &keys(&ann).await));
    let (code, told) = verify(folder, &[&file]);
    assert_eq!((code, &told["valid"], &told["image"]), (0, &json!(true), &json!("not compared")));
    assert!(told["key"].as_str().unwrap().contains("not compared"), "{told}");
    let image = folder.join("made.png");
    std::fs::write(&image, &picture).unwrap();
    let (code, told) = verify(folder, &[&file, "--keys", &known, "--image", image.to_str().unwrap()]);
    assert_eq!((code, &told["key"], &told["image"]), (0, &json!("one of the given keys"), &json!("the same")));

    let said = &told["receipt"];
    assert_eq!((&said["document"], &said["organization"]), (&json!(id), &json!(ann.organization)));
    assert_eq!((&said["ai_likelihood"], &said["label"]), (&seen["result"], &seen["result_details"]["final_result"]));
    let rules = &said["rules"];
    assert!(rules["weights"].as_str().is_some_and(|sum| sum.len() == 64) && rules["ai"].is_number() && rules["pipeline"].is_string());
    assert!(
        said["signals"].as_array().is_some_and(|signals| !signals.is_empty()) && said["decided_by"].is_string() && said["test"] == false
    );

    std::fs::write(&image, pictures::png(6)).unwrap();
    let (code, told) = verify(folder, &[&file, "--image", image.to_str().unwrap()]);
    assert_eq!((code, &told["image"]), (1, &json!("another")));
    let mut changed = signed.clone();
    changed["payload"] = json!(signed["payload"].as_str().unwrap().replacen('a', "b", 1));
    let (code, told) = verify(folder, &[&written(folder, "changed.json", &changed)]);
    assert_eq!((code, &told["valid"]), (1, &json!(false)));
    assert_eq!(verify(folder, &[&known]).0, 1, "a set of keys is no receipt");

    elsewhere(folder, &file, &known, said);
}

/// The same by jwcrypto, where it is installed.
fn elsewhere(folder: &Path, receipt: &str, keys: &str, said: &Value) {
    let Some(mut python) = program("python", folder) else {
        println!("skipped: receipts in another library (no TOUCHSTONE_TEST_VENV)");
        return;
    };
    let output = python.arg(client("receipt.py")).args([receipt, keys]).finish();
    if output.status.code() == Some(77) {
        println!("skipped: receipts in another library (no jwcrypto there; `make test` installs it)");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(&serde_json::from_slice::<Value>(&output.stdout).unwrap(), said);
}

// X3
#[tokio::test]
async fn a_rotated_key_signs_what_comes_and_vouches_for_what_was() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let id = ann.submit("a.jpg", pictures::jpeg(1)).await;
    ann.settle(&id).await;
    let folder = tempfile::tempdir().unwrap();
    let old = written(folder.path(), "old.json", &receipt(&ann, &id).await.1);
    let before = keys(&ann).await;
    app.store().await.rotate_secret(touchstone_store::RECEIPT_KEYS, None).await.unwrap();
    let after = keys(&ann).await;
    assert_eq!((after["keys"].as_array().unwrap().len(), &after["keys"][1]), (2, &before["keys"][0]));
    let new = written(folder.path(), "new.json", &receipt(&ann, &id).await.1);
    let (first, both) = (written(folder.path(), "first", &before), written(folder.path(), "both", &after));
    for (receipt, keys, code) in [(&old, &first, 0), (&old, &both, 0), (&new, &both, 0), (&new, &first, 1)] {
        assert_eq!(verify(folder.path(), &[receipt, "--keys", keys]).0, code, "{receipt} {keys}");
    }
}

// X3, V1
#[tokio::test]
async fn a_receipt_holds_the_answer_that_was_told_and_the_threshold_that_made_it() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let body = super::with_image(&pictures::jpeg(3), json!({ "model_threshold": 1 }));
    let answer = ann.v1_post("/v1/detect", &body).await.ok();
    let (_, signed) = receipt(&ann, answer["id"].as_str().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let (_, told) = verify(folder.path(), &[&written(folder.path(), "receipt.json", &signed)]);
    let said = &told["receipt"];
    assert_eq!(said["asked"], json!({ "model_threshold": 1.0, "verdict": answer["verdict"] }));
    assert!(said["project"].is_string(), "{said}");
    let id = ann.submit("a.jpg", pictures::jpeg(3)).await;
    ann.settle(&id).await;
    let (_, signed) = receipt(&ann, &id).await;
    let (_, told) = verify(folder.path(), &[&written(folder.path(), "other.json", &signed)]);
    assert_eq!(told["receipt"]["asked"], Value::Null, "another dialect tells the label itself");
}

// X3, V9
#[tokio::test]
async fn a_receipt_is_its_owners_and_of_a_verdict_that_is_there() {
    let app = TestApp::spawn();
    let (ann, bob) = (app.client().await, app.client().await);
    let id = ann.submit("a.jpg", pictures::jpeg(1)).await;
    ann.settle(&id).await;
    let unknown = uuid::Uuid::from_u128(7).to_string();
    let cut = ann.submit("cut.jpg", pictures::jpeg(2)[..4000].to_vec()).await;
    ann.settle(&cut).await;
    for (client, id) in [(&bob, id.as_str()), (&ann, &unknown), (&ann, "no-id"), (&ann, &cut)] {
        let (status, answer) = receipt(client, id).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("not_found")), "{id}: {answer}");
    }
}
