//! T10: organisations whose pictures are secure.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Process, TestApp, app::Org, audit, eventually, pictures, process};

const SECURE: &str = "secure_assets = true, heatmap_for_real = true";

/// What `/query` says to the owner, once both pictures are there.
async fn with_pictures(client: &Client, id: &str) -> Value {
    eventually("the verdict and its pictures", Duration::from_secs(60), || async {
        let seen = client.post("/query", &json!({ "id": id, "key": client.key })).await.ok();
        (seen["result_details"]["heatmap_status"] == "ready" && seen["preview_url"].is_string()).then_some(seen)
    })
    .await
}

async fn judged(client: &Client) -> Value {
    let id = client.submit("photo.jpg", pictures::jpeg(1)).await;
    with_pictures(client, &id).await
}

fn links(seen: &Value) -> [String; 2] {
    [&seen["result_details"]["heatmap_url"], &seen["preview_url"]].map(|url| url.as_str().unwrap().to_owned())
}

// T10
#[tokio::test]
async fn a_link_is_told_to_the_owners_key_alone() {
    let app = TestApp::spawn();
    let ann = app.client_of(Org { set: SECURE, ..Org::default() }).await;
    let bob = app.client().await;
    let seen = judged(&ann).await;
    let id = seen["id"].as_str().unwrap();
    let bare = ["heatmap", "preview"].map(|asset| format!("{}/{asset}/{id}", ann.url));
    let ask = |body: Value, header: Option<&str>| {
        let request = ann.request(Method::POST, "/query").json(&body);
        ann.send(header.into_iter().fold(request, |request, key| request.header("apikey", key)))
    };
    for (body, header) in [
        (json!({ "id": id }), None),
        (json!({ "id": id, "key": bob.key }), None),
        (json!({ "id": id }), Some(bob.key.as_str())),
        (json!({ "id": id, "key": "nonsense" }), None),
    ] {
        let answer = ask(body, header).await.ok();
        assert_eq!(links(&answer), bare, "{answer}");
        assert_eq!(answer["result"], seen["result"], "the verdict itself is no secret to who knows the id");
    }
    for url in &bare {
        ann.get(url).await.refused(403, "Invalid or expired link");
        ann.get_keyed(url).await.refused(403, "Invalid or expired link");
    }
    for (body, header) in [(json!({ "id": id, "key": ann.key }), None), (json!({ "id": id }), Some(ann.key.as_str()))] {
        for link in links(&ask(body, header).await.ok()) {
            let answer = bob.get(&link).await;
            assert_eq!(answer.status, 200, "whoever the owner hands it to, while it lives");
            for (header, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
                assert_eq!(answer.header(header), value);
            }
            assert!(answer.header("content-disposition").starts_with("inline; filename=\""), "{}", answer.header("content-disposition"));
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'; "));
        }
    }
    let posted = ann.post(&format!("/heatmap/{id}"), &json!({ "key": ann.key })).await;
    assert_eq!((posted.status, posted.header("x-heatmap-status")), (200, "ready"));
    assert!(image::load_from_memory(&posted.bytes).is_ok());
}

// T10
#[tokio::test]
async fn a_link_that_was_out_before_an_organisation_became_secure_keeps_its_short_life_and_no_more() {
    let app = TestApp::with(|config| config.security.link_seconds = 3);
    let ann = app.client_of(Org { set: "heatmap_for_real = true", ..Org::default() }).await;
    let id = ann.submit("photo.jpg", pictures::jpeg(1)).await;
    with_pictures(&ann, &id).await;
    let open = links(&ann.query(&id).await);
    audit::set_organization(&app.database, ann.organization.parse().unwrap(), "secure_assets = true").await;
    assert_eq!(ann.get(&open[0]).await.status, 200, "it was given while it could be");
    assert!(links(&ann.query(&id).await).iter().all(|link| !link.contains("signature=")));
    tokio::time::sleep(Duration::from_secs(4)).await;
    for link in &open {
        ann.get(link).await.refused(403, "Invalid or expired link");
    }
}

// T10: what a record calls them, pictures are served as pictures or as bytes to be saved.
#[tokio::test]
async fn nothing_is_served_as_a_page_or_an_svg() {
    let app = TestApp::spawn();
    let ann = app.client_of(Org { set: SECURE, ..Org::default() }).await;
    let seen = judged(&ann).await;
    let id = seen["id"].as_str().unwrap();
    for stored in ["image/svg+xml", "text/html; charset=utf-8", "application/xhtml+xml", "text/javascript"] {
        audit::execute(&app.database, &format!("UPDATE document SET heatmap_content_type = '{stored}', preview_content_type = '{stored}'"))
            .await;
        let [heatmap, preview] = links(&seen);
        for answer in
            [ann.get(&heatmap).await, ann.get(&preview).await, ann.post(&format!("/preview/{id}"), &json!({ "key": ann.key })).await]
        {
            assert_eq!((answer.status, answer.header("content-type")), (200, "application/octet-stream"), "{stored}");
            assert!(answer.header("content-disposition").starts_with("attachment; "), "{stored}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(answer.header("content-security-policy").contains("sandbox"), "{stored}");
        }
    }
}

// T10
#[tokio::test]
async fn with_the_key_every_state_of_a_picture_has_its_status() {
    let app = TestApp::without_worker();
    let ann = app.client_of(Org { set: SECURE, ..Org::default() }).await;
    let id = ann.submit("photo.jpg", pictures::jpeg(1)).await;
    let ask = |asset: &str| {
        let request = ann.request(Method::POST, &format!("/{asset}/{id}")).header("apikey", &ann.key);
        ann.send(request)
    };
    for asset in ["heatmap", "preview"] {
        let pending = ask(asset).await;
        assert_eq!(pending.status, 202, "{}", pending.text());
        assert_eq!(pending.json()[format!("{asset}_status")], "pending");
    }
    assert_eq!(ask("heatmap").await.header("x-heatmap-status"), "pending");
    let now = |heatmap: &str, preview: &str| {
        let sql = format!(
            "UPDATE document SET status = 'failed', settlement = 'released', heatmap_status = '{heatmap}', preview_status = '{preview}'"
        );
        let database = &app.database;
        async move { audit::execute(database, &sql).await }
    };
    now("none", "none").await;
    assert_eq!(ask("heatmap").await.ok()["heatmap_status"], Value::Null);
    ask("preview").await.refused(404, "Preview not found");
    now("failed", "failed").await;
    assert_eq!(ask("heatmap").await.ok()["heatmap_status"], "failed");
    ask("preview").await.refused(404, "Preview not found");
    now("removed", "removed").await;
    for asset in ["heatmap", "preview"] {
        ask(asset).await.refused(410, "Asset removed");
    }
    let seen = ann.query(&id).await;
    assert_eq!((&seen["result_details"]["heatmap_status"], &seen["preview_url"]), (&Value::Null, &Value::Null), "{seen}");
    now("ready", "ready").await;
    for asset in ["heatmap", "preview"] {
        ask(asset).await.refused(500, "Internal server error");
    }
    audit::execute(&app.database, "DELETE FROM ledger_entry WHERE document_id IS NOT NULL").await;
    audit::execute(&app.database, "UPDATE balance SET base = 100 WHERE base = 99").await;
}

// T10, O4
#[tokio::test]
async fn an_operator_makes_an_organisation_secure_and_no_link_of_it_is_logged() {
    let data = tempfile::tempdir().unwrap();
    let made =
        process::run_json(data.path(), &[], &["admin", "org", "create", "--name", "Club", "--credits", "9", "--secure-assets", "true"]);
    assert_eq!(made["secure_assets"], true, "{made}");
    let id = made["organization_id"].as_str().unwrap();
    let set = |to: &str| {
        process::run_json(data.path(), &[], &["admin", "org", "set", "--id", id, "--secure-assets", to])["secure_assets"].clone()
    };
    assert_eq!([set("false"), set("true")], [json!(false), json!(true)]);
    let key = process::run_json(data.path(), &[], &["admin", "key", "create", "--org", id]);
    let server = Process::serve(data.path(), &[("TOUCHSTONE__LOG__FILTER", "trace")]);
    let client = server.client(key["key"].as_str().unwrap());
    let document = client.submit("castle.png", pictures::generated_png(1)).await;
    let seen = with_pictures(&client, &document).await;
    for link in links(&seen) {
        assert_eq!(client.get(&link).await.status, 200);
        client.get(&link.replace("signature=", "signature=0")).await.refused(403, "Invalid or expired link");
    }
    let log = server.stop().1;
    assert!(log.contains("/heatmap/{id}"), "the route is logged");
    for secret in links(&seen).iter().map(|link| link.rsplit("signature=").next().unwrap()).chain([client.key.as_str(), document.as_str()])
    {
        assert!(!log.contains(secret), "{}", log.lines().find(|line| line.contains(secret)).unwrap_or_default());
    }
}
