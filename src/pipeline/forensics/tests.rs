//! Known answers: what was put into a picture is found in its figures and its maps, and every picture has finite figures.

use image::{Rgb, RgbImage, imageops};

use super::*;
use crate::{delivery, picture::tests::LIMITS};

/// Shades of many frequencies, without any trace of a grid, the same on every machine.
fn scene(width: u32, height: u32) -> RgbImage {
    let mut state = 7u32;
    let noise = RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([((state >> 25) + (x * x / 900 + y * y / 700) % 90) as u8; 3])
    });
    imageops::blur(&noise, 0.9)
}

fn saved(rgb: &RgbImage, quality: u8) -> Picture {
    Picture::decode(delivery::jpeg(rgb, quality).unwrap().into(), &LIMITS).unwrap()
}

fn lossless(rgb: &RgbImage) -> Picture {
    Picture::decode(delivery::png(rgb).unwrap().into(), &LIMITS).unwrap()
}

// V4
#[test]
fn a_spliced_part_changes_more_than_the_rest_when_saved_again() {
    let whole = scene(640, 480);
    let mut spliced = saved(&whole, 75).rgb;
    let [x, y, side] = [256u32, 192, 128];
    imageops::replace(&mut spliced, &imageops::crop_imm(&whole, x, y, side, side).to_image(), i64::from(x), i64::from(y));

    let (report, maps) = examine(&lossless(&spliced));
    let level = report.error_level.levels.iter().find(|level| level.quality == 75).unwrap();
    let found = level.stands_out.expect("the part stands out");
    assert!((x..x + side).contains(&found.x) && (y..y + side).contains(&found.y), "{found:?}");
    let map = image::load_from_memory(&maps.error_level[0].1.image.bytes).unwrap().into_luma8();
    let shade = |left: u32, top: u32| {
        let part = imageops::crop_imm(&map, left, top, 60, 60).to_image();
        part.pixels().map(|pixel| u32::from(pixel.0[0])).sum::<u32>() / 3600
    };
    // The map is half the picture's size.
    assert!(shade(130, 98) > 2 * shade(20, 20), "{} {}", shade(130, 98), shade(20, 20));

    let plain = measure(&lossless(&saved(&whole, 75).rgb));
    assert_eq!(plain.error_level.levels[0].stands_out, None, "the whole picture was saved alike");
}

// V4
#[test]
fn an_enlargement_shows_its_period() {
    let plain = measure(&lossless(&scene(512, 512)));
    assert!(plain.frequency.peaks.is_empty(), "{:?}", plain.frequency.peaks);
    let periods = |filter, size: u32, expected: f64| {
        let enlarged = imageops::resize(&scene(256, 256), size, size, filter);
        let peaks = measure(&lossless(&enlarged)).frequency.peaks;
        let of_differences = peaks.iter().filter(|peak| peak.of == Of::Differences && !peak.jpeg_grid);
        let mut cycles = of_differences.map(|peak| peak.x.max(peak.y));
        assert!(cycles.any(|cycles| (cycles - expected).abs() < 0.01), "{filter:?} to {size}: {peaks:?}");
    };
    periods(imageops::FilterType::Triangle, 512, 0.5);
    periods(imageops::FilterType::CatmullRom, 512, 0.5);
    // Fivefold for every four pixels.
    periods(imageops::FilterType::Triangle, 320, 0.2);
}

// V4
#[test]
fn a_grid_of_pixels_is_a_peak_of_the_spectrum() {
    let mut marked = scene(512, 512);
    marked.enumerate_pixels_mut().filter(|(x, y, _)| (x + y) % 2 == 0).for_each(|(_, _, pixel)| pixel.0 = pixel.0.map(|value| value + 3));
    let peaks = measure(&lossless(&marked)).frequency.peaks;
    let strongest = peaks.iter().find(|peak| peak.of == Of::Pixels).expect("a chessboard");
    assert_eq!((strongest.x, strongest.y), (0.5, 0.5), "{peaks:?}");
}

// V4
#[test]
fn blocks_of_a_strong_compression_are_told_as_what_they_are() {
    let peaks = measure(&saved(&scene(512, 512), 20)).frequency.peaks;
    assert!(peaks.iter().any(|peak| peak.jpeg_grid), "{peaks:?}");
    assert!(peaks.iter().all(|peak| peak.jpeg_grid), "nothing but blocks repeats: {peaks:?}");
}

// V4
#[test]
fn noise_is_measured_in_grey_levels_and_where_it_is_missing() {
    // Twelve even levels from −5.5 to 5.5 deviate by √(143/12) = 3.45.
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(state >> 8) * 12) >> 24) as u8
    };
    let mut noisy = RgbImage::from_fn(512, 512, |_, _| Rgb([100 + draw(); 3]));
    let whole = measure(&lossless(&noisy)).noise;
    assert!((whole.level - 3.45).abs() < 0.15 && whole.uniformity > 0.9 && whole.silent_share == 0.0, "{whole:?}");
    imageops::replace(&mut noisy, &RgbImage::from_pixel(256, 512, Rgb([105; 3])), 0, 0);
    let half = measure(&lossless(&noisy)).noise;
    assert!((0.4..0.6).contains(&half.silent_share) && half.uniformity < 0.05, "{half:?}");
}

// V4
#[test]
fn a_files_own_compression_and_the_one_before_are_read() {
    let once = measure(&saved(&scene(420, 360), 92)).jpeg.expect("a JPEG");
    assert_eq!((once.quality, once.chroma_subsampling.as_deref(), once.progressive, once.earlier), (Some(92), Some("4:2:0"), false, None));
    assert_eq!((once.tables.len(), once.tables[0].number, once.tables[1].steps.len()), (2, 0, 64));
    let twice = measure(&saved(&saved(&scene(420, 360), 75).rgb, 92)).jpeg.expect("a JPEG");
    assert!(twice.earlier.is_some_and(|earlier| earlier.quality.abs_diff(75) <= 2), "{:?}", twice.earlier);
    assert_eq!(measure(&lossless(&scene(64, 64))).jpeg, None);
}

// V4, V12: where a picture was taken is nobody's business.
#[test]
fn a_cameras_record_is_copied_but_never_where_it_was() {
    use img_parts::{ImageEXIF, jpeg::Jpeg};
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [tag.to_le_bytes().to_vec(), kind.to_le_bytes().to_vec(), count.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
    };
    // Six entries end at 8 + 2 + 72 + 4 = 86; then the texts.
    let entries = [
        entry(0x010F, 2, 6, 86),
        entry(0x0110, 2, 4, u32::from_le_bytes(*b"P60\0")),
        entry(0x0112, 3, 1, 6),
        entry(0x0132, 2, 20, 92),
        entry(0x8825, 4, 1, 112),
        entry(0x0131, 2, 4, u32::from_le_bytes(*b"abc\0")),
    ];
    let record = [&b"II\x2A\0\x08\0\0\0\x06\0"[..], &entries.concat(), &[0; 4], b"NIKON\0", b"2008:10:22 16:28:39\0", &[0; 8]].concat();
    let mut file = Jpeg::from_bytes(delivery::jpeg(&scene(64, 48), 90).unwrap().into()).unwrap();
    file.set_exif(Some(record.into()));
    let picture = Picture::decode(file.encoder().bytes(), &LIMITS).unwrap();
    let told = measure(&picture).exif.expect("a record");
    assert_eq!((told.make.as_deref(), told.model.as_deref(), told.software.as_deref()), (Some("NIKON"), Some("P60"), Some("abc")));
    assert_eq!((told.changed_at.as_deref(), told.orientation, told.gps_present), (Some("2008:10:22 16:28:39"), Some(6), true));
    assert_eq!(measure(&saved(&scene(64, 48), 90)).exif, None);
}

#[test]
fn every_picture_has_finite_figures_and_maps_that_fit() {
    for (width, height) in [(1, 1), (2, 3), (3, 3), (7, 900), (900, 5), (255, 257), (3000, 1600)] {
        let (report, maps) = examine(&lossless(&scene(width, height)));
        // JSON has no infinities: they would be null, where a number belongs.
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["noise"]["level"].is_number() && json["error_level"]["levels"][2]["block_contrast"].is_number(), "{json}");
        assert_eq!(json["frequency"]["high_share"].is_number(), width >= 256 && height >= 256);
        for map in maps.error_level.iter().map(|map| &map.1).chain([&maps.noise]).chain(&maps.spectrum) {
            let drawn = image::load_from_memory(&map.image.bytes).unwrap();
            assert!(drawn.width().max(drawn.height()) <= 512 && map.white > 0.0);
        }
    }
}

#[test]
fn the_same_picture_gives_the_same_report() {
    let picture = saved(&scene(300, 300), 80);
    assert_eq!(examine(&picture), examine(&picture));
}

/// Writes the maps of a file to look at: `FORENSICS_LOOK=<file> cargo test … maps_to_look_at -- --ignored`.
#[test]
#[ignore = "for eyes, not for machines"]
fn maps_to_look_at() {
    let file = std::env::var_os("FORENSICS_LOOK").expect("FORENSICS_LOOK names a picture");
    let picture = Picture::decode(std::fs::read(&file).unwrap().into(), &LIMITS).unwrap();
    let (report, maps) = examine(&picture);
    crate::corpus::say(&serde_json::to_string_pretty(&report).unwrap());
    let folder = std::env::temp_dir();
    for (quality, map) in &maps.error_level {
        std::fs::write(folder.join(format!("look-ela-{quality}.png")), &map.image.bytes).unwrap();
    }
    std::fs::write(folder.join("look-noise.png"), &maps.noise.image.bytes).unwrap();
    if let Some(map) = &maps.spectrum {
        std::fs::write(folder.join("look-spectrum.png"), &map.image.bytes).unwrap();
    }
}
