//! T6: the verdict tells where the pipeline stopped and on what it rests.

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::support::{TestApp, forge, pictures};

/// The model's own saying fits the verdict that rests on it.
fn rests_on_the_model(seen: &Value) {
    let details = &seen["result_details"];
    assert_eq!(details["detection_step"], 3, "{seen}");
    let (label, score) = (details["ml_model"][0].as_str().unwrap(), details["ml_model"][1].as_f64().unwrap());
    assert!(!label.is_empty() && (0.0..=100.0).contains(&score), "{details}");
    assert_eq!(details["ocr"], json!(["OCR did not detect AI", 0.0]));
    let (result, confidence) = (seen["result"].as_f64().unwrap(), details["confidence"].as_f64().unwrap());
    match details["final_result"].as_str().unwrap() {
        "AI Generated" => assert!(result >= 50.0 && (confidence - result).abs() < 1e-6, "{seen}"),
        "Real" => assert!(result < 50.0 && (confidence - (100.0 - result)).abs() < 1e-6, "{seen}"),
        other => panic!("the model alone cannot say {other}"),
    }
}

// T6
#[tokio::test]
async fn without_a_record_the_model_decides_at_step_three() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for seed in 1..4 {
        rests_on_the_model(&client.judge("photo.jpg", pictures::jpeg(seed)).await);
    }
}

// T6, X6
#[tokio::test]
async fn a_record_that_names_a_generator_decides_at_step_one() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let seen = client.judge("castle.png", pictures::generated_png(1)).await;
    let details = &seen["result_details"];
    assert_eq!((&details["detection_step"], &details["final_result"]), (&json!(1), &json!("AI Generated")), "{seen}");
    assert_eq!((&details["ocr"], &details["ml_model"]), (&Value::Null, &Value::Null), "what did not look says nothing");
    assert!(seen["result"].as_f64().unwrap() > 90.0, "{seen}");
    assert!(
        details["metadata"].to_string().contains("Stable Diffusion")
            || details["metadata_basic_source"].to_string().contains("Stable Diffusion"),
        "{details}"
    );
    // T7: the model still ran, for the map alone.
    assert_eq!(details["heatmap_status"], "ready", "{details}");
}

/// A picture with the five-colour bar that one generator puts in the lower right corner.
fn with_colour_bar() -> Vec<u8> {
    const COLOURS: [[u8; 3]; 5] = [[255, 255, 102], [66, 255, 255], [81, 218, 76], [255, 110, 60], [60, 70, 255]];
    let mut picture = pictures::scene(1024, 1024, 4);
    for (index, colour) in COLOURS.iter().enumerate() {
        let left = 1024 - 16 * (5 - u32::try_from(index).unwrap());
        for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
            picture.put_pixel(left + x, 1008 + y, Rgb(*colour));
        }
    }
    pictures::png_of(&picture)
}

// T6, X6
#[tokio::test]
async fn a_generators_mark_decides_at_step_two_and_warns() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let seen = client.judge("bar.png", with_colour_bar()).await;
    let details = &seen["result_details"];
    assert_eq!((&details["detection_step"], &details["ml_model"]), (&json!(2), &Value::Null), "{seen}");
    let (class, score) = (details["ocr"][0].as_str().unwrap(), details["ocr"][1].as_f64().unwrap());
    let warnings: Vec<&Value> = details["warnings"].as_array().unwrap().iter().filter(|warning| warning["type"] == "watermark").collect();
    assert_eq!(warnings.len(), 1, "{details}");
    assert_eq!(warnings[0]["label"], class);
    assert!((warnings[0]["confidence"].as_f64().unwrap() - score / 100.0).abs() < 1e-9, "{details}");
    assert_eq!(details["heatmap_status"], "ready", "{details}");
}

// T6
#[tokio::test]
async fn the_watermark_stage_can_be_switched_off() {
    let app = TestApp::with(|config| config.pipeline.bypass_watermark = true);
    let client = app.client().await;
    let seen = client.judge("bar.png", with_colour_bar()).await;
    let details = &seen["result_details"];
    assert_eq!((&details["detection_step"], &details["ocr"]), (&json!(3), &Value::Null), "{seen}");
    assert!(details["warnings"].as_array().unwrap().iter().all(|warning| warning["type"] != "watermark"), "{details}");
}

fn warning<'a>(seen: &'a Value, kind: &str) -> Option<&'a Value> {
    seen["result_details"]["warnings"].as_array().unwrap().iter().find(|warning| warning["type"] == kind)
}

// T6
#[tokio::test]
async fn small_blurred_and_dark_pictures_come_with_a_warning() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let small = client.judge("small.png", pictures::png_of(&pictures::scene(120, 90, 1))).await;
    assert!(warning(&small, "source_size").is_some(), "{small}");
    let dark = RgbImage::from_fn(400, 300, |x, y| Rgb([((x * 7 + y * 13) % 6) as u8; 3]));
    let dark = client.judge("dark.png", pictures::png_of(&dark)).await;
    assert_eq!(warning(&dark, "blur_dark").map(|warning| &warning["label"]), Some(&json!("Dark")), "{dark}");
    let smooth = RgbImage::from_fn(800, 600, |x, y| Rgb([(x / 5) as u8, (y / 4) as u8, 120]));
    let smooth = client.judge("smooth.png", pictures::png_of(&smooth)).await;
    assert_eq!(warning(&smooth, "blur_dark").map(|warning| &warning["label"]), Some(&json!("Blurred")), "{smooth}");
    let sharp = client.judge("sharp.png", pictures::png_of(&pictures::scene(800, 600, 1))).await;
    assert!(warning(&sharp, "blur_dark").is_none() && warning(&sharp, "source_size").is_none(), "{sharp}");
    if let Some(screen) = warning(&sharp, "screen_recapture") {
        assert!((0.0..=100.0).contains(&screen["confidence"].as_f64().unwrap()) && screen["metrics"]["is_screen"].is_boolean(), "{screen}");
    }
}

// T6, X6
#[tokio::test]
async fn camera_exif_never_lowers_a_score() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (bare, camera) = (pictures::jpeg(5), forge::jpeg_with_gps(&pictures::jpeg(5), "Phone 12"));
    let (bare, camera) = (client.judge("bare.jpg", bare).await, client.judge("camera.jpg", camera).await);
    assert_eq!(bare["result"], camera["result"]);
}

// T6
#[tokio::test]
async fn the_same_bytes_get_the_same_verdict() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (first, second) = (client.judge("a.jpg", pictures::jpeg(6)).await, client.judge("b.jpg", pictures::jpeg(6)).await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first["result"], second["result"]);
    assert_eq!(first["result_details"]["ml_model"], second["result_details"]["ml_model"]);
}
