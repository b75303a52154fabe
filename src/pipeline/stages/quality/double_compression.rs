//! Whether a JPEG file's pixels had been saved as JPEG before, more coarsely and on the same grid of blocks.
//!
//! Rounding to a coarse step and then to a fine one leaves gaps and peaks in the histogram of a coefficient, at the multiples of the coarse
//! step. For every earlier quality that could be, the histograms are compared with what it would have left of smooth ones (after
//! Lukáš and Fridrich, 2003); the evidence is the gain in log-likelihood, in nats a coefficient. Pictures that were saved once had less
//! than 0.02; of real ones saved twice, 256 pixels long, three in four pass with the earlier quality right to 2. What was scaled, cut off
//! the grid or turned in between cannot be seen, nor an earlier quality near or above the file's own.

use image::RgbImage;

use super::jpeg_tables;
use crate::statistics;

/// Evidence that is beyond doubt, in nats a coefficient.
const CERTAIN: f64 = 0.08;
/// Fewer coefficients than this, other than 0, tell nothing.
const FEWEST: f64 = 200.0;
/// Earlier qualities that are tried: from here to a little below the file's own.
const LOWEST: u8 = 30;
const BELOW: u8 = 3;
/// At most this many windows are read.
const WINDOWS: usize = 2;
/// The lowest coefficients but the first, by their places in the file's (zigzag) order: row and column of each in its block.
const COEFFICIENTS: [(usize, usize); 9] = [(0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)];
/// Rows and columns of a block that these lie in.
const LOW: usize = 4;
/// Magnitudes that are counted, in steps of the file's own table.
const BINS: usize = 60;

/// How often each magnitude of one coefficient occurs.
type Histogram = [f64; BINS];

/// What an earlier saving left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Earlier {
    /// 1–100, as [`jpeg_tables::estimate`] has it.
    pub(crate) quality: u8,
    /// Nats a coefficient; never below [`CERTAIN`].
    pub(crate) evidence: f64,
}

/// The best supported earlier quality, if one is beyond doubt.
pub(crate) fn earlier(file: &[u8], rgb: &RgbImage) -> Option<Earlier> {
    let table = jpeg_tables::luma_table(file)?;
    let histograms = histograms(rgb, &table);
    let qualities = LOWEST..=jpeg_tables::quality(&table).saturating_sub(BELOW);
    let candidates = qualities.filter_map(|quality| {
        let evidence = evidence(&histograms, &table, &jpeg_tables::scaled(quality))?;
        Some(Earlier { quality, evidence })
    });
    candidates.max_by(|a, b| a.evidence.total_cmp(&b.evidence)).filter(|best| best.evidence >= CERTAIN)
}

/// Gain in log-likelihood by an earlier table, over all coefficients that it had quantised more coarsely; `None` when they are too few.
fn evidence(histograms: &[Histogram; 9], table: &[u16; 64], earlier: &[u16; 64]) -> Option<f64> {
    let (mut gain, mut count) = (0.0, 0.0);
    for (place, histogram) in histograms.iter().enumerate() {
        let (step, coarse) = (usize::from(table[place + 1]).max(1), usize::from(earlier[place + 1]));
        let spoken: f64 = histogram[1..].iter().sum();
        if coarse <= step || spoken < FEWEST / 10.0 {
            continue;
        }
        let once = smooth(histogram, coarse.div_ceil(step));
        let twice = requantised(&once, step, coarse);
        gain += (1..BINS).map(|bin| histogram[bin] * (twice[bin] / once[bin]).ln()).sum::<f64>();
        count += spoken;
    }
    (count >= FEWEST).then(|| gain / count)
}

/// Means over `reach` bins to either side, mirrored at 0, and a little everywhere; all but the first bin sum to 1.
fn smooth(histogram: &Histogram, reach: usize) -> Histogram {
    let at = |bin: isize| histogram.get(bin.unsigned_abs()).copied().unwrap_or(0.0);
    let reach = reach.min(BINS) as isize;
    let mean = |bin: usize| (-reach..=reach).map(|step| at(bin as isize + step)).sum::<f64>() / (2 * reach + 1) as f64 + 0.02;
    normalised(std::array::from_fn(mean))
}

/// What becomes of magnitudes that were rounded to `coarse` before they were rounded to `step`, a tenth of them spared: the file's
/// colours were rounded in between.
fn requantised(once: &Histogram, step: usize, coarse: usize) -> Histogram {
    let mut twice = once.map(|share| 0.1 * share);
    for magnitude in 0..BINS * step {
        let share = once[((magnitude + step / 2) / step).min(BINS - 1)] / step as f64;
        let rounded = (magnitude + coarse / 2) / coarse * coarse;
        if let Some(bin) = twice.get_mut((2 * rounded + step) / (2 * step)) {
            *bin += 0.9 * share;
        }
    }
    normalised(twice)
}

fn normalised(histogram: Histogram) -> Histogram {
    let total: f64 = histogram[1..].iter().sum();
    histogram.map(|share| share / total.max(f64::MIN_POSITIVE))
}

/// The file's own coefficients, taken from its decoded pixels.
fn histograms(rgb: &RgbImage, table: &[u16; 64]) -> [Histogram; 9] {
    let mut histograms = [[0.0; BINS]; 9];
    let waves = waves();
    for [left, top, width, height] in statistics::windows(rgb.width() as usize, rgb.height() as usize, WINDOWS) {
        for (row, column) in (0..height / 8).flat_map(|row| (0..width / 8).map(move |column| (row, column))) {
            let coefficients = transformed(rgb, left + column * 8, top + row * 8, &waves);
            for (place, (down, across)) in COEFFICIENTS.into_iter().enumerate() {
                let bin = (coefficients[down][across] / f32::from(table[place + 1].max(1))).abs().round() as usize;
                histograms[place][bin.min(BINS - 1)] += 1.0;
            }
        }
    }
    // Whatever lies beyond the last bin was counted in it.
    histograms.iter_mut().for_each(|histogram| histogram[BINS - 1] = 0.0);
    histograms
}

/// The lowest waves of the discrete cosine transform of 8 values.
fn waves() -> [[f32; 8]; LOW] {
    std::array::from_fn(|wave| {
        let scale = if wave == 0 { 0.125f32.sqrt() } else { 0.5 };
        std::array::from_fn(|place| scale * ((2 * place + 1) as f32 * wave as f32 * std::f32::consts::PI / 16.0).cos())
    })
}

/// The lowest coefficients of one block's luma, by row and column.
fn transformed(rgb: &RgbImage, left: usize, top: usize, waves: &[[f32; 8]; LOW]) -> [[f32; LOW]; LOW] {
    let stride = rgb.width() as usize * 3;
    let mut coefficients = [[0.0; LOW]; LOW];
    for line in 0..8 {
        let start = (top + line) * stride + left * 3;
        let mut across = [0.0f32; LOW];
        for (place, pixel) in rgb.as_raw()[start..start + 24].chunks_exact(3).enumerate() {
            let luma = 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
            across.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += luma * wave[place]);
        }
        for (row, wave) in coefficients.iter_mut().zip(waves) {
            row.iter_mut().zip(across).for_each(|(sum, value)| *sum += value * wave[line]);
        }
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        corpus, delivery,
        picture::{Picture, tests::LIMITS},
    };

    /// Real pictures of the corpus that are looked at.
    const PICTURES: usize = 60;

    /// Shades of many frequencies, without any trace of a grid.
    fn scene() -> RgbImage {
        let mut state = 7u32;
        let noise = RgbImage::from_fn(420, 360, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([((state >> 25) + (x * x / 900 + y * y / 700) % 90) as u8; 3])
        });
        image::imageops::blur(&noise, 0.9)
    }

    /// Saved at these qualities, one after the other.
    fn saved(rgb: &RgbImage, qualities: &[u8]) -> Picture {
        let mut rgb = rgb.clone();
        let mut last = None;
        for quality in qualities {
            let picture = Picture::decode(delivery::jpeg(&rgb, *quality).unwrap().into(), &LIMITS).unwrap();
            rgb.clone_from(&picture.rgb);
            last = Some(picture);
        }
        last.expect("one quality at least")
    }

    fn found(picture: &Picture) -> Option<u8> {
        earlier(&picture.bytes, &picture.rgb).map(|earlier| earlier.quality)
    }

    #[test]
    fn an_earlier_coarser_saving_is_found_with_its_quality() {
        for (before, now) in [(60u8, 90u8), (75, 92), (80, 95)] {
            let quality = found(&saved(&scene(), &[before, now])).expect("saved twice");
            assert!(quality.abs_diff(before) <= 2, "{before} then {now}: {quality}");
            assert_eq!(found(&saved(&scene(), &[now])), None, "{now} alone");
        }
        assert_eq!(found(&saved(&scene(), &[92, 60])), None, "what was finer before is gone");
    }

    #[test]
    fn what_cannot_be_seen_is_not_claimed() {
        let flat = RgbImage::from_pixel(200, 200, image::Rgb([90; 3]));
        assert_eq!(found(&saved(&flat, &[60, 90])), None);
        for (width, height) in [(1, 1), (7, 300), (300, 9)] {
            assert_eq!(found(&saved(&RgbImage::new(width, height), &[60, 90])), None);
        }
        assert_eq!(earlier(b"no JPEG", &scene()), None);
    }

    #[test]
    fn real_pictures_that_were_saved_once_are_not_said_to_be_saved_twice() {
        let Some(rows) = corpus::table("data/train.csv") else { return };
        let reals: Vec<_> = rows.iter().filter(|row| row["label"] == "real").collect();
        let (mut looked, mut absent, mut once, mut twice) = (0, 0, 0, 0);
        for (index, row) in reals.iter().step_by(reals.len().div_ceil(PICTURES).max(1)).enumerate() {
            let Ok(bytes) = fs::read(corpus::root().join("data").join(&row["path"])) else {
                absent += 1;
                continue;
            };
            // Made smaller, so that whatever the file went through before is gone.
            let rgb = delivery::shrink(&Picture::decode(bytes.into(), &LIMITS).unwrap().rgb, 256).into_owned();
            let (before, now) = ([50, 60, 70, 75, 80][index % 5], [90, 92, 95][index % 3]);
            looked += 1;
            once += u32::from(found(&saved(&rgb, &[now])).is_some());
            twice += u32::from(found(&saved(&rgb, &[before, now])).is_some_and(|quality| quality.abs_diff(before) <= 2));
        }
        corpus::say(&format!(
            "double compression: {looked} real pictures, {absent} skipped (not here); said of {once} saved once, {twice} saved twice"
        ));
        assert!(once * 50 <= looked && twice * 10 >= looked * 7, "{once} and {twice} of {looked}");
    }
}
