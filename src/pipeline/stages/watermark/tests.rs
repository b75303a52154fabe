//! Marks that are there are found, marks that are not are not. The pictures are computed; the invisible marks were written by PyPI's
//! `invisible-watermark` (tests/fixtures/watermark.py).

use std::{fs, io::Cursor, path::PathBuf};

use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder, imageops};

use super::*;
use crate::{corpus, picture::tests::LIMITS, testing};

const SQUARES: [[u8; 3]; 5] = [[255, 255, 102], [66, 255, 255], [81, 218, 76], [255, 110, 60], [60, 70, 255]];

/// A computed picture with soft and hard edges and some texture.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let texture = (x * 7 + y * 13) % 11 + (x / 40 + y / 56) % 2 * 30;
        Rgb([60 + (x * 80 / width + texture) as u8, 50 + (y * 70 / height + texture) as u8, 90 + (texture * 2) as u8])
    })
}

/// Gemini's star, laid over a picture: its width, its margin, the colour and the opacity.
fn with_star(mut rgb: RgbImage, width: f32, margin: f32, colour: [f32; 3], opacity: f32) -> RgbImage {
    let (right, bottom) = (rgb.width() as f32 - margin - width / 2.0, rgb.height() as f32 - margin - width / 2.0);
    for (x, y, pixel) in rgb.enumerate_pixels_mut() {
        let reach = |at: u32, centre: f32| ((at as f32 + 0.5 - centre).abs() / (width / 2.0)).powf(0.7);
        if reach(x, right) + reach(y, bottom) < 1.0 {
            for (value, white) in pixel.0.iter_mut().zip(colour) {
                *value = (f32::from(*value) * (1.0 - opacity) + white * opacity).round() as u8;
            }
        }
    }
    rgb
}

/// DALL·E 2's bar at the end of the bottom edge.
fn with_bar(mut rgb: RgbImage, side: u32, squares: [[u8; 3]; 5]) -> RgbImage {
    for (index, colour) in squares.into_iter().enumerate() {
        let left = rgb.width() - side * (5 - index as u32);
        let top = rgb.height() - side;
        for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (left + x, top + y))) {
            rgb.put_pixel(x, y, Rgb(colour));
        }
    }
    rgb
}

fn look(rgb: &RgbImage) -> Finding {
    let mut file = Cursor::new(Vec::new());
    rgb.write_to(&mut file, image::ImageFormat::Png).unwrap();
    Watermark.look(&Picture::decode(file.into_inner().into(), &LIMITS).unwrap())
}

fn look_at_jpeg(rgb: &RgbImage, quality: u8) -> Finding {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(rgb).unwrap();
    Watermark.look(&Picture::decode(file.into(), &LIMITS).unwrap())
}

fn codes(finding: &Finding) -> Vec<&str> {
    finding.signals.iter().map(|signal| signal.code.as_str()).collect()
}

fn fixture(name: &str) -> RgbImage {
    image::open(testing::workspace("tests/fixtures/watermark").join(name)).unwrap().to_rgb8()
}

fn writer(rgb: &RgbImage) -> Option<&'static str> {
    dwt_dct::read(rgb).map(|mark| mark.writer)
}

#[test]
fn what_invisible_watermark_writes_is_read() {
    // X6
    assert_eq!(writer(&fixture("sd1-256x256.png")), Some("Stable Diffusion 1"));
    assert_eq!(writer(&fixture("sd2-256x256.png")), Some("Stable Diffusion 2"));
    assert_eq!(writer(&fixture("sdxl-256x256.png")), Some("Stable Diffusion XL"));
    assert_eq!(writer(&fixture("sdxl-float-256x256.png")), Some("Stable Diffusion XL"));
    assert_eq!(writer(&fixture("unmarked-256x256.png")), None);
}

#[test]
fn the_invisible_mark_survives_a_cut_at_the_bottom_and_not_one_at_the_left() {
    let marked = fixture("sdxl-256x256.png");
    // Empty rows below keep the picture above the embedder's least size.
    let mut tall = RgbImage::new(256, 320);
    imageops::replace(&mut tall, &marked, 0, 0);
    assert_eq!(writer(&imageops::crop_imm(&tall, 0, 0, 256, 260).to_image()), Some("Stable Diffusion XL"));
    assert_eq!(writer(&imageops::crop_imm(&tall, 3, 0, 253, 320).to_image()), None);
}

#[test]
fn a_folder_of_files_by_invisible_watermark_is_read_where_one_is_given() {
    let Some(folder) = std::env::var_os("TOUCHSTONE_WATERMARKS").map(PathBuf::from) else {
        corpus::say("skipped: files of tests/fixtures/watermark.py (TOUCHSTONE_WATERMARKS names their folder)");
        return;
    };
    let (mut jpegs, mut read) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = writer(&image::open(&path).unwrap().to_rgb8());
        match name.as_str() {
            name if name.starts_with("unmarked") => assert_eq!(found, None, "{name}"),
            // JPEG at quality 95 with halved chroma may destroy the mark; it must never turn it into another.
            name if name.ends_with(".jpg") => (jpegs, read) = (jpegs + 1, read + u32::from(found.is_some())),
            name => assert!(found.is_some(), "{name}"),
        }
        let true_writer = [("sd1", "Stable Diffusion 1"), ("sd2", "Stable Diffusion 2"), ("sdxl", "Stable Diffusion XL")];
        let true_writer = true_writer.iter().find(|(stem, _)| name.starts_with(stem)).map(|(_, writer)| *writer);
        assert!(found.is_none() || found == true_writer, "{name}: {found:?}");
    }
    corpus::say(&format!("invisible marks read after JPEG 95: {read} of {jpegs}"));
}

#[test]
fn geminis_star_is_found_at_its_place_in_either_size_and_after_scaling_and_jpeg() {
    let white = [255.0; 3];
    let small = with_star(scene(1024, 1024), 48.0, 32.0, white, 0.5);
    assert_eq!(codes(&look(&small)), ["gemini_sparkle"]);
    assert_eq!(codes(&look_at_jpeg(&small, 80)), ["gemini_sparkle"]);
    assert_eq!(codes(&look(&imageops::resize(&small, 700, 700, imageops::FilterType::Triangle))), ["gemini_sparkle"]);
    let large = with_star(scene(1536, 1300), 96.0, 64.0, white, 0.74);
    assert_eq!(codes(&look(&large)), ["gemini_sparkle"]);
}

#[test]
fn a_star_elsewhere_or_of_another_colour_is_not_geminis() {
    assert_eq!(codes(&look(&scene(1024, 1024))), [""; 0]);
    assert_eq!(codes(&look(&with_star(scene(1024, 1024), 48.0, 300.0, [255.0; 3], 0.5))), [""; 0]);
    assert_eq!(codes(&look(&with_star(scene(1024, 1024), 48.0, 32.0, [255.0, 200.0, 0.0], 0.6))), [""; 0]);
}

#[test]
fn dalles_bar_is_found_in_any_size_and_after_jpeg() {
    let picture = with_bar(scene(1024, 1024), 16, SQUARES);
    assert_eq!(codes(&look(&picture)), ["dalle_colour_bar"]);
    assert_eq!(codes(&look_at_jpeg(&picture, 70)), ["dalle_colour_bar"]);
    for side in [512, 768, 2048] {
        assert_eq!(codes(&look(&imageops::resize(&picture, side, side, imageops::FilterType::Triangle))), ["dalle_colour_bar"], "{side}");
    }
}

#[test]
fn other_squares_are_not_dalles_bar() {
    let mut mirrored = SQUARES;
    mirrored.reverse();
    assert_eq!(codes(&look(&with_bar(scene(1024, 1024), 16, mirrored))), [""; 0]);
    let moved = imageops::crop_imm(&with_bar(scene(1100, 1024), 16, SQUARES), 0, 0, 1060, 1024).to_image();
    assert_eq!(codes(&look(&moved)), [""; 0]);
}

#[test]
fn a_mark_warns_decides_and_says_that_anybody_could_have_put_it_there() {
    // T6: a watermark warning if and only if a class is named, its confidence = score / 100. X6: unsigned.
    let finding = look(&with_bar(with_star(scene(1024, 1024), 48.0, 32.0, [255.0; 3], 0.5), 16, SQUARES));
    assert_eq!(finding.signals.len(), 2);
    assert_eq!(finding.warnings.len(), 2);
    for (signal, warning) in finding.signals.iter().zip(&finding.warnings) {
        let score = signal.score.unwrap();
        assert!((90.0..=99.0).contains(&score), "{score}");
        assert!(signal.decisive && signal.unsigned_claim);
        assert_eq!(*warning, Warning::Watermark { label: signal.source.clone().unwrap(), confidence: score / 100.0 });
    }
    assert!(look(&scene(300, 300)).warnings.is_empty());
}

#[test]
fn odd_shapes_are_looked_at_without_a_panic() {
    for (width, height) in [(1, 1), (2, 3000), (3000, 2), (17, 17), (255, 257), (4001, 33)] {
        assert_eq!(codes(&look(&scene(width, height))), [""; 0], "{width}x{height}");
    }
}
