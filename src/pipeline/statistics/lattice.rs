//! Peaks of the residual's spectrum where up-samplers leave them: at ½ and ¼ cycle a pixel on the axes, at ½ on the diagonal.
//!
//! The spectrum on an axis is the transform of the residual's mean line, so no two-dimensional transform is needed.

use super::tile::Tile;

/// Shorter lines have too few neighbours around a peak.
const SHORTEST: usize = 64;
/// Neighbours of a peak, in bins to either side.
const NEIGHBOURS: std::ops::RangeInclusive<usize> = 2..=6;
/// Beyond this a peak says no more, in natural logarithms.
const MOST: f64 = 6.0;

/// Power at the peaks and around them, over the windows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lattice {
    /// Half, quarter, checker: power there, mean power around.
    power: [[f64; 2]; 3],
}

impl Lattice {
    /// Adds a window, by its residual's mean power: a rough one counts as much as a smooth one.
    pub(super) fn add(&mut self, tile: &Tile, mean_power: f64) {
        let (across, down, checker) = mean_lines(tile);
        let scale = 1.0 / (mean_power + 1e-3);
        for line in [&across, &down].into_iter().filter(|line| line.len() >= SHORTEST) {
            self.one(0, line, line.len() / 2, scale);
            self.one(1, line, line.len() / 4, scale);
        }
        if checker.len() >= SHORTEST {
            self.one(2, &checker, checker.len() / 2, scale);
        }
    }

    fn one(&mut self, peak: usize, line: &[f64], bin: usize, scale: f64) {
        let around = NEIGHBOURS.flat_map(|far| [bin - far, bin + far]).map(|bin| power(line, bin)).sum::<f64>();
        let sums = &mut self.power[peak];
        *sums = [sums[0] + power(line, bin) * scale, sums[1] + around * scale / (2 * NEIGHBOURS.count()) as f64];
    }

    /// Half, quarter, checker: natural log of the peak over what is around it; 0 where there is neither.
    pub(super) fn peaks(&self) -> [f64; 3] {
        self.power.map(|[at, around]| ((at + 1e-6) / (around + 1e-6)).ln().clamp(-MOST, MOST))
    }
}

/// The mean of all rows, of all columns, and of all rows with every other one negated.
fn mean_lines(tile: &Tile) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut parts = [vec![0.0f32; tile.width], vec![0.0f32; tile.width]];
    for (row, line) in tile.residual.chunks_exact(tile.width).enumerate() {
        parts[row % 2].iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
    }
    let rows = tile.height as f64;
    let both = |sign: f64| parts[0].iter().zip(&parts[1]).map(|(even, odd)| (f64::from(*even) + sign * f64::from(*odd)) / rows).collect();
    let down = tile.residual.chunks_exact(tile.width).map(|line| f64::from(line.iter().sum::<f32>()) / tile.width as f64);
    (both(1.0), down.collect(), both(-1.0))
}

/// Power of a line's discrete Fourier transform at one bin (Goertzel's recurrence).
pub(crate) fn power(line: &[f64], bin: usize) -> f64 {
    let twice = 2.0 * (std::f64::consts::TAU * bin as f64 / line.len() as f64).cos();
    let (a, b) = line.iter().fold((0.0, 0.0), |(a, b), value| (value + twice * a - b, a));
    (a * a + b * b - twice * a * b).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waves_power_lies_at_its_bin() {
        let wave: Vec<f64> = (0..64).map(|place| (std::f64::consts::TAU * 16.0 * f64::from(place) / 64.0).cos()).collect();
        assert!((power(&wave, 16) - 32.0 * 32.0).abs() < 1e-6 && power(&wave, 20) < 1e-6);
    }
}
