//! T7, T8, T10: heatmaps, previews, and the signed links that open them.

use std::time::Duration;

use image::{DynamicImage, GenericImageView, ImageFormat};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, app::Org, client::with_query as with, forge, pictures};

/// Follows a link of an answer and decodes what is there.
async fn picture(client: &Client, url: &Value) -> (DynamicImage, ImageFormat) {
    let answer = client.get(url.as_str().unwrap_or_else(|| panic!("no link but {url}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let format = image::guess_format(&answer.bytes).unwrap();
    assert_eq!(answer.header("content-type"), format.to_mime_type());
    (image::load_from_memory_with_format(&answer.bytes, format).unwrap(), format)
}

async fn heatmap(client: &Client, overlay: bool, normalized: bool) -> (DynamicImage, ImageFormat) {
    let options = json!({ "generate_heatmap_overlayed": overlay, "generate_heatmap_normalized": normalized });
    let id = client.submit_with("castle.png", pictures::generated_png(1), options).await;
    let seen = client.settle(&id).await;
    assert_eq!(seen["result_details"]["heatmap_status"], "ready", "{seen}");
    picture(client, &seen["result_details"]["heatmap_url"]).await
}

// T7
#[tokio::test]
async fn an_overlay_is_the_picture_itself_in_other_colours() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let original = pictures::scene(320, 256, 1);
    let (overlay, _) = heatmap(&client, true, true).await;
    assert_eq!(overlay.dimensions(), (320, 256));
    assert!(!overlay.color().has_alpha() || overlay.to_rgba8().pixels().all(|pixel| pixel[3] == 255), "opaque");
    let overlay = overlay.to_rgb8();
    assert_ne!(overlay.as_raw(), original.as_raw());
    // The picture shows through: its bright and dark places stay brighter and darker.
    let luma =
        |picture: &image::RgbImage| picture.pixels().map(|p| f64::from(p[0]) + f64::from(p[1]) + f64::from(p[2])).collect::<Vec<_>>();
    assert!(correlation(&luma(&original), &luma(&overlay)) > 0.3, "{}", correlation(&luma(&original), &luma(&overlay)));
}

// T7
#[tokio::test]
async fn a_transparent_heatmap_is_rgba_with_alpha_from_the_model() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (map, format) = heatmap(&client, false, true).await;
    assert_eq!((map.dimensions(), format), ((320, 256), ImageFormat::Png));
    assert!(map.color().has_alpha());
    let map = map.to_rgba8();
    let alphas: std::collections::BTreeSet<u8> = map.pixels().map(|pixel| pixel[3]).collect();
    assert!(alphas.len() > 4, "alpha varies with the score: {alphas:?}");
    assert!(*alphas.first().unwrap() < 255, "somewhere one sees through");
}

// T7
#[tokio::test]
async fn a_raw_heatmap_is_not_stretched() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for overlay in [true, false] {
        let (stretched, raw) = (heatmap(&client, overlay, true).await.0, heatmap(&client, overlay, false).await.0);
        assert_eq!(stretched.dimensions(), raw.dimensions());
        assert_ne!(stretched.to_rgba8().as_raw(), raw.to_rgba8().as_raw(), "overlay {overlay}");
    }
}

// T7
#[tokio::test]
async fn no_heatmap_is_made_when_it_is_refused() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let id = client.submit_with("castle.png", pictures::generated_png(1), json!({ "generate_heatmap": false })).await;
    let details = &client.settle(&id).await["result_details"];
    assert_eq!(details["final_result"], "AI Generated");
    assert_eq!((&details["heatmap_status"], &details["heatmap_url"]), (&Value::Null, &Value::Null), "{details}");
}

// T7
#[tokio::test]
async fn real_pictures_have_no_heatmap_unless_the_organisation_wants_all() {
    let app = TestApp::spawn();
    let (some, all) = (app.client().await, app.client_of(Org { set: "heatmap_for_real = true", ..Org::default() }).await);
    for seed in 0..4 {
        let details = &some.judge("photo.jpg", pictures::jpeg(seed)).await["result_details"];
        let expected = if details["final_result"] == "Real" { Value::Null } else { json!("ready") };
        assert_eq!(details["heatmap_status"], expected, "{details}");
        let details = &all.judge("photo.jpg", pictures::jpeg(seed)).await["result_details"];
        assert_eq!(details["heatmap_status"], "ready", "{details}");
    }
}

// T8
#[tokio::test]
async fn a_preview_is_small_and_holds_no_metadata() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let photo = forge::jpeg_with_gps(&pictures::jpeg_of(&pictures::scene(1200, 800, 1), 80), "Phone 12");
    let seen = client.judge("photo.jpg", photo).await;
    let answer = client.get(seen["preview_url"].as_str().unwrap()).await;
    for private in [&b"Exif"[..], b"Phone 12", b"GPS", b"ICC_PROFILE", b"http://ns.adobe.com"] {
        assert!(!answer.bytes.windows(private.len()).any(|window| window == private), "{}", String::from_utf8_lossy(private));
    }
    let (preview, _) = picture(&client, &seen["preview_url"]).await;
    assert_eq!(preview.dimensions(), (512, 341));
    let small = client.judge("small.png", pictures::png(1)).await;
    assert_eq!(picture(&client, &small["preview_url"]).await.0.dimensions(), (256, 192), "nothing is blown up");
}

// T8, U2
#[tokio::test]
async fn previews_come_unless_refused_and_in_the_older_dialect_only_when_asked_for() {
    let app = TestApp::spawn();
    let truthscan = app.client().await;
    let undetectable = app.client_of(Org { dialect: touchstone_core::organization::Dialect::Undetectable, ..Org::default() }).await;
    for (client, options, expected) in [
        (&truthscan, json!({}), true),
        (&truthscan, json!({ "generate_preview": false }), false),
        (&undetectable, json!({}), false),
        (&undetectable, json!({ "generate_preview": true }), true),
    ] {
        let id = client.submit_with("photo.jpg", pictures::jpeg(1), options).await;
        let seen = client.settle(&id).await;
        assert_eq!(seen["preview_url"].is_string(), expected, "{seen}");
    }
}

// T10
#[tokio::test]
async fn a_link_opens_one_picture_and_nothing_else() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let seen = client.judge("castle.png", pictures::generated_png(1)).await;
    let other = client.judge("castle.png", pictures::generated_png(2)).await;
    let (map, preview) = (seen["result_details"]["heatmap_url"].as_str().unwrap(), seen["preview_url"].as_str().unwrap());
    assert!(
        map.starts_with(&format!("{}/heatmap/", client.url)) && preview.starts_with(&format!("{}/preview/", client.url)),
        "{map} {preview}"
    );
    let (bare, query) = map.split_once('?').unwrap();
    let (id, other_id) = (seen["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    for wrong in [
        with(map, "signature", &"0".repeat(64)),
        with(map, "expires", "99999999999"),
        format!("{}?{query}", bare.replace(id, other_id)),
        format!("{}/preview/{id}?{query}", client.url),
        map.replace("heatmap", "preview"),
    ] {
        client.get(&wrong).await.refused(403, "Invalid or expired link");
    }
    let unsigned = client.get(bare).await;
    assert!(matches!(unsigned.status, 403 | 422), "{}", unsigned.text());
    assert_eq!(client.get(map).await.status, 200);
    assert_eq!(client.get(preview).await.status, 200);
}

// T10
#[tokio::test]
async fn links_live_shortly_and_every_query_gives_fresh_ones() {
    let app = TestApp::with(|config| config.security.link_seconds = 2);
    let client = app.client().await;
    let seen = client.judge("photo.jpg", pictures::jpeg(1)).await;
    let old = seen["preview_url"].as_str().unwrap();
    assert_eq!(client.get(old).await.status, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    client.get(old).await.refused(403, "Invalid or expired link");
    let fresh = client.query(seen["id"].as_str().unwrap()).await["preview_url"].clone();
    assert_ne!(fresh, seen["preview_url"]);
    assert_eq!(client.get(fresh.as_str().unwrap()).await.status, 200);
}

// T10, V12: the record says it is there, the folder has lost it.
#[tokio::test]
async fn a_lost_picture_is_our_fault_and_said_so() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let seen = client.judge("photo.jpg", pictures::jpeg(1)).await;
    std::fs::remove_dir_all(app.data.path().join("blobs/previews")).unwrap();
    let answer = client.get(seen["preview_url"].as_str().unwrap()).await;
    let detail = answer.refused(500, "Internal server error");
    assert!(detail.contains("logged as"), "{detail}");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    ab / (aa * bb).sqrt()
}
