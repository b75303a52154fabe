//! Whether a picture is a photograph of a screen: a screen's pixels form a square lattice, which a camera sees slightly turned.
//!
//! In the spectrum that is a pair of sharp peaks at the same distance from the origin, a right angle apart. Peaks on the axes are left out:
//! JPEG's 8×8 blocks, enlarged pixels, tables and tiles make them, and a screenshot (which is no recapture) has its lattice there.
//! A recapture that was scaled down until the lattice is gone cannot be seen this way.

use image::RgbImage;

use super::spectrum::{Power, Spectrum, TILE};
use crate::statistics::evenly;

/// At most this many tiles are transformed, spread evenly over the picture.
const MAX_TILES: usize = 4;
/// Frequencies that are looked at, in bins from the origin: coarser ones are the picture's own, finer ones are beyond the sensor.
const COARSEST: f32 = 24.0;
const FINEST: f32 = 124.0;
/// A peak nearer than this to an axis, in bins, is no evidence.
const OFF_AXIS: i32 = 2;
/// How many times stronger than its surroundings both peaks of a lattice are.
pub(super) const LATTICE: f32 = 150.0;

/// The strength of the best lattice: how many times its weaker peak exceeds its surroundings, 0 without any. `None` when the
/// picture is smaller than one tile.
pub(super) fn lattice(rgb: &RgbImage) -> Option<f32> {
    let power = mean_power(rgb)?;
    let mut peaks = peaks(&power);
    peaks.sort_by(|a, b| b.prominence.total_cmp(&a.prominence));
    peaks.truncate(24);
    let pairs = peaks.iter().enumerate().flat_map(|(index, a)| peaks[..index].iter().map(move |b| (a, b)));
    let strength = pairs.filter(|(a, b)| a.is_square_with(b)).map(|(a, b)| a.prominence.min(b.prominence)).max_by(f32::total_cmp);
    Some(strength.unwrap_or(0.0))
}

/// Power over the tiles, each brought to the same total first.
fn mean_power(rgb: &RgbImage) -> Option<Power> {
    let (columns, rows) = (rgb.width() as usize / TILE, rgb.height() as usize / TILE);
    let mut spectrum = Spectrum::new();
    let mut mean = Power::none();
    let tiles = columns * rows;
    for tile in evenly(tiles, MAX_TILES) {
        mean.add(&spectrum.power(luma(rgb, tile % columns * TILE, tile / columns * TILE)));
    }
    (tiles > 0).then_some(mean)
}

fn luma(rgb: &RgbImage, left: usize, top: usize) -> impl Iterator<Item = f32> {
    let stride = rgb.width() as usize * 3;
    let lines = rgb.as_raw().chunks_exact(stride).skip(top).take(TILE);
    let pixels = lines.flat_map(move |line| line[left * 3..(left + TILE) * 3].chunks_exact(3));
    pixels.map(|pixel| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]))
}

/// A frequency that stands out.
struct Peak {
    x: f32,
    y: f32,
    prominence: f32,
}

impl Peak {
    /// Equally far from the origin and a right angle apart, within what bins and perspective leave open.
    fn is_square_with(&self, other: &Self) -> bool {
        let (a, b) = (self.x.hypot(self.y), other.x.hypot(other.y));
        let cosine = (self.x * other.x + self.y * other.y) / (a * b);
        cosine.abs() < 0.06 && (0.85..1.18).contains(&(a / b))
    }
}

/// How far the surroundings of a peak reach, in bins, and the part of them that belongs to the peak: the window spreads it.
const AROUND: usize = 6;
const OWN: usize = 3;

/// Every local maximum in the upper half of the frequencies that are looked at.
fn peaks(power: &Power) -> Vec<Peak> {
    let reach = FINEST as usize;
    let (middle, wide) = (reach + AROUND, 2 * (reach + AROUND) + 1);
    // Unwrapped, frequency 0 in the middle of every line.
    let line = |y: usize| (0..wide).map(move |x| power.at(x as i32 - middle as i32, y as i32 - AROUND as i32));
    let plane: Vec<f32> = (0..=reach + 2 * AROUND).flat_map(line).collect();
    let square = |x: usize, y: usize, reach: usize| {
        let lines = plane[(y - reach) * wide..(y + reach + 1) * wide].chunks_exact(wide);
        lines.flat_map(|line| &line[x - reach..=x + reach]).sum::<f32>()
    };
    let mut peaks = Vec::new();
    for (x, y) in (0..=reach).flat_map(|y| (AROUND..wide - AROUND).map(move |x| (x, y + AROUND))) {
        let (across, down) = (x as i32 - middle as i32, (y - AROUND) as i32);
        let squared = (across * across + down * down) as f32;
        if !(COARSEST * COARSEST..=FINEST * FINEST).contains(&squared) || across.abs() <= OFF_AXIS || down <= OFF_AXIS {
            continue;
        }
        let here = plane[y * wide + x];
        if [y - 1, y, y + 1].iter().any(|y| plane[y * wide + x - 1..=y * wide + x + 1].iter().any(|near| *near > here)) {
            continue;
        }
        let cells = |reach: usize| ((2 * reach + 1) * (2 * reach + 1)) as f32;
        let surroundings = (square(x, y, AROUND) - square(x, y, OWN)) / (cells(AROUND) - cells(OWN));
        peaks.push(Peak { x: across as f32, y: down as f32, prominence: here / surroundings.max(f32::MIN_POSITIVE) });
    }
    peaks
}

/// Whether a lattice of this strength is a screen's, and how sure that is, 50–99. Without a lattice a recapture is unlikely, not excluded:
/// scaling down removes it.
pub(super) fn opinion(lattice: f32) -> (bool, f64) {
    let ratio = f64::from(lattice / LATTICE);
    if ratio >= 1.0 { (true, (70.0 + 15.0 * ratio.ln()).min(99.0)) } else { (false, 90.0 - 40.0 * ratio) }
}
