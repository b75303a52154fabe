//! Computed pictures show what was put into them, and every picture has finite figures.

use std::io::Cursor;

use image::{GrayImage, Luma, Rgb, RgbImage, codecs::jpeg::JpegEncoder, imageops};

use super::*;
use crate::picture::tests::LIMITS;

/// Independent noise in each channel, the same on every machine.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(width, height, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            96 + (state >> 26) as u8
        }))
    })
}

fn figures(rgb: &RgbImage) -> [(&'static str, f64); COUNT] {
    let mut file = Cursor::new(Vec::new());
    rgb.write_to(&mut file, image::ImageFormat::Png).unwrap();
    of(&Picture::decode(file.into_inner().into(), &LIMITS).unwrap())
}

fn figure(rgb: &RgbImage, name: &str) -> f64 {
    figures(rgb).into_iter().find(|figure| figure.0 == name).unwrap().1
}

#[test]
fn what_was_enlarged_shows_where_its_up_sampler_left_a_peak() {
    let plain = noise(512, 512);
    assert!(figure(&plain, "half").abs() < 1.5 && figure(&plain, "quarter").abs() < 1.5 && figure(&plain, "checker").abs() < 1.5);
    // A transposed convolution's trace: every other column, every fourth, every other pixel of a chessboard a little lighter.
    let marked = |mark: fn(u32, u32) -> bool| {
        let mut rgb = plain.clone();
        rgb.enumerate_pixels_mut().filter(|(x, y, _)| mark(*x, *y)).for_each(|(_, _, pixel)| pixel.0 = pixel.0.map(|value| value + 4));
        rgb
    };
    assert!(figure(&marked(|x, _| x % 2 == 0), "half") > 3.0);
    assert!(figure(&marked(|x, _| x % 4 == 0), "quarter") > 3.0);
    assert!(figure(&marked(|_, y| y % 4 == 0), "quarter") > 3.0);
    assert!(figure(&marked(|x, y| (x + y) % 2 == 0), "checker") > 3.0);
    // What was enlarged smoothly is alike a pixel away.
    let enlarged = imageops::resize(&noise(256, 256), 512, 512, imageops::FilterType::Triangle);
    assert!(figure(&enlarged, "diagonal") > figure(&plain, "diagonal") + 1.0);
}

#[test]
fn noise_is_measured_as_what_it_is() {
    let rgb = noise(512, 512);
    // 64 even levels: √(64²/12) = 18.5 a channel; luma √(.30² + .59² + .11²) = .67 of it; less the mean of nine √(8/9): 11.7.
    assert!((figure(&rgb, "energy").exp() - 11.7).abs() < 0.4, "{}", figure(&rgb, "energy").exp());
    // Even levels have kurtosis 1.8; the weights of luma and of the residual bring it to 2.39.
    assert!((figure(&rgb, "kurtosis") - (2.39f64 / 3.0).ln()).abs() < 0.03, "{}", figure(&rgb, "kurtosis"));
    assert!(figure(&rgb, "channels").abs() < 0.05 && figure(&rgb, "blockiness").abs() < 0.1, "{}", figure(&rgb, "channels"));
    // A pixel's 3×3 mean shares four pixels with its diagonal neighbour's, and each holds the other: (4 − 2 · 9) / 81 over 8/9.
    assert!((figure(&rgb, "diagonal") + 10.0 * 14.0 / 72.0).abs() < 0.1, "{}", figure(&rgb, "diagonal"));
    assert!(figure(&rgb, "lag4").abs() < 0.1);
    let grey = GrayImage::from_fn(512, 512, |x, y| Luma([rgb.get_pixel(x, y).0[0]]));
    assert!(figure(&image::DynamicImage::from(grey).to_rgb8(), "channels") > 2.9, "one noise in all channels");
}

#[test]
fn compression_shows_in_blocks_and_in_the_files_own_tables() {
    let rgb = imageops::blur(&noise(256, 256), 1.5);
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 25).encode_image(&rgb).unwrap();
    let compressed = of(&Picture::decode(file.into(), &LIMITS).unwrap());
    let at = |name: &str| compressed.iter().find(|figure| figure.0 == name).unwrap().1;
    assert!(at("blockiness") > figure(&rgb, "blockiness") + 1.0, "{}", at("blockiness"));
    assert!((at("quality") + 2.0).abs() < 0.1 && figure(&rgb, "quality") == 1.0);
    assert_eq!(at("megapixels"), (65_536.0f64 / 1e6).log2());
}

#[test]
fn every_picture_has_finite_figures_of_about_one_unit() {
    let mut pictures: Vec<RgbImage> =
        [(1, 1), (2, 2), (3, 3), (7, 900), (900, 5), (64, 63), (257, 300), (5000, 9)].map(|(width, height)| noise(width, height)).into();
    pictures.extend([0, 128, 255].map(|level| RgbImage::from_pixel(300, 300, Rgb([level; 3]))));
    pictures.push(RgbImage::from_fn(512, 512, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3])));
    for rgb in pictures {
        for (name, value) in figures(&rgb) {
            assert!(value.is_finite() && value.abs() < 25.0, "{name} of {}×{}: {value}", rgb.width(), rgb.height());
        }
    }
    assert_eq!(figure(&RgbImage::from_pixel(300, 300, Rgb([90; 3])), "half"), 0.0, "flat has no peak");
}

#[test]
fn windows_are_few_and_lie_inside_on_the_grid() {
    for (width, height) in [(1, 1), (3, 3000), (255, 257), (1024, 1024), (5000, 7000), (32768, 10)] {
        let windows: Vec<_> = windows(width, height, WINDOWS).collect();
        assert!((1..=WINDOWS).contains(&windows.len()));
        for [left, top, wide, high] in windows {
            assert!(left % 8 == 0 && top % 8 == 0 || width < 8 || height < 8);
            assert!(left + wide <= width && top + high <= height && wide.min(high) > 0);
        }
    }
}
