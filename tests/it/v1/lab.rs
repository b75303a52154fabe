//! V4, V5, X1: what is told of a picture without judging it, and of the model that judges. Nothing of it is stored or charged.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Client, Finish, TestApp,
    app::Plan,
    authority::{Authority, GENERATED},
    pictures,
    process::{run, run_json, touchstone},
};

/// A request with the client's Bearer key: status and body.
pub(crate) async fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let request = client.request(method, path).bearer_auth(&client.key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    let response = request.send().await.unwrap();
    let (status, id) = (response.status().as_u16(), response.headers()["x-request-id"].to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap();
    let told = if status == 200 { &body["request_id"] } else { &body["error"]["request_id"] };
    assert_eq!(told, &json!(id), "{body}");
    (status, body)
}

fn told(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sent(picture: &[u8]) -> Value {
    json!({ "image_base64": BASE64_STANDARD.encode(picture) })
}

async fn look(client: &Client, path: &str, picture: &[u8]) -> Value {
    let (status, body) = ask(client, Method::POST, path, Some(&sent(picture))).await;
    assert_eq!(status, 200, "{body}");
    body
}

// V4
#[tokio::test]
async fn forensics_are_figures_with_their_meaning_and_maps_to_look_at() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let before = ann.credits().await;
    let told = look(&ann, "/v1/forensics", &pictures::jpeg_of(&pictures::scene(600, 400, 3), 80)).await;
    assert_eq!(told["examined"], json!({ "x": 0, "y": 0, "width": 600, "height": 400 }));
    for section in ["error_level", "frequency", "noise", "jpeg"] {
        for sentence in ["meaning", "cannot_tell"] {
            assert!(told[section][sentence].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{section}: {told}");
        }
    }
    assert_eq!((&told["jpeg"]["quality"], &told["exif"]), (&json!(80), &Value::Null));
    let maps = &told["maps"];
    assert_eq!(maps["error_level"].as_array().unwrap().len(), 3);
    for map in maps["error_level"].as_array().unwrap().iter().chain([&maps["spectrum"], &maps["noise"]]) {
        let png = map["png"].as_str().and_then(|url| url.strip_prefix("data:image/png;base64,")).expect("a data URL");
        let drawn = image::load_from_memory(&BASE64_STANDARD.decode(png).unwrap()).unwrap();
        assert!(drawn.width().max(drawn.height()) <= 512);
    }
    assert_eq!(ann.credits().await, before, "it costs nothing");
    assert_eq!(std::fs::read_dir(app.data.path().join("blobs")).map_or(0, Iterator::count), 0, "nothing is stored");
}

// V1, V4
#[tokio::test]
async fn a_verdict_tells_the_same_figures_when_they_are_asked_for() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let picture = pictures::jpeg(7);
    let mut body = sent(&picture);
    body["include_forensics"] = json!(true);
    let (status, verdict) = ask(&ann, Method::POST, "/v1/detect", Some(&body)).await;
    let told = look(&ann, "/v1/forensics", &picture).await;
    assert_eq!((status, &verdict["forensics"]["noise"], &verdict["forensics"]["jpeg"]), (200, &told["noise"], &told["jpeg"]), "{verdict}");
    assert!(verdict["forensics"]["maps"].is_null(), "maps are for those who ask for nothing else");
}

// V4, V1: the same three ways as /v1/detect.
#[tokio::test]
async fn a_picture_to_look_at_may_come_in_a_form_and_what_is_none_is_refused() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    for path in ["/v1/forensics", "/v1/c2pa/verify"] {
        let form = [
            &b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"[..],
            &pictures::png(1),
            b"\r\n--b--\r\n",
        ];
        let request = ann.request(Method::POST, path).bearer_auth(&ann.key).header("content-type", "multipart/form-data; boundary=b");
        let answer = request.body(form.concat()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");

        for (body, status, code, param) in [
            (json!({}), 400, "invalid_request", json!("image_url")),
            (json!({ "image_base64": "?" }), 400, "invalid_request", json!("image_base64")),
            (sent(&[b'x'; 4000]), 400, "image_unsupported_format", json!("image_base64")),
            (sent(&pictures::jpeg(1)[..3000]), 400, "invalid_request", json!("image_base64")),
            (json!({ "image_url": "http://127.0.0.1/a.jpg" }), 422, "image_unfetchable", json!("image_url")),
        ] {
            let (got, answer) = ask(&ann, Method::POST, path, Some(&body)).await;
            assert_eq!((got, &answer["error"]["code"], &answer["error"]["param"]), (status, &json!(code), &param), "{path}: {answer}");
        }
        let (status, answer) = ask(&ann.with_key("nobody"), Method::POST, path, Some(&sent(&pictures::png(1)))).await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthorized")));
    }
}

// V5
#[tokio::test]
async fn credentials_tell_integrity_and_trust_apart() {
    let authority = Authority::new("Camera Maker");
    let signed = authority.signer("Holder").sign("image/jpeg", &pictures::jpeg(4));
    let app = TestApp::spawn();
    let ann = app.client().await;
    let told = look(&ann, "/v1/c2pa/verify", &signed).await;
    assert_eq!((&told["integrity"], &told["trust"], &told["trust_list"]), (&json!("valid"), &json!("no list installed"), &Value::Null));
    assert_eq!((&told["signer"]["common_name"], &told["digital_source_type"]), (&json!("Holder"), &json!(GENERATED)));
    assert_eq!(told["actions"][0]["action"], "c2pa.created");
    let none = look(&ann, "/v1/c2pa/verify", &pictures::jpeg(4)).await;
    assert_eq!((&none["manifest_present"], &none["integrity"], &none["signer"]), (&json!(false), &json!("none"), &Value::Null));

    let pem = authority.pem();
    let trusting = TestApp::start(Plan {
        change: Box::new(move |config| std::fs::write(&config.pipeline.provenance.trust_list, pem).unwrap()),
        ..Plan::default()
    });
    let bob = trusting.client().await;
    let told = look(&bob, "/v1/c2pa/verify", &signed).await;
    assert_eq!((&told["integrity"], &told["trust"], &told["trust_list"]["certificates"]), (&json!("valid"), &json!("trusted"), &json!(1)));
    assert_eq!(
        bob.request(Method::GET, "/v1/health").send().await.unwrap().json::<Value>().await.unwrap()["trust_list"],
        told["trust_list"]
    );
    let seen = bob.judge("signed.jpg", signed).await;
    assert_eq!(seen["result_details"]["final_result"], "AI Generated", "a trusted signer's word decides: {seen}");
}

// V5
#[test]
fn a_trust_list_is_checked_when_it_is_installed_and_when_a_server_starts() {
    let data = tempfile::tempdir().unwrap();
    let shown = || run_json(data.path(), &[], &["trust-list", "show"]);
    assert_eq!(shown()["installed"], false);
    let file = data.path().join("list.pem");
    let (first, second) = (Authority::new("First").pem(), Authority::new("Second").pem());
    std::fs::write(&file, format!("{first}{second}")).unwrap();
    let installed = run_json(data.path(), &[], &["trust-list", "install", file.to_str().unwrap()]);
    let list = std::fs::metadata(data.path().join("trust-list.pem")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&list) & 0o444, 0o444, "the service may be another user");
    assert_eq!((&installed, installed["certificates"].as_array().unwrap().len()), (&shown(), 2));
    assert!(installed["certificates"][1]["subject"].as_str().unwrap().contains("Second"), "{installed}");
    assert!(installed["date"].as_str().is_some_and(|date| date.ends_with('Z')) && installed["sha256"].as_str().unwrap().len() == 64);

    std::fs::write(&file, format!("{first}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).unwrap();
    let refused = run(data.path(), &["trust-list", "install", file.to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && told(&refused).contains("certificate 2"), "{}", told(&refused));
    assert_eq!(shown(), installed, "what was there stays");

    let set = ("TOUCHSTONE__PIPELINE__PROVENANCE__TRUST_LIST", file.to_str().unwrap());
    let refused = touchstone(data.path()).env(set.0, set.1).env("TOUCHSTONE__HTTP__LISTEN", "127.0.0.1:0").arg("serve").finish();
    let why = told(&refused);
    assert!(!refused.status.success() && why.contains("list.pem") && why.contains("certificate 2"), "{why}");
}

// X1
#[tokio::test]
async fn the_models_card_is_a_page_and_an_answer() {
    let app = TestApp::spawn();
    let ann = app.client().await;
    let page = ann.get("/model").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = page.text();
    assert!(html.contains("<h1>touchstone-2</h1>") && html.contains("<table>") && html.contains("data:image/png;base64,"));
    assert!(!html.contains("{{") && page.header("content-security-policy").contains("default-src 'none'"));
    let card = ann.request(Method::GET, "/v1/model").send().await.unwrap().json::<Value>().await.unwrap();
    assert!(card["measured"][0].is_object() && card["families"].as_array().is_some_and(|families| !families.is_empty()), "{card}");
    let health = ann.request(Method::GET, "/v1/health").send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&health["model"]["sha256"], &health["model_card"]), (&card["sha256"], &json!(format!("{}/model", app.url))));
}
