//! Whether a picture is a photograph of a screen: a screen's pixels form a square lattice, which a camera sees slightly turned.
//!
//! In the spectrum that is a pair of sharp peaks at the same distance from the origin, a right angle apart. Peaks on the axes are left out:
//! JPEG's 8×8 blocks, enlarged pixels, tables and tiles make them, and a screenshot (which is no recapture) has its lattice there.
//! A recapture that was scaled down until the lattice is gone cannot be seen this way.

use image::RgbImage;

use super::spectrum::{Spectrum, TILE};

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

/// Mean power over the tiles, each brought to the same total first.
fn mean_power(rgb: &RgbImage) -> Option<Vec<f32>> {
    let (columns, rows) = (rgb.width() as usize / TILE, rgb.height() as usize / TILE);
    let spectrum = Spectrum::new();
    let mut mean = vec![0.0; TILE * TILE];
    let tiles = columns * rows;
    for chosen in 0..tiles.min(MAX_TILES) {
        let tile = (chosen * 2 + 1) * tiles / (tiles.min(MAX_TILES) * 2);
        let power = spectrum.power(&luma(rgb, tile % columns * TILE, tile / columns * TILE));
        let total = power.iter().sum::<f32>().max(1.0);
        mean.iter_mut().zip(&power).for_each(|(sum, power)| *sum += power / total);
    }
    (tiles > 0).then_some(mean)
}

fn luma(rgb: &RgbImage, left: usize, top: usize) -> Vec<f32> {
    let stride = rgb.width() as usize * 3;
    let lines = rgb.as_raw().chunks_exact(stride).skip(top).take(TILE);
    let pixels = lines.flat_map(|line| line[left * 3..(left + TILE) * 3].chunks_exact(3));
    pixels.map(|pixel| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])).collect()
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

/// Every local maximum in the upper half of the frequencies that are looked at.
fn peaks(power: &[f32]) -> Vec<Peak> {
    // Negative frequencies wrap: the conversion keeps the low bits, and the tile's side is a power of two.
    let at = |x: i32, y: i32| power[(y as usize % TILE) * TILE + x as usize % TILE];
    let reach = FINEST as i32;
    let mut peaks = Vec::new();
    for (x, y) in (0..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x, y))) {
        let radius = (x as f32).hypot(y as f32);
        if !(COARSEST..=FINEST).contains(&radius) || x.abs() <= OFF_AXIS || y <= OFF_AXIS {
            continue;
        }
        let here = at(x, y);
        let around = |reach: i32| (-reach..=reach).flat_map(move |dy| (-reach..=reach).map(move |dx| (dx, dy)));
        if around(1).any(|(dx, dy)| at(x + dx, y + dy) > here) {
            continue;
        }
        // The window spreads a peak over its neighbours; what lies beyond them is the surroundings.
        let square = |reach: i32| around(reach).map(|(dx, dy)| at(x + dx, y + dy)).sum::<f32>();
        let surroundings = (square(6) - square(3)) / (13.0 * 13.0 - 7.0 * 7.0);
        peaks.push(Peak { x: x as f32, y: y as f32, prominence: here / surroundings.max(f32::MIN_POSITIVE) });
    }
    peaks
}

/// Whether a lattice of this strength is a screen's, and how sure that is, 50–99. Without a lattice a recapture is unlikely, not excluded:
/// scaling down removes it.
pub(super) fn opinion(lattice: f32) -> (bool, f64) {
    let ratio = f64::from(lattice / LATTICE);
    if ratio >= 1.0 { (true, (70.0 + 15.0 * ratio.ln()).min(99.0)) } else { (false, 90.0 - 40.0 * ratio) }
}
