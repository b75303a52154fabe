//! Traces of interpolation: in an enlarged picture some pixels lie between two true ones and differ less from their neighbours, again and
//! again with the period of the enlargement (after Gallagher, 2005, and Mahdian and Saic, 2008).
//!
//! How much the pixels of each column differ from the next is one line for the whole picture, and so is it for the rows; a period is a
//! peak of that line's spectrum. First and second differences are both looked at: each is blind to enlargements that the other shows.

use std::f64::consts::TAU;

use super::{
    frequency::{Of, Peak},
    part::Part,
    percentile, told,
};
use crate::statistics::power;

/// Shorter lines tell nothing; of longer ones the middle is taken.
const SHORTEST: usize = 64;
const LONGEST: usize = 2048;
/// Columns whose mean is what a column is compared with: everything broader is the picture's own.
const AROUND: usize = 8;
/// Coarser frequencies are not looked at, in cycles a pixel.
const COARSEST: f64 = 0.05;
/// Bins to either side that a peak is compared with, and how many of them belong to itself.
const SIDE: usize = 24;
const OWN: usize = 3;
/// Times the middle of its surroundings that a peak stands out.
const PEAK: f64 = 60.0;

/// The peaks of columns and rows, the strongest first.
pub(super) fn peaks(part: &Part<'_>) -> Vec<Peak> {
    let [across, down] = profiles(part);
    let found = |lines: &[Vec<f64>; 2], place: fn(f64) -> (f64, f64)| {
        let mut found: Vec<(f64, f64)> = lines.iter().flat_map(|line| of_line(line)).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        // Both differences show the same period.
        let mut once: Vec<(f64, f64)> = Vec::new();
        for peak in found {
            if once.iter().all(|other| (other.0 - peak.0).abs() > 0.005) {
                once.push(peak);
            }
        }
        once.into_iter().map(move |(cycles, strength)| {
            let (x, y) = place(cycles);
            Peak { x: told(x), y: told(y), strength: told(strength), of: Of::Differences, jpeg_grid: false }
        })
    };
    let mut peaks: Vec<Peak> = found(&across, |cycles| (cycles, 0.0)).chain(found(&down, |cycles| (0.0, cycles))).collect();
    peaks.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    peaks
}

/// For columns and for rows: mean magnitudes of the first and of the second differences.
fn profiles(part: &Part<'_>) -> [[Vec<f64>; 2]; 2] {
    let (width, luma) = (part.width(), &part.luma);
    let mut across = [vec![0.0; width.saturating_sub(2)], vec![0.0; width.saturating_sub(2)]];
    for line in luma.chunks_exact(width) {
        let [first, second] = &mut across;
        for ((near, far), three) in first.iter_mut().zip(second).zip(line.windows(3)) {
            *near += f64::from((three[1] - three[0]).abs());
            *far += f64::from((three[0] - 2.0 * three[1] + three[2]).abs());
        }
    }
    let row = |y: usize| &luma[y * width..(y + 1) * width];
    let rows = (luma.len() / width.max(1)).saturating_sub(2);
    let step = |y: usize| row(y).iter().zip(row(y + 1)).map(|(a, b)| f64::from((b - a).abs())).sum();
    let bend = |y: usize| {
        let three = row(y).iter().zip(row(y + 1)).zip(row(y + 2));
        three.map(|((a, b), c)| f64::from((a - 2.0 * b + c).abs())).sum()
    };
    [across, [(0..rows).map(step).collect(), (0..rows).map(bend).collect()]]
}

/// Frequencies and strengths of one line's peaks.
fn of_line(line: &[f64]) -> Vec<(f64, f64)> {
    // A multiple of 8, so that JPEG's blocks fall on bins.
    let length = line.len().min(LONGEST) / 8 * 8;
    if length < SHORTEST {
        return Vec::new();
    }
    let start = (line.len() - length) / 2;
    let flat = flattened(&line[start..start + length]);
    let power: Vec<f32> = (0..=length / 2).map(|bin| power(&flat, bin) as f32).collect();
    let coarsest = (COARSEST * length as f64).ceil() as usize;
    let strength = |bin: usize| {
        let around = (bin.saturating_sub(SIDE)..=(bin + SIDE).min(length / 2)).filter(|other| bin.abs_diff(*other) > OWN);
        let mut around: Vec<f32> = around.map(|other| power[other]).collect();
        // Where nothing differs there is nothing to compare: a hundredth of a grey level is no peak.
        f64::from(power[bin]) / percentile(&mut around, 50).max(1e-4)
    };
    let is_top = |bin: usize| power[bin] >= power[bin - 1] && power.get(bin + 1).is_none_or(|next| power[bin] >= *next);
    let tops = (coarsest.max(1)..=length / 2).filter(|bin| is_top(*bin)).map(|bin| (bin as f64 / length as f64, strength(bin)));
    tops.filter(|peak| peak.1 >= PEAK).collect()
}

/// Each value over the mean of those around it, less 1, faded at both ends.
fn flattened(line: &[f64]) -> Vec<f64> {
    let around = |place: usize| &line[place.saturating_sub(AROUND)..(place + AROUND + 1).min(line.len())];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let fade = |place: usize| 0.5 - 0.5 * (TAU * (place as f64 + 0.5) / line.len() as f64).cos();
    line.iter().enumerate().map(|(place, value)| (value / mean(around(place)).max(1e-6) - 1.0) * fade(place)).collect()
}
