//! T15: the fourteen extensions, and the odd files that lie beside the project, decoded as the server decodes them: in a child.

mod corpus;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, TestApp, client::content_type, pictures, root};

fn fixture(name: &str) -> Vec<u8> {
    let path = root().join("tests/fixtures/formats").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// T15
#[tokio::test]
async fn every_extension_of_the_contract_is_judged() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let files = [
        ("a.jpg", pictures::jpeg(1), "JPEG"),
        ("a.jpeg", fixture("print.jpg"), "JPEG"),
        ("a.jfif", pictures::jpeg(3), "JPEG"),
        ("a.png", pictures::png(4), "PNG"),
        ("a.webp", pictures::webp(5), "WebP"),
        ("a.heic", fixture("photo.heic"), "HEIC"),
        ("a.heif", fixture("photo.heif"), "HEIC"),
        ("a.avif", fixture("photo.avif"), "AVIF"),
        ("a.bmp", pictures::bmp(7), "BMP"),
        ("a.tiff", fixture("print.tif"), "TIFF"),
        ("A.TIF", pictures::tiff(9), "TIFF"),
        ("a.gif", pictures::gif(2, 6), "GIF"),
        ("a.svg", fixture("drawing.svg"), "SVG"),
        ("a.pdf", fixture("picture.pdf"), "PDF"),
    ];
    let mut ids = Vec::new();
    for (name, bytes, format) in files {
        assert!(!content_type(name).is_empty());
        ids.push((name, format, client.submit(name, bytes).await));
    }
    for (name, format, id) in ids {
        let seen = client.settle(&id).await;
        assert_eq!((&seen["status"], &seen["result_details"]["is_valid"]), (&json!("done"), &json!(true)), "{name}: {seen}");
        assert_eq!(seen["result_details"]["image"]["format"], format, "{name}: {seen}");
    }
}

// T15
#[tokio::test]
async fn of_a_document_the_first_picture_on_its_first_twenty_pages_is_judged() {
    let app = TestApp::spawn();
    let client = app.client().await;
    // The picture's own pixels; or page 1, of 300 × 200 points, drawn with the least longer side.
    for (file, size) in [("second.pdf", [160, 120]), ("late.pdf", [1024, 683])] {
        let seen = client.judge("a.pdf", fixture(file)).await;
        let image = &seen["result_details"]["image"];
        assert_eq!([&image["width"], &image["height"]], size, "{file}: {seen}");
    }
}

// T15
#[tokio::test]
async fn several_frames_or_pages_are_said_to_be_judged_by_the_first() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (name, file, frames) in [
        ("a.heic", "burst.heic", 3),
        ("a.avif", "film.avif", 3),
        ("a.png", "film.png", 3),
        ("a.webp", "film.webp", 3),
        ("a.pdf", "pages.pdf", 2),
    ] {
        let mut bytes = fixture(file);
        if file == "film.webp" {
            // Behind the end of its chunks nothing is read; uploads have at least a kilobyte.
            bytes.resize(1100, 0);
        }
        let seen = client.judge(name, bytes).await;
        let warnings = seen["result_details"]["warnings"].as_array().unwrap_or_else(|| panic!("{file}: {seen}"));
        let first = warnings.iter().find(|warning| warning["type"] == "first_frame_only").unwrap_or_else(|| panic!("{file}: {seen}"));
        assert_eq!(first["frames"], frames, "{file}");
    }
}

// T15
#[tokio::test]
async fn magic_bytes_of_the_heif_family_drawings_and_documents_are_checked() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (name, bytes, found) in [
        ("a.heic", fixture("photo.avif"), "AVIF"),
        ("a.avif", fixture("photo.heic"), "HEIC"),
        ("a.pdf", fixture("drawing.svg"), "SVG"),
        ("a.svg", fixture("picture.pdf"), "PDF"),
        ("a.svg", format!("<html>{}</html>", "x".repeat(2000)).into_bytes(), "no image"),
    ] {
        let upload = client.upload(name, bytes).await;
        let detail = client.detect(json!({ "url": Client::vendor_url(&upload) })).await.refused(400, "Invalid file type");
        assert!(detail.contains(found), "{name}: {detail}");
    }
    assert_eq!(client.credits().await, 100, "nothing was charged");
}

/// A drawing of a few hundred bytes that would keep its renderer busy for days.
fn endless_drawing() -> Vec<u8> {
    let filter = r#"<filter id="f"><feTurbulence baseFrequency="0.7" numOctaves="2000000000"/></filter>"#;
    let svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000">{filter}<rect width="4000" height="4000" filter="url(#f)"/>{}</svg>"#,
        " ".repeat(1024)
    );
    svg.into_bytes()
}

// T15, O5
#[tokio::test]
async fn a_drawing_without_end_is_given_up_and_others_are_judged_meanwhile() {
    let app = TestApp::with(|config| config.pipeline.decoder.seconds = 3);
    let client = app.client().await;
    let stuck = client.submit("endless.svg", endless_drawing()).await;
    for (name, bytes) in [("a.jpg", pictures::jpeg(1)), ("a.heic", fixture("photo.heic")), ("b.svg", fixture("drawing.svg"))] {
        assert_eq!(client.judge(name, bytes).await["status"], "done", "{name}");
    }
    let seen = client.settle(&stuck).await;
    assert_eq!(seen["status"], "failed", "{seen}");
    assert!(seen["error_message"].as_str().unwrap().contains("decoder.seconds) of 3 seconds"), "{seen}");
    assert_eq!(client.credits().await, 97, "the credit of the drawing is back");
}

// T15, O5
#[tokio::test]
async fn a_picture_that_eats_memory_only_costs_its_own_child() {
    let app = TestApp::with(|config| config.pipeline.decoder.memory = 48 << 20);
    let client = app.client().await;
    // 4096 × 4096 pixels of four bytes.
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="5000" height="5000">{}</svg>"#, " ".repeat(1024));
    let seen = client.judge("large.svg", svg.into_bytes()).await;
    assert_eq!(seen["status"], "failed", "{seen}");
    assert!(seen["error_message"].as_str().unwrap().contains("limit (decoder.memory) of 50331648 bytes"), "{seen}");
    assert_eq!(client.judge("a.svg", fixture("drawing.svg")).await["status"], "done", "the server goes on");
}

/// A child that is killed in the middle of its work is a failed document, and nothing else.
// T15
#[test]
fn a_child_that_is_killed_is_that_files_affair() {
    use touchstone_core::media::Format;
    use touchstone_pipeline::{
        decoder::{Children, Decoder, Undecoded},
        picture::Unreadable,
    };
    let settings = corpus::settings();
    let limits = corpus::limits();
    let children = Children::new(&settings, 1);
    let killer = std::thread::spawn(|| {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(child) = corpus::a_child_of_ours() {
                std::thread::sleep(Duration::from_millis(100));
                return std::process::Command::new("kill").args(["-9", &child.to_string()]).status().unwrap().success();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    });
    let outcome = children.decode(&endless_drawing().into(), Format::Svg, &limits);
    assert!(killer.join().unwrap(), "a child was there to be killed");
    assert!(matches!(outcome, Err(Undecoded::Unreadable(Unreadable::Broke { format: Format::Svg, .. }))), "{outcome:?}");
    assert!(children.decode(&fixture("photo.heic").into(), Format::Heic, &limits).is_ok(), "the place is free again");
}
