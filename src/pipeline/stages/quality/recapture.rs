//! Whether a picture is a photograph of a screen: a screen's pixels form a square lattice, which a camera sees slightly turned.
//!
//! In the spectrum that is a pair of sharp peaks at the same distance from the origin, a right angle apart. Peaks on the axes are left out:
//! JPEG's 8×8 blocks, enlarged pixels, tables and tiles make them, and a screenshot (which is no recapture) has its lattice there.
//! A recapture that was scaled down until the lattice is gone cannot be seen this way.

use image::RgbImage;

use crate::spectrum::{self, Peak};

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
    let power = spectrum::mean_power(rgb, MAX_TILES)?;
    let mut peaks = power.peaks(FINEST as usize, |x, y| {
        let squared = (x * x + y * y) as f32;
        (COARSEST * COARSEST..=FINEST * FINEST).contains(&squared) && x.abs() > OFF_AXIS && y > OFF_AXIS
    });
    peaks.sort_by(|a, b| b.prominence.total_cmp(&a.prominence));
    peaks.truncate(24);
    let pairs = peaks.iter().enumerate().flat_map(|(index, a)| peaks[..index].iter().map(move |b| (a, b)));
    let strength = pairs.filter(|(a, b)| is_square(a, b)).map(|(a, b)| a.prominence.min(b.prominence)).max_by(f32::total_cmp);
    Some(strength.unwrap_or(0.0))
}

/// Equally far from the origin and a right angle apart, within what bins and perspective leave open.
fn is_square(a: &Peak, b: &Peak) -> bool {
    let [a, b] = [a, b].map(|peak| [peak.x as f32, peak.y as f32]);
    let (far, near) = (a[0].hypot(a[1]), b[0].hypot(b[1]));
    let cosine = (a[0] * b[0] + a[1] * b[1]) / (far * near);
    cosine.abs() < 0.06 && (0.85..1.18).contains(&(far / near))
}

/// Whether a lattice of this strength is a screen's, and how sure that is, 50–99. Without a lattice a recapture is unlikely, not excluded:
/// scaling down removes it.
pub(super) fn opinion(lattice: f32) -> (bool, f64) {
    let ratio = f64::from(lattice / LATTICE);
    if ratio >= 1.0 { (true, (70.0 + 15.0 * ratio.ln()).min(99.0)) } else { (false, 90.0 - 40.0 * ratio) }
}
