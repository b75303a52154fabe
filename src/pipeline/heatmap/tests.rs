//! What a heatmap looks like for patches that these tests make up (row T7).

use bytes::Bytes;
use image::{Rgb, RgbImage};
use touchstone_core::{media::Format, verdict::ImageFacts};

use super::*;
use crate::patches::Patch;

fn picture(width: u32, height: u32) -> Picture {
    let facts = ImageFacts { format: Format::Png, width, height, frames: 1, bytes: 0, sha256: String::new() };
    Picture { bytes: Bytes::new(), facts, rgb: RgbImage::from_pixel(width, height, Rgb([200, 200, 200])) }
}

/// The left half says `left`, the right half `right`.
fn halves(width: u32, height: u32, left: f32, right: f32) -> PatchGrid {
    let half = width as f32 / 2.0;
    let patch = |x, logit| Patch { x, y: 0.0, width: half, height: height as f32, logit };
    PatchGrid { patches: vec![patch(0.0, left), patch(half, right)] }
}

fn rgba(picture: &Picture, patches: &PatchGrid, normalized: bool) -> RgbaImage {
    let image = draw(picture, patches, HeatmapStyle { overlay: false, normalized }).expect("drawn");
    assert_eq!(image.content_type, "image/png");
    image::load_from_memory(&image.bytes).expect("a PNG").to_rgba8()
}

// T7
#[test]
fn the_transparent_map_is_clear_where_the_model_saw_nothing_and_red_where_it_saw_much() {
    let map = rgba(&picture(320, 160), &halves(320, 160, -9.0, 9.0), false);
    assert_eq!(map.dimensions(), (320, 160));
    assert_eq!(map.get_pixel(8, 80).0, [0, 0, 128, 0]);
    assert_eq!(map.get_pixel(312, 80).0, [128, 0, 0, 255]);
}

// T7
#[test]
fn a_normalised_map_uses_the_whole_scale_and_a_raw_one_does_not() {
    let (picture, patches) = (picture(320, 160), halves(320, 160, 0.4, 0.5));
    let alpha = |map: &RgbaImage, x| map.get_pixel(x, 80).0[3];
    let raw = rgba(&picture, &patches, false);
    assert_eq!((alpha(&raw, 8), alpha(&raw, 312)), (153, 159));
    let stretched = rgba(&picture, &patches, true);
    assert_eq!((alpha(&stretched, 8), alpha(&stretched, 312)), (0, 255));
}

// T7
#[test]
fn a_flat_map_stays_flat() {
    let (picture, patches) = (picture(320, 160), halves(320, 160, 2.0, 2.0));
    assert_eq!(rgba(&picture, &patches, true), rgba(&picture, &patches, false));
    assert!(rgba(&picture, &patches, true).pixels().all(|pixel| pixel.0[3] == 225));
}

// T7
#[test]
fn the_overlay_is_a_jpeg_of_at_most_1024_pixels_and_the_same_each_time() {
    let (picture, patches) = (picture(3000, 1500), halves(3000, 1500, -9.0, 9.0));
    let style = HeatmapStyle { overlay: true, normalized: true };
    let image = draw(&picture, &patches, style).expect("drawn");
    assert_eq!((image.content_type, image.extension), ("image/jpeg", "jpg"));
    let pixels = image::load_from_memory(&image.bytes).expect("a JPEG").to_rgb8();
    assert_eq!(pixels.dimensions(), (1024, 512));
    let (cold, hot) = (pixels.get_pixel(20, 256).0, pixels.get_pixel(1000, 256).0);
    assert!(cold[2] > cold[0] + 30 && hot[0] > hot[2] + 30, "{cold:?} {hot:?}");
    assert_eq!(draw(&picture, &patches, style).expect("drawn"), image);
}

#[test]
fn strips_and_single_pixels_can_be_drawn() {
    for (width, height) in [(1, 1), (32768, 10)] {
        let map = rgba(&picture(width, height), &halves(width, height, 1.0, -1.0), true);
        assert!(map.width() <= LONGEST && map.height() >= 1);
    }
}
