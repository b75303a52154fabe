//! The power spectrum of a picture's tiles: a small radix-2 Fourier transform, since nothing else here needs one.

use std::f32::consts::TAU;

/// Side of a tile in pixels and of the spectrum in bins; a power of two.
pub(super) const TILE: usize = 256;

type Complex = (f32, f32);

/// Transforms tiles; holds the twiddle factors and the window.
pub(super) struct Spectrum {
    twiddles: Vec<Complex>,
    window: Vec<f32>,
}

impl Spectrum {
    /// Prepares the tables.
    pub(super) fn new() -> Self {
        let twiddles = (0..TILE / 2).map(|index| TAU * index as f32 / TILE as f32).map(|angle| (angle.cos(), -angle.sin())).collect();
        let window = (0..TILE).map(|index| 0.5 - 0.5 * (TAU * (index as f32 + 0.5) / TILE as f32).cos()).collect();
        Self { twiddles, window }
    }

    /// Power of a tile of `TILE`×`TILE` values at every frequency, row by row; the mean is taken out and the edges are faded first.
    pub(super) fn power(&self, tile: &[f32]) -> Vec<f32> {
        let mean = tile.iter().sum::<f32>() / tile.len() as f32;
        let weight = |index: usize| self.window[index / TILE] * self.window[index % TILE];
        let mut data: Vec<Complex> = tile.iter().enumerate().map(|(index, value)| ((value - mean) * weight(index), 0.0)).collect();
        // All columns at once, row against row: neighbours in memory stay neighbours.
        self.transform(&mut data, TILE);
        let mut power = vec![0.0; TILE * TILE];
        // The input is real: one half of the rows mirrors the other.
        for (y, row) in data.chunks_exact_mut(TILE).take(TILE / 2 + 1).enumerate() {
            self.transform(row, 1);
            for (x, (re, im)) in row.iter().enumerate() {
                power[y * TILE + x] = re * re + im * im;
                power[(TILE - y) % TILE * TILE + (TILE - x) % TILE] = re * re + im * im;
            }
        }
        power
    }

    /// A transform in place, decimation in time, of `TILE` groups of `width` values each: every group is one step of the transform, and its
    /// values belong to as many independent ones.
    fn transform(&self, data: &mut [Complex], width: usize) {
        let bits = TILE.trailing_zeros();
        for index in 0..TILE {
            let mirrored = index.reverse_bits() >> (usize::BITS - bits);
            if index < mirrored {
                let (low, high) = data.split_at_mut(mirrored * width);
                low[index * width..(index + 1) * width].swap_with_slice(&mut high[..width]);
            }
        }
        let mut half = 1;
        while half < TILE {
            let step = TILE / 2 / half;
            for block in data.chunks_exact_mut(2 * half * width) {
                let (low, high) = block.split_at_mut(half * width);
                for (index, (low, high)) in low.chunks_exact_mut(width).zip(high.chunks_exact_mut(width)).enumerate() {
                    butterflies(low, high, self.twiddles[index * step]);
                }
            }
            half *= 2;
        }
    }
}

fn butterflies(low: &mut [Complex], high: &mut [Complex], (cos, sin): Complex) {
    for (a, b) in low.iter_mut().zip(high) {
        let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
        (*a, *b) = ((a.0 + turned.0, a.1 + turned.1), (a.0 - turned.0, a.1 - turned.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_shows_as_one_peak_and_its_mirror_image() {
        let wave = |index: usize| (TAU * (40.0 * (index % TILE) as f32 + 9.0 * (index / TILE) as f32) / TILE as f32).cos();
        let power = Spectrum::new().power(&(0..TILE * TILE).map(wave).collect::<Vec<_>>());
        let peak = power.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| (index % TILE, index / TILE));
        assert!(peak == Some((40, 9)) || peak == Some((TILE - 40, TILE - 9)), "{peak:?}");
        let (at, mirrored) = (power[9 * TILE + 40], power[(TILE - 9) * TILE + TILE - 40]);
        assert!((at / mirrored - 1.0).abs() < 1e-3, "{at} {mirrored}");
    }
}
