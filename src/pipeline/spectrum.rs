//! The power spectrum of a picture's tiles, and what stands out of it: a small radix-2 Fourier transform, since nothing else here needs one.

use std::f32::consts::TAU;

use image::RgbImage;

use crate::statistics::evenly;

/// Side of a tile in pixels and of the spectrum in bins; a power of two.
pub(crate) const TILE: usize = 256;

/// Rows of a spectrum that are worked out, frequencies down from 0 to ½: the input is real, so the others mirror them.
const ROWS: usize = TILE / 2 + 1;

/// Transforms tiles; holds the twiddle factors, the window, and the room to work in, which is used again for every tile.
pub(crate) struct Spectrum {
    /// Cosine and negative sine.
    twiddles: Vec<(f32, f32)>,
    window: Vec<f32>,
    /// Real and imaginary parts, row by row, and those of the upper rows turned on their side.
    planes: [Vec<f32>; 2],
    turned: [Vec<f32>; 2],
}

impl Spectrum {
    /// Prepares the tables.
    pub(crate) fn new() -> Self {
        let twiddles = (0..TILE / 2).map(|index| TAU * index as f32 / TILE as f32).map(|angle| (angle.cos(), -angle.sin())).collect();
        let window = (0..TILE).map(|index| 0.5 - 0.5 * (TAU * (index as f32 + 0.5) / TILE as f32).cos()).collect();
        let room = |rows| [vec![0.0; rows * TILE], vec![0.0; rows * TILE]];
        Self { twiddles, window, planes: room(TILE), turned: room(ROWS) }
    }

    /// Power of a tile of `TILE`×`TILE` values; the mean is taken out and the edges are faded first.
    pub(crate) fn power(&mut self, tile: impl Iterator<Item = f32>) -> Power {
        let Self { twiddles, window, planes: [re, im], turned: [turned_re, turned_im] } = self;
        let mut places = re.iter_mut();
        tile.for_each(|value| places.next().into_iter().for_each(|place| *place = value));
        let mean = re.iter().sum::<f32>() / re.len() as f32;
        for (line, down) in re.chunks_exact_mut(TILE).zip(&*window) {
            line.iter_mut().zip(&*window).for_each(|(value, across)| *value = (*value - mean) * (down * across));
        }
        im.fill(0.0);
        transform(re, im, TILE, twiddles);
        // On their side, the rows are transformed next to each other as well.
        turn(re, turned_re);
        turn(im, turned_im);
        transform(turned_re, turned_im, ROWS, twiddles);
        Power { columns: turned_re.iter().zip(turned_im).map(|(re, im)| *re * *re + *im * *im).collect() }
    }
}

/// Power at every frequency.
#[derive(Debug, Clone)]
pub(crate) struct Power {
    /// `TILE` columns of the upper `ROWS` rows.
    columns: Vec<f32>,
}

impl Power {
    /// None anywhere.
    pub(crate) fn none() -> Self {
        Self { columns: vec![0.0; TILE * ROWS] }
    }

    /// Adds another, brought to the same total first.
    pub(crate) fn add(&mut self, other: &Self) {
        let (mut total, mut once) = (0.0, 0.0);
        for column in other.columns.chunks_exact(ROWS) {
            total += column.iter().sum::<f32>();
            once += column[0] + column[ROWS - 1];
        }
        let total = (2.0 * total - once).max(1.0);
        self.columns.iter_mut().zip(&other.columns).for_each(|(sum, power)| *sum += power / total);
    }

    /// Power at a frequency, in bins across and down; both may be negative and wrap.
    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        // The conversion keeps the low bits, and the tile's side is a power of two.
        let (column, row) = (x as usize % TILE, y as usize % TILE);
        if row < ROWS { self.columns[column * ROWS + row] } else { self.columns[(TILE - column) % TILE * ROWS + TILE - row] }
    }
}

/// How far the surroundings of a peak reach, in bins, and the part of them that belongs to the peak: the window spreads it.
const AROUND: usize = 6;
const OWN: usize = 3;

/// A frequency that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Peak {
    /// Bins across, of [`TILE`]; may be negative.
    pub(crate) x: i32,
    /// Bins down, from 0.
    pub(crate) y: i32,
    /// How many times stronger than its surroundings.
    pub(crate) prominence: f32,
}

impl Power {
    /// Every local maximum, no further than `reach` bins (at most half a tile) from the origin across and down, that `wanted` looks for.
    pub(crate) fn peaks(&self, reach: usize, wanted: impl Fn(i32, i32) -> bool) -> Vec<Peak> {
        let (middle, wide) = (reach + AROUND, 2 * (reach + AROUND) + 1);
        // Unwrapped, frequency 0 in the middle of every line.
        let line = |y: usize| (0..wide).map(move |x| self.at(x as i32 - middle as i32, y as i32 - AROUND as i32));
        let plane: Vec<f32> = (0..=reach + 2 * AROUND).flat_map(line).collect();
        let square = |x: usize, y: usize, reach: usize| {
            let lines = plane[(y - reach) * wide..(y + reach + 1) * wide].chunks_exact(wide);
            lines.flat_map(|line| &line[x - reach..=x + reach]).sum::<f32>()
        };
        let mut peaks = Vec::new();
        for (x, y) in (0..=reach).flat_map(|y| (AROUND..wide - AROUND).map(move |x| (x, y + AROUND))) {
            let (across, down) = (x as i32 - middle as i32, (y - AROUND) as i32);
            if !wanted(across, down) {
                continue;
            }
            let here = plane[y * wide + x];
            if [y - 1, y, y + 1].iter().any(|y| plane[y * wide + x - 1..=y * wide + x + 1].iter().any(|near| *near > here)) {
                continue;
            }
            let cells = |reach: usize| ((2 * reach + 1) * (2 * reach + 1)) as f32;
            let surroundings = (square(x, y, AROUND) - square(x, y, OWN)) / (cells(AROUND) - cells(OWN));
            peaks.push(Peak { x: across, y: down, prominence: here / surroundings.max(f32::MIN_POSITIVE) });
        }
        peaks
    }
}

/// Mean power over at most so many tiles, spread evenly over the picture, each brought to the same total first. `None` when the picture is
/// smaller than one tile.
pub(crate) fn mean_power(rgb: &RgbImage, most: usize) -> Option<Power> {
    let (columns, rows) = (rgb.width() as usize / TILE, rgb.height() as usize / TILE);
    let mut spectrum = Spectrum::new();
    let mut mean = Power::none();
    let tiles = columns * rows;
    for tile in evenly(tiles, most) {
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

/// A transform in place, decimation in time, of `TILE` groups of `width` values each: every group is one step of the transform, and its
/// values belong to as many independent ones, which a processor takes several at a time.
fn transform(re: &mut [f32], im: &mut [f32], width: usize, twiddles: &[(f32, f32)]) {
    let bits = TILE.trailing_zeros();
    for index in 0..TILE {
        let mirrored = index.reverse_bits() >> (usize::BITS - bits);
        if index < mirrored {
            for plane in [&mut *re, &mut *im] {
                let (low, high) = plane.split_at_mut(mirrored * width);
                low[index * width..(index + 1) * width].swap_with_slice(&mut high[..width]);
            }
        }
    }
    let mut half = 1;
    while half < TILE {
        let step = TILE / 2 / half;
        for (re, im) in re.chunks_exact_mut(2 * half * width).zip(im.chunks_exact_mut(2 * half * width)) {
            let (re, im) = (re.split_at_mut(half * width), im.split_at_mut(half * width));
            let low = re.0.chunks_exact_mut(width).zip(im.0.chunks_exact_mut(width));
            let high = re.1.chunks_exact_mut(width).zip(im.1.chunks_exact_mut(width));
            low.zip(high).zip(twiddles.iter().step_by(step)).for_each(|((low, high), twiddle)| butterflies(low, high, *twiddle));
        }
        half *= 2;
    }
}

/// Real and imaginary parts.
type Parts<'a> = (&'a mut [f32], &'a mut [f32]);

fn butterflies(low: Parts<'_>, high: Parts<'_>, (cos, sin): (f32, f32)) {
    let (low, high) = (low.0.iter_mut().zip(low.1), high.0.iter_mut().zip(high.1));
    for ((a_re, a_im), (b_re, b_im)) in low.zip(high) {
        let (re, im) = (*b_re * cos - *b_im * sin, *b_re * sin + *b_im * cos);
        (*b_re, *b_im) = (*a_re - re, *a_im - im);
        (*a_re, *a_im) = (*a_re + re, *a_im + im);
    }
}

/// The upper rows as columns.
fn turn(plane: &[f32], turned: &mut [f32]) {
    for (y, line) in plane.chunks_exact(TILE).take(ROWS).enumerate() {
        line.iter().enumerate().for_each(|(x, value)| turned[x * ROWS + y] = *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_shows_as_one_peak_and_its_mirror_image() {
        let wave = |index: usize| (TAU * (40.0 * (index % TILE) as f32 + 9.0 * (index / TILE) as f32) / TILE as f32).cos();
        let power = Spectrum::new().power((0..TILE * TILE).map(wave));
        let side = TILE as i32;
        let everywhere = || (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let peak = everywhere().max_by(|a, b| power.at(a.0, a.1).total_cmp(&power.at(b.0, b.1))).expect("there are bins");
        assert!(peak == (40, 9) || peak == (side - 40, side - 9), "{peak:?}");
        assert_eq!(power.at(40, 9), power.at(-40, -9));
        assert!(power.at(40, -9) < power.at(40, 9) / 1e6);
    }

    #[test]
    fn tiles_count_alike_however_strong_they_are() {
        let wave = |strength: f32| move |index: usize| strength * (TAU * 40.0 * (index % TILE) as f32 / TILE as f32).cos();
        let mut sum = Power::none();
        for strength in [1.0, 100.0] {
            sum.add(&Spectrum::new().power((0..TILE * TILE).map(wave(strength))));
        }
        let everywhere = (0..TILE as i32).flat_map(|y| (0..TILE as i32).map(move |x| (x, y)));
        assert!((everywhere.map(|(x, y)| f64::from(sum.at(x, y))).sum::<f64>() - 2.0).abs() < 1e-3);
    }
}
