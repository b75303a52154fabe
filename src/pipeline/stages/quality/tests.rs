//! What is wrong with a picture is named, and nothing else is.

use std::io::Cursor;

use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder, imageops};

use super::*;
use crate::picture::tests::LIMITS;

/// A computed picture: soft gradients, disks with hard edges.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let disk = (x % 90) as i32 - 45;
        let disk = disk * disk + ((y % 110) as i32 - 55).pow(2) < 900;
        Rgb(if disk { [200, 90, 60] } else { [40 + (x * 90 / width) as u8, 60 + (y * 120 / height) as u8, 120] })
    })
}

/// A photograph of a screen that shows a picture: every pixel of the screen is three upright stripes above a dark gap, `pitch` pixels of
/// the camera wide, and the camera is turned by `degrees`.
fn recaptured(shown: &RgbImage, pitch: f32, degrees: f32) -> RgbImage {
    const FINE: u32 = 4;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let light = |x: f32, y: f32| {
        let (u, v) = ((x * cos - y * sin) / pitch + 40.0, (x * sin + y * cos) / pitch + 40.0);
        let pixel = shown.get_pixel(u as u32 % shown.width(), v as u32 % shown.height()).0;
        let stripe = (u.fract() * 3.0) as usize;
        if v.fract() > 0.8 { (stripe, 0.0) } else { (stripe, f32::from(pixel[stripe.min(2)])) }
    };
    RgbImage::from_fn(520, 400, |x, y| {
        let mut sum = [0.0; 3];
        for (dx, dy) in (0..FINE).flat_map(|dx| (0..FINE).map(move |dy| (dx, dy))) {
            let (stripe, value) = light(x as f32 + dx as f32 / FINE as f32, y as f32 + dy as f32 / FINE as f32);
            sum[stripe.min(2)] += 2.4 * value / (FINE * FINE) as f32;
        }
        Rgb(sum.map(|value| value.round() as u8))
    })
}

fn look(rgb: &RgbImage) -> Finding {
    let mut file = Cursor::new(Vec::new());
    rgb.write_to(&mut file, image::ImageFormat::Bmp).unwrap();
    Quality.look(&Picture::decode(file.into_inner().into(), &LIMITS).unwrap())
}

fn blur_dark(rgb: &RgbImage) -> Option<String> {
    look(rgb).warnings.into_iter().find_map(|warning| if let Warning::BlurDark { label } = warning { Some(label) } else { None })
}

fn is_screen(rgb: &RgbImage) -> Option<bool> {
    let metrics = |warning| if let Warning::ScreenRecapture { metrics, .. } = warning { Some(metrics.is_screen) } else { None };
    look(rgb).warnings.into_iter().find_map(metrics)
}

#[test]
fn a_small_file_and_a_small_picture_are_small() {
    // T6
    let small = Warning::SourceSize { label: "Small".to_owned() };
    assert!(look(&scene(120, 120)).warnings.contains(&small));
    assert!(!look(&scene(400, 300)).warnings.contains(&small));
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 40).encode_image(&scene(400, 300)).unwrap();
    assert!(file.len() < 50_000);
    assert!(Quality.look(&Picture::decode(file.into(), &LIMITS).unwrap()).warnings.contains(&small));
}

#[test]
fn a_blurred_picture_and_a_dark_one_are_named_and_a_plain_one_is_neither() {
    let sharp = scene(600, 500);
    assert_eq!(blur_dark(&sharp), None);
    assert_eq!(blur_dark(&imageops::blur(&sharp, 9.0)).as_deref(), Some("Blurred"));
    let mut dark = sharp.clone();
    dark.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| value / 12));
    assert_eq!(blur_dark(&dark).as_deref(), Some("Dark"));
    assert_eq!(blur_dark(&RgbImage::from_pixel(400, 400, Rgb([130, 160, 220]))), None);
}

#[test]
fn a_photograph_of_a_screen_is_one_and_a_screenshot_is_not() {
    for (pitch, degrees) in [(2.7, 3.0), (3.6, 3.0), (4.4, -6.0)] {
        assert_eq!(is_screen(&recaptured(&scene(200, 200), pitch, degrees)), Some(true), "{pitch} {degrees}");
    }
    assert_eq!(is_screen(&scene(600, 500)), Some(false));
    // Enlarged without smoothing, as a screenshot of a small picture: its lattice is not turned.
    assert_eq!(is_screen(&imageops::resize(&scene(150, 120), 600, 480, imageops::FilterType::Nearest)), Some(false));
}

#[test]
fn a_picture_below_one_tile_is_not_examined_for_screens() {
    assert_eq!(is_screen(&scene(255, 600)), None);
}

#[test]
fn sureness_is_about_what_is_said_and_grows_away_from_the_threshold() {
    let [none, weak, just, strong] = [0.0, 0.9, 1.0, 50.0].map(|ratio| recapture::opinion(ratio * recapture::LATTICE));
    assert!(!none.0 && !weak.0 && just.0 && strong.0);
    assert!(none.1 > weak.1 && weak.1 >= 50.0 && strong.1 > just.1 && strong.1 <= 99.0);
}

#[test]
fn a_picture_of_several_frames_says_that_one_was_judged() {
    let mut picture = Picture::decode(crate::testing::png(200, 200, [0; 3], [255; 3]), &LIMITS).unwrap();
    let says = |picture: &Picture| {
        Quality.look(picture).warnings.iter().any(|warning| matches!(warning, Warning::FirstFrameOnly { frames: 3, .. }))
    };
    assert!(!says(&picture));
    picture.facts.frames = 3;
    assert!(says(&picture));
}

#[test]
fn nothing_here_argues_for_or_against_generation() {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 85).encode_image(&scene(300, 300)).unwrap();
    let finding = Quality.look(&Picture::decode(file.into(), &LIMITS).unwrap());
    assert_eq!(finding.signals.len(), 1);
    assert_eq!(finding.signals[0].code, "jpeg_quality");
    assert!(finding.signals[0].score.is_none() && !finding.signals[0].decisive);
}

#[test]
fn odd_shapes_are_looked_at_without_a_panic() {
    for (width, height) in [(1, 1), (2, 3000), (3000, 1), (4001, 33), (256, 256)] {
        assert_eq!(look(&scene(width, height)).stage, Stage::Quality, "{width}x{height}");
    }
}
