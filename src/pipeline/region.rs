//! Where a picture looks generated while the rest of it does not: the largest connected region of the model's own patches that is
//! hotter than the others. A measurement; whether it means an edit is said by the card's thresholds and by `fuse`.

use std::ops::RangeInclusive;

use serde::Deserialize;
use touchstone_core::finding::{Edit, Signal, Stage};

use crate::{heatmap::grid::Grid, model::sigmoid, patches::PatchGrid};

/// The code of the signal.
pub const GENERATED_REGION: &str = "generated_region";

/// Shares of the picture that a region may have and still be a part of it.
const PART: RangeInclusive<f64> = 0.03..=0.6;
/// What the signal may argue for at most, 0–100: patch logits are no calibrated probabilities.
const MOST: f64 = 90.0;

/// The card's `[edits]`, in patch logits: when a region means that part of the picture was generated.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The region's mean lies at least this far above the rest's.
    pub contrast: f64,
    /// The region's mean is at least this; 0 or more.
    pub inside: f64,
    /// The rest's mean is at most this.
    pub outside: f64,
}

/// The hottest region of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge of the box around it, in pixels of the picture.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width of the box.
    pub width: f64,
    /// Height of the box.
    pub height: f64,
    /// The region's part of the picture's area, 0–1.
    pub share: f64,
    /// Mean patch logit in the region.
    pub inside: f64,
    /// Mean patch logit in the rest.
    pub outside: f64,
}

impl Region {
    /// Finds it on a picture of this size; `None` when the patches say the same everywhere.
    #[must_use]
    pub fn hottest(width: u32, height: u32, patches: &PatchGrid) -> Option<Self> {
        let grid = Grid::new(width, height, patches);
        let smooth = smooth(&grid);
        let hot = largest(&smooth, grid.columns, split(&smooth)?);
        let mean = |wanted: bool| {
            let cells = (0..hot.len()).filter(|cell| hot[*cell] == wanted).map(|cell| f64::from(grid.cells[cell]));
            cells.sum::<f64>() / hot.iter().filter(|is_hot| **is_hot == wanted).count().max(1) as f64
        };
        let cells = || (0..hot.len()).filter(|cell| hot[*cell]);
        let (left, right) = bounds(cells().map(|cell| cell % grid.columns))?;
        let (top, bottom) = bounds(cells().map(|cell| cell / grid.columns))?;
        let [across, down] = [f64::from(width) / grid.columns as f64, f64::from(height) / grid.rows as f64];
        Some(Self {
            x: left as f64 * across,
            y: top as f64 * down,
            width: (right + 1 - left) as f64 * across,
            height: (bottom + 1 - top) as f64 * down,
            share: cells().count() as f64 / hot.len() as f64,
            inside: mean(true),
            outside: mean(false),
        })
    }

    /// Whether it is a part that is hot while the rest is cold, and the two lie far apart, under a card's thresholds.
    #[must_use]
    pub fn stands_out(&self, edits: Edits) -> bool {
        let clear = self.inside >= edits.inside && self.outside <= edits.outside && self.inside - self.outside >= edits.contrast;
        clear && PART.contains(&self.share)
    }

    /// How generated it looks, 0–1: patch logits are no calibrated probabilities.
    #[must_use]
    pub fn heat(&self) -> f64 {
        sigmoid(self.inside)
    }

    /// What it says under a card's thresholds: nothing, unless it stands out.
    #[must_use]
    pub fn signal(&self, edits: Edits) -> Option<Signal> {
        if !self.stands_out(edits) {
            return None;
        }
        let percent = (self.share * 100.0).round();
        let summary =
            format!("About {percent} % of the picture looks generated, and the rest does not: part of it may have been made or replaced.");
        let mut signal = Signal::new(Stage::Classifier, GENERATED_REGION, summary);
        signal.score = Some((100.0 * self.heat()).min(MOST));
        signal.edit = Some(Edit::Ai);
        Some(signal)
    }
}

/// Every cell as a weighted mean of the 3×3 around it (1 2 1 both ways): one odd patch is no region.
fn smooth(grid: &Grid) -> Vec<f32> {
    let (columns, rows) = (grid.columns as isize, grid.rows as isize);
    let near = |place: isize, length: isize| (-1..=1).map(move |step| ((place + step).clamp(0, length - 1), 2 - step.abs()));
    let cell = |row: isize, column: isize| {
        let around = near(row, rows).flat_map(|(y, high)| near(column, columns).map(move |(x, wide)| (y * columns + x, high * wide)));
        around.map(|(index, weight)| grid.cells[index as usize] * weight as f32).sum::<f32>() / 16.0
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(row, column)| cell(row, column)).collect()
}

/// The value that parts the cells into two groups which differ most from each other (Otsu 1979); `None` when all are alike.
fn split(cells: &[f32]) -> Option<f32> {
    let mut sorted = cells.to_vec();
    sorted.sort_by(f32::total_cmp);
    let total: f64 = sorted.iter().map(|cell| f64::from(*cell)).sum();
    let (mut sum, mut best) = (0.0, (1e-6, None));
    for below in 1..sorted.len() {
        sum += f64::from(sorted[below - 1]);
        let (low, high) = (below as f64, (sorted.len() - below) as f64);
        let between = low * high * (sum / low - (total - sum) / high).powi(2) / (low + high).powi(2);
        if sorted[below] > sorted[below - 1] && between > best.0 {
            best = (between, Some(sorted[below]));
        }
    }
    best.1
}

/// The largest group of cells of at least `hot` that touch each other at their sides.
fn largest(cells: &[f32], columns: usize, hot: f32) -> Vec<bool> {
    let mut seen = vec![false; cells.len()];
    let mut best: Vec<usize> = Vec::new();
    for start in 0..cells.len() {
        let mut group: Vec<usize> = (!seen[start] && cells[start] >= hot).then_some(start).into_iter().collect();
        group.iter().for_each(|cell| seen[*cell] = true);
        let mut next = 0;
        while next < group.len() {
            let (row, column) = (group[next] / columns, group[next] % columns);
            let sides = [(row.wrapping_sub(1), column), (row + 1, column), (row, column.wrapping_sub(1)), (row, column + 1)];
            for (row, column) in sides.into_iter().filter(|(row, column)| *column < columns && *row < cells.len() / columns) {
                let cell = row * columns + column;
                if !seen[cell] && cells[cell] >= hot {
                    seen[cell] = true;
                    group.push(cell);
                }
            }
            next += 1;
        }
        if group.len() > best.len() {
            best = group;
        }
    }
    let mut largest = vec![false; cells.len()];
    best.into_iter().for_each(|cell| largest[cell] = true);
    largest
}

fn bounds(places: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
    places.fold(None, |bounds, place| Some(bounds.map_or((place, place), |(low, high): (usize, usize)| (low.min(place), high.max(place)))))
}

#[cfg(test)]
mod pasted_test;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches::Patch;

    /// A picture of 320×320 in patches of 16: `hot` inside left, top, right, bottom (in patches), `cold` elsewhere.
    fn patches(hot: f32, cold: f32, [left, top, right, bottom]: [u32; 4]) -> PatchGrid {
        let places = (0..20).flat_map(|row| (0..20).map(move |column| (column, row)));
        let logit = |x: u32, y: u32| if (left..right).contains(&x) && (top..bottom).contains(&y) { hot } else { cold };
        let patch = |(x, y): (u32, u32)| Patch { x: x as f32 * 16.0, y: y as f32 * 16.0, width: 16.0, height: 16.0, logit: logit(x, y) };
        PatchGrid { patches: places.map(patch).collect() }
    }

    const EDITS: Edits = Edits { contrast: 2.0, inside: 0.5, outside: -0.5 };

    #[test]
    fn a_hot_part_is_found_with_its_place_size_and_contrast() {
        let region = Region::hottest(320, 320, &patches(3.0, -2.0, [5, 10, 11, 18])).expect("a region");
        assert_eq!((region.x, region.y, region.width, region.height), (80.0, 160.0, 96.0, 128.0));
        assert!((region.share - 48.0 / 400.0).abs() < 0.015, "corners of the box are rounded off: {}", region.share);
        assert!(region.inside > 2.8 && region.outside < -1.9);
    }

    #[test]
    fn of_two_hot_parts_the_larger_is_the_region_and_a_lone_patch_is_none() {
        let mut grid = patches(3.0, -2.0, [2, 2, 8, 8]);
        grid.patches.extend(patches(3.0, -2.0, [14, 14, 18, 18]).patches);
        let region = Region::hottest(320, 320, &grid).expect("a region");
        assert!(region.x < 64.0 && region.x + region.width < 160.0, "{region:?}");
        let lone = Region::hottest(320, 320, &patches(3.0, -2.0, [10, 10, 11, 11])).expect("a region");
        assert_eq!(lone.signal(EDITS), None);
        assert_eq!(Region::hottest(320, 320, &patches(1.0, 1.0, [0, 0, 0, 0])), None);
        assert_eq!(Region::hottest(1, 1, &PatchGrid::default()), None);
    }

    // T6
    #[test]
    fn a_region_speaks_only_when_it_is_hot_the_rest_is_cold_and_it_is_a_part() {
        let said = |hot, cold, place| Region::hottest(320, 320, &patches(hot, cold, place)).and_then(|region| region.signal(EDITS));
        let signal = said(3.0, -2.0, [5, 5, 12, 12]).expect("an edit");
        assert_eq!((signal.stage, signal.code.as_str(), signal.edit), (Stage::Classifier, GENERATED_REGION, Some(Edit::Ai)));
        assert!(signal.score == Some(90.0) && signal.summary.contains("12 %"), "{signal:?}");
        assert_eq!(said(0.4, -2.0, [5, 5, 12, 12]), None, "not hot");
        assert_eq!(said(3.0, -0.2, [5, 5, 12, 12]), None, "the rest is not cold");
        assert_eq!(said(0.6, -0.8, [5, 5, 12, 12]), None, "too near each other");
        assert_eq!(said(3.0, -2.0, [0, 0, 20, 14]), None, "most of the picture");
    }
}
