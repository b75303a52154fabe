//! T14, T16: health, documentation, and what every answer has in common.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, pictures};

// T14
#[tokio::test]
async fn a_server_that_works_says_so() {
    let app = TestApp::spawn();
    let answer = app.demo().get("/health").await;
    assert_eq!(answer.ok(), json!({ "status": "healthy" }));
}

// T14
#[tokio::test]
async fn a_server_without_its_storage_is_not_healthy() {
    let app = TestApp::spawn();
    let client = app.demo();
    let blobs = app.data.path().join("blobs");
    std::fs::remove_dir_all(&blobs).unwrap();
    // A file in the folder's place: it cannot quietly be made anew.
    std::fs::write(&blobs, "gone").unwrap();
    let answer = client.get("/health").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    std::fs::remove_file(&blobs).unwrap();
    std::fs::create_dir(&blobs).unwrap();
    assert_eq!(client.get("/health").await.status, 200, "and it recovers by itself");
}

// T14
#[tokio::test]
async fn the_documentation_is_served_for_people_and_machines() {
    let app = TestApp::spawn();
    let client = app.demo();
    for page in ["/", "/docs", "/docs/", "/help"] {
        let mut answer = client.get(page).await;
        if answer.status == 301 || answer.status == 302 || answer.status == 303 || answer.status == 307 || answer.status == 308 {
            let to = url::Url::parse(&client.url).unwrap().join(answer.header("location")).unwrap();
            answer = client.get(to.as_str()).await;
        }
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-type").starts_with("text/html"), "{page}: {}", answer.header("content-type"));
        assert!(!answer.text().contains("//cdn"), "{page} loads nothing from elsewhere");
    }
    let document = client.get("/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for (path, method) in
        [("/get-presigned-url", "get"), ("/detect", "post"), ("/query", "post"), ("/check-user-credits", "get"), ("/health", "get")]
    {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}

/// Every schema of the document that says neither its type nor its fields.
fn bare(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if object.get("type") == Some(&json!("object"))
                && !["properties", "additionalProperties", "oneOf", "allOf", "anyOf"].iter().any(|key| object.contains_key(*key))
            {
                found.push(path.to_owned());
            }
            for (key, inner) in object.iter().filter(|(key, _)| *key != "example" && *key != "examples") {
                bare(inner, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(index, inner)| bare(inner, &format!("{path}/{index}"), found)),
        _ => {}
    }
}

// T14
#[tokio::test]
async fn every_schema_is_typed() {
    let app = TestApp::spawn();
    let document = app.demo().get("/openapi.json").await.ok();
    let mut found = Vec::new();
    bare(&document, "", &mut found);
    assert_eq!(found, [""; 0], "bare objects");
}

// T16
#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_in_the_same_shape() {
    let app = TestApp::spawn();
    let client = app.demo();
    for path in ["/nowhere", "/v1/nowhere", "/detect/more", "/..%2f..%2fetc/passwd", "/get-presigned-url/x"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/detect", "POST"),
        (Method::GET, "/query", "POST"),
        (Method::POST, "/get-presigned-url", "GET"),
        (Method::DELETE, "/check-user-credits", "GET"),
    ] {
        let answer = client.send(client.request(method.clone(), path)).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {}", answer.header("allow"));
    }
}

// T16
#[tokio::test]
async fn only_who_excludes_json_gets_406() {
    let app = TestApp::spawn();
    let client = app.demo();
    let ask = |accept: &'static str| {
        client.send(client.request(Method::GET, "/check-user-credits").header("apikey", &client.key).header("accept", accept))
    };
    for accept in ["text/html", "image/png", "application/json;q=0"] {
        assert_eq!(ask(accept).await.status, 406, "{accept}");
    }
    for accept in ["*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8", "application/*", ""] {
        assert_eq!(ask(accept).await.status, 200, "{accept}");
    }
}

// T16, O4
#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let app = TestApp::spawn();
    let client = app.demo();
    for path in ["/health", "/nowhere", "/get-presigned-url"] {
        assert!(!client.get(path).await.header("x-request-id").is_empty(), "{path}");
    }
    let mine = client.send(client.request(Method::GET, "/health").header("x-request-id", "mine-1")).await;
    assert_eq!(mine.header("x-request-id"), "mine-1");
}

// T16
#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let app = TestApp::with(|config| {
        (config.http.organization_per_second, config.http.organization_burst) = (1, 3);
        (config.http.keyless_per_second, config.http.keyless_burst) = (5, 6);
    });
    let (ann, bob) = (app.client().await, app.client().await);
    // So many pass at most: the burst, and what comes back while the requests are under way.
    let most = |burst: u64, rate: u64, begun: Instant| usize::try_from(burst + rate * (begun.elapsed().as_secs() + 1)).unwrap();
    let refused = |answers: &[crate::support::Answer]| {
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
        for answer in &refused {
            answer.refused(429, "Too many requests");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        }
        refused.len()
    };
    let path = "/get-presigned-url?file_name=photo.jpg";
    let begun = Instant::now();
    let keyed = futures::future::join_all((0..12).map(|_| ann.get_keyed(path))).await;
    let passed = keyed.len() - refused(&keyed);
    assert!((3..=most(3, 1, begun)).contains(&passed), "{passed}");
    assert_eq!(bob.get_keyed(path).await.status, 200, "each organisation for itself");
    let unknown = json!({ "id": uuid::Uuid::new_v4() });
    let begun = Instant::now();
    let keyless = futures::future::join_all((0..40).map(|_| ann.post("/query", &unknown))).await;
    let passed = keyless.len() - refused(&keyless);
    assert!((6..=most(6, 5, begun)).contains(&passed), "{passed}");
}

// T16
#[tokio::test]
async fn a_body_that_is_far_too_large_is_not_read() {
    let app = TestApp::spawn();
    let client = app.demo();
    let huge = json!({ "id": "x".repeat(app.config.http.max_json_bytes) });
    assert_eq!(client.post("/query", &huge).await.status, 413);
}

// A9
#[tokio::test]
async fn the_try_it_page_judges_a_picture_and_the_demo_organisation_pays() {
    let app = TestApp::spawn();
    let client = app.demo();
    let before = client.credits().await;
    let request = client.request(Method::POST, "/try").header("content-type", "image/png").body(pictures::generated_png(1));
    let answer = client.send(request).await;
    assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
    let seen = client.settle(answer.json()["id"].as_str().unwrap()).await;
    assert_eq!((&seen["status"], &seen["result_details"]["heatmap_status"]), (&json!("done"), &json!("ready")), "{seen}");
    assert_eq!(client.credits().await, before - 1);
}
