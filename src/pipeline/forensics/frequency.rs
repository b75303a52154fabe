//! What repeats in a picture: the peaks of its spectrum, and the traces of interpolation (`interpolation.rs`).

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    interpolation,
    paint::{self, Map},
    part::Part,
    told,
};
use crate::spectrum::{Power, TILE};

/// Bins nearer to the origin are the picture's own shapes.
const COARSEST: i32 = 12;
/// Times its surroundings that a frequency stands out.
const PEAK: f32 = 20.0;
/// Most peaks that are told.
const MOST: usize = 12;
/// From here on a frequency is high, in bins: a quarter cycle a pixel.
const HIGH: i32 = TILE as i32 / 4;

/// What repeats.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Frequency {
    /// The share of power above a quarter cycle a pixel, 0–1; null for a picture smaller than 256 × 256 pixels.
    #[schema(required)]
    pub high_share: Option<f64>,
    /// The frequencies that stand out, the strongest first; at most 12 of each sort.
    pub peaks: Vec<Peak>,
    /// What it means.
    pub meaning: &'static str,
    /// What it does not.
    pub cannot_tell: &'static str,
}

/// A frequency that stands out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Peak {
    /// Cycles a pixel across, −0.5 to 0.5.
    pub x: f64,
    /// Cycles a pixel down, 0 to 0.5.
    pub y: f64,
    /// How many times the power exceeds that of the frequencies around it.
    pub strength: f64,
    /// What repeats.
    pub of: Of,
    /// It is one of those that JPEG's blocks of 8 × 8 pixels leave.
    pub jpeg_grid: bool,
}

/// What repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// The pixels themselves: a grid, as transposed convolutions and screens leave one.
    Pixels,
    /// How much neighbouring pixels differ: every pixel that was interpolated differs less, as in an enlarged picture.
    Differences,
}

impl Frequency {
    pub(super) fn of(power: Option<&Power>, part: &Part<'_>) -> Self {
        let mut peaks = power.map(pixels).unwrap_or_default();
        peaks.extend(interpolation::peaks(part).into_iter().take(MOST));
        mark_grid(&mut peaks);
        Self {
            high_share: power.map(high_share),
            peaks,
            meaning: "A strong peak is a pattern that repeats with that period all over the picture: an enlargement, a generator's \
                      up-sampling, a screen or a print that was photographed.",
            cannot_tell: "Fabrics, fences and JPEG's own blocks repeat as well, and many generators and most enlargements that were made \
                          smaller again leave no peak.",
        }
    }
}

/// Peaks of the spectrum, strongest first.
fn pixels(power: &Power) -> Vec<Peak> {
    let half = TILE as i32 / 2;
    // Of a frequency and its mirror image one is enough.
    let once = |x: i32, y: i32| (y > 0 || x > 0) && x > -half && (y < half || x >= 0);
    let mut found = power.peaks(TILE / 2, |x, y| once(x, y) && x * x + y * y >= COARSEST * COARSEST);
    found.retain(|peak| peak.prominence >= PEAK);
    found.sort_by(|a, b| b.prominence.total_cmp(&a.prominence));
    let cycles = |bin: i32| f64::from(bin) / TILE as f64;
    let peak = |found: &crate::spectrum::Peak| Peak {
        x: cycles(found.x),
        y: cycles(found.y),
        strength: told(f64::from(found.prominence)),
        of: Of::Pixels,
        jpeg_grid: false,
    };
    found.iter().take(MOST).map(peak).collect()
}

/// A peak at a multiple of an eighth is the blocks' where an odd multiple stands out as well: a picture enlarged twofold has only the even
/// ones.
fn mark_grid(peaks: &mut [Peak]) {
    let eighths = |cycles: f64| {
        let eighths = cycles.abs() * 8.0;
        ((eighths - eighths.round()).abs() < 0.05).then_some(eighths.round() as u32)
    };
    let odd = peaks.iter().any(|peak| [peak.x, peak.y].into_iter().any(|cycles| eighths(cycles).is_some_and(|count| count % 2 == 1)));
    for peak in peaks.iter_mut() {
        peak.jpeg_grid = odd && eighths(peak.x).is_some() && eighths(peak.y).is_some();
    }
}

fn every_bin() -> impl Iterator<Item = (i32, i32)> {
    let half = TILE as i32 / 2;
    (-half..half).flat_map(move |y| (-half..half).map(move |x| (x, y)))
}

fn high_share(power: &Power) -> f64 {
    let sums = every_bin().fold([0.0, 0.0], |[all, high], (x, y)| {
        let here = f64::from(power.at(x, y));
        [all + here, if x * x + y * y > HIGH * HIGH { high + here } else { high }]
    });
    told(sums[1] / sums[0].max(f64::MIN_POSITIVE))
}

/// The logarithm of the power, frequency 0 in the middle, black at a ten-millionth of the strongest.
pub(super) fn map(power: &Power) -> Map {
    let strongest = every_bin().map(|(x, y)| power.at(x, y)).fold(f32::MIN_POSITIVE, f32::max);
    let shade = |(x, y)| 7.0 + (power.at(x, y) / strongest).max(1e-7).log10();
    paint::grey(every_bin().map(shade), TILE, TILE, 1.0)
}
