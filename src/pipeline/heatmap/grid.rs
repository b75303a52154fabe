//! Patch logits on a coarse grid over the picture: overlapping patches are averaged by area, gaps take their neighbours'
//! values, points between cells are interpolated.

use crate::patches::{Patch, PatchGrid};

/// Most cells along the longer side.
const MOST_CELLS: u32 = 96;

/// Side of a cell, in pixels, when there is no patch to take it from.
const EMPTY_CELL: u32 = 16;

/// How far a value spreads into gaps, in cells (standard deviation).
const SPREAD: f64 = 3.0;

/// One value a cell, row by row. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) cells: Vec<f32>,
}

impl Grid {
    /// The patches on a picture of this size; 0 everywhere when there are none.
    pub(super) fn new(width: u32, height: u32, patches: &PatchGrid) -> Self {
        // As large as a patch: finer cells would only draw the patches' outlines.
        let patch = patches.patches.first().map_or(EMPTY_CELL, |patch| patch.width.min(patch.height).round() as u32);
        let cell = width.max(height).div_ceil(MOST_CELLS).max(patch).max(1);
        let (columns, rows) = (width.div_ceil(cell).max(1) as usize, height.div_ceil(cell).max(1) as usize);
        let mut sums = Sums { columns, rows, values: vec![0.0; columns * rows], weights: vec![0.0; columns * rows] };
        patches.patches.iter().filter(|patch| patch.logit.is_finite()).for_each(|patch| sums.add(patch, cell as f32));
        Self { columns, rows, cells: sums.filled() }
    }

    /// For each of `width` columns of pixels: the two columns of cells around it. Made once, used for every row.
    pub(super) fn places(&self, width: u32) -> Vec<Place> {
        (0..width).map(|x| between((x as f32 + 0.5) / width as f32, self.columns)).collect()
    }

    /// One row of values at `y` (0–1 of the height), each between the four nearest cell centres.
    pub(super) fn row<'a>(&self, y: f32, places: &'a [Place]) -> impl Iterator<Item = f32> + use<'a> {
        let (top, bottom, down) = between(y, self.rows);
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let cell = |column: usize| mix(self.cells[top * self.columns + column], self.cells[bottom * self.columns + column], down);
        let cells: Vec<f32> = (0..self.columns).map(cell).collect();
        places.iter().map(move |(left, right, across)| mix(cells[*left], cells[*right], *across))
    }
}

/// The two cells whose centres lie around a place, and how far it is from the first to the second.
pub(super) type Place = (usize, usize, f32);

fn between(place: f32, cells: usize) -> Place {
    let position = (place * cells as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
    let first = position.floor() as usize;
    (first, (first + 1).min(cells - 1), position - first as f32)
}

/// Logits times covered area, and the area, of each cell.
struct Sums {
    columns: usize,
    rows: usize,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Sums {
    fn add(&mut self, patch: &Patch, cell: f32) {
        for (row, high) in covered(patch.y, patch.height, cell, self.rows) {
            for (column, wide) in covered(patch.x, patch.width, cell, self.columns) {
                let area = f64::from(high * wide);
                self.values[row * self.columns + column] += f64::from(patch.logit) * area;
                self.weights[row * self.columns + column] += area;
            }
        }
    }

    /// Covered cells keep their mean; the others take a mean of all covered ones, nearer ones counting more.
    fn filled(&self) -> Vec<f32> {
        let covered: Vec<f64> = self.weights.iter().map(|weight| f64::from(*weight > 0.0)).collect();
        let means: Vec<f64> =
            self.values.iter().zip(&self.weights).map(|(value, weight)| if *weight > 0.0 { value / weight } else { 0.0 }).collect();
        let overall = means.iter().sum::<f64>() / covered.iter().sum::<f64>().max(1.0);
        if covered.iter().all(|share| *share > 0.0) {
            return means.iter().map(|mean| *mean as f32).collect();
        }
        let (near, reach) = (self.spread(&means), self.spread(&covered));
        let gap = |index: usize| if reach[index] > f64::MIN_POSITIVE { near[index] / reach[index] } else { overall };
        (0..means.len()).map(|index| if covered[index] > 0.0 { means[index] } else { gap(index) } as f32).collect()
    }

    /// A Gaussian over the whole grid, columns and rows apart.
    fn spread(&self, cells: &[f64]) -> Vec<f64> {
        let bell = |a: usize, b: usize| (-(a.abs_diff(b) as f64).powi(2) / (2.0 * SPREAD * SPREAD)).exp();
        let (columns, rows) = (self.columns, self.rows);
        let mut across = vec![0.0; cells.len()];
        for (index, sum) in across.iter_mut().enumerate() {
            let (row, column) = (index / columns, index % columns);
            *sum = (0..columns).map(|other| cells[row * columns + other] * bell(column, other)).sum();
        }
        let mut down = vec![0.0; cells.len()];
        for (index, sum) in down.iter_mut().enumerate() {
            let (row, column) = (index / columns, index % columns);
            *sum = (0..rows).map(|other| across[other * columns + column] * bell(row, other)).sum();
        }
        down
    }
}

/// The cells that a stretch touches along one axis, each with how many pixels of it.
fn covered(start: f32, length: f32, cell: f32, cells: usize) -> impl Iterator<Item = (usize, f32)> {
    let (start, end) = (start.max(0.0), (start + length).min(cells as f32 * cell));
    let first = (start / cell) as usize;
    (first..cells)
        .map(move |index| (index, end.min((index + 1) as f32 * cell) - start.max(index as f32 * cell)))
        .take_while(|(_, pixels)| *pixels > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(x: f32, y: f32, side: f32, logit: f32) -> Patch {
        Patch { x, y, width: side, height: side, logit }
    }

    #[test]
    fn overlapping_patches_are_averaged_by_area() {
        let grid = Grid::new(32, 16, &PatchGrid { patches: vec![patch(0.0, 0.0, 16.0, 2.0), patch(8.0, 0.0, 16.0, -1.0)] });
        assert_eq!((grid.columns, grid.rows), (2, 1));
        assert_eq!(grid.cells, [1.0, -1.0], "the first cell: (2 × 256 − 1 × 128) / 384");
    }

    #[test]
    fn gaps_take_their_neighbours_values_and_nothing_beyond_them() {
        let grid = Grid::new(160, 160, &PatchGrid { patches: vec![patch(0.0, 0.0, 32.0, 4.0), patch(128.0, 128.0, 32.0, -4.0)] });
        assert!(grid.cells.iter().all(|cell| (-4.0..=4.0).contains(cell)));
        let at = |row: usize, column: usize| grid.cells[row * grid.columns + column];
        assert!(at(1, 1) > 1.0 && at(3, 3) < -1.0 && at(0, 4).abs() < 1e-3);
    }

    #[test]
    fn the_grid_is_bounded_and_finite_for_any_picture() {
        for (width, height) in [(1, 1), (32768, 10), (10, 32768), (10000, 10000)] {
            let grid = Grid::new(width, height, &PatchGrid { patches: vec![patch(0.0, 0.0, 1.0, 3.0), patch(0.0, 0.0, 1.0, f32::NAN)] });
            assert!(grid.columns <= 96 && grid.rows <= 96);
            assert!(grid.cells.iter().all(|cell| (cell - 3.0).abs() < 1e-3), "{width}×{height}");
        }
        assert!(Grid::new(100, 100, &PatchGrid::default()).cells.iter().all(|cell| *cell == 0.0));
    }

    #[test]
    fn values_between_centres_are_interpolated_and_edges_are_kept() {
        let grid = Grid { columns: 2, rows: 1, cells: vec![0.0, 1.0] };
        assert_eq!(grid.row(0.5, &grid.places(8)).collect::<Vec<_>>(), [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    }
}
