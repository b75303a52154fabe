//! What comes out of honest files of the contained formats. `tests/fixtures/formats/make.py` wrote them: 160 × 120, red left, blue
//! right, the upper third brighter.

use image::RgbImage;
use touchstone_core::finding::Stage;

use super::*;
use crate::{
    picture::{Picture, tests::LIMITS},
    stage::Look,
    stages::metadata::Metadata,
};

fn fixture(name: &str) -> Bytes {
    std::fs::read(crate::testing::workspace("tests/fixtures/formats").join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).into()
}

fn decoded(name: &str) -> Picture {
    Picture::decode_with(fixture(name), &LIMITS, &Here::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Colours at the lower left, the lower right and the upper left.
fn corners(rgb: &RgbImage) -> [[u8; 3]; 3] {
    let (right, bottom) = (rgb.width() - 1 - rgb.width() / 16, rgb.height() - 1 - rgb.height() / 16);
    [(rgb.width() / 16, bottom), (right, bottom), (rgb.width() / 16, rgb.height() / 16)].map(|(x, y)| rgb.get_pixel(x, y).0)
}

fn assert_close(name: &str, found: [u8; 3], expected: [u8; 3]) {
    assert!(found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 24), "{name}: {found:?} is not {expected:?}");
}

fn assert_flag(name: &str, rgb: &RgbImage) {
    for (found, expected) in corners(rgb).into_iter().zip([[204, 4, 4], [4, 4, 204], [204, 124, 124]]) {
        assert_close(name, found, expected);
    }
}

// T15
#[test]
fn every_contained_format_shows_the_picture_and_counts_its_frames() {
    for (name, format, frames) in [
        ("photo.heic", Format::Heic, 1),
        ("photo.heif", Format::Heic, 1),
        ("photo.avif", Format::Avif, 1),
        ("burst.heic", Format::Heic, 3),
        ("film.avif", Format::Avif, 3),
        ("picture.pdf", Format::Pdf, 3),
    ] {
        let picture = decoded(name);
        let facts = &picture.facts;
        assert_eq!((facts.format, facts.width, facts.height, facts.frames), (format, 160, 120, frames), "{name}");
        assert_flag(name, &picture.rgb);
    }
}

// T15
#[test]
fn a_turned_picture_stands_upright() {
    for name in ["turned.heic", "turned.avif"] {
        let rgb = decoded(name).rgb;
        assert_eq!(rgb.dimensions(), (120, 160), "{name}");
        // A quarter turn to the right: red above, blue below, the bright part at the right.
        assert_close(name, rgb.get_pixel(10, 10).0, [204, 4, 4]);
        assert_close(name, rgb.get_pixel(10, 150).0, [4, 4, 204]);
        assert_close(name, rgb.get_pixel(110, 10).0, [204, 124, 124]);
    }
}

// T15
#[test]
fn what_is_transparent_lies_on_white() {
    let [solid, clear] = ["clear.heic", "clear.avif"].map(|name| decoded(name).rgb);
    for (name, rgb) in [("clear.heic", solid), ("clear.avif", clear)] {
        let lower = corners(&rgb);
        let (faint, strong) = if lower[0][1] > lower[1][1] { (lower[0], lower[1]) } else { (lower[1], lower[0]) };
        assert!(faint.iter().all(|channel| *channel > 200), "{name}: {lower:?}");
        assert!(strong.iter().any(|channel| *channel < 60), "{name}: {lower:?}");
    }
}

// T15
#[test]
fn a_document_without_pictures_and_a_drawing_are_drawn() {
    let page = decoded("pages.pdf");
    assert_eq!((page.facts.format, page.rgb.dimensions(), page.facts.frames), (Format::Pdf, (1024, 683), 2));
    assert_close("pages.pdf", page.rgb.get_pixel(20, 20).0, [199, 0, 0]);
    assert_close("pages.pdf", page.rgb.get_pixel(1000, 20).0, [0, 0, 199]);
    assert!(page.rgb.pixels().filter(|pixel| pixel.0 == [255; 3]).count() > 2_000, "the word is there, in a font of our own");
    let drawing = decoded("drawing.svg");
    assert_eq!((drawing.facts.format, drawing.rgb.dimensions(), drawing.facts.frames), (Format::Svg, (1024, 768), 1));
    assert_close("drawing.svg", drawing.rgb.get_pixel(20, 500).0, [200, 0, 0]);
}

// T15, X6
#[test]
fn records_in_heif_files_are_read() {
    for name in ["generated.heic", "generated.avif"] {
        let finding = Metadata.look(&decoded(name));
        assert!(finding.stage == Stage::Metadata && finding.signals.iter().any(|signal| signal.decisive), "{name}: {finding:?}");
    }
    assert!(Metadata.look(&decoded("photo.heic")).signals.is_empty());
}

// T15
#[test]
fn no_cut_and_no_flipped_byte_panics() {
    // Drawings and pages become small.
    let (here, limits) = (Here::default(), Limits { max_side: 200, ..LIMITS });
    for name in ["photo.heic", "clear.avif", "pages.pdf", "drawing.svg"] {
        let whole = fixture(name).to_vec();
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xFF;
            for file in [flipped, whole[..at].to_vec()] {
                if let Err(refusal) = Picture::decode_with(file.into(), &limits, &here) {
                    assert!(refusal.to_string().ends_with('.'), "{refusal}");
                }
            }
        }
    }
}
