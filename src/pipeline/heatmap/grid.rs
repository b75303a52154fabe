//! Patch logits on a coarse grid over the picture: overlapping patches are averaged by area, gaps take their neighbours'
//! values, points between cells are interpolated.
//!
//! Views see different sizes of patches: tiles fine ones here and there, a frame coarse ones everywhere. They are laid over each
//! other from the coarsest to the finest, each layer having the same say as all before it. Where the finer layer looked it
//! counts itself; where it did not, the coarser values are moved by as much as it moved them nearby. So no outline of a tile
//! is drawn, and nothing that only the frame saw is lost.

use crate::patches::{Patch, PatchGrid};

/// Most cells along the longer side.
const MOST_CELLS: u32 = 96;

/// Side of a cell, in pixels, when there is no patch to take it from.
const EMPTY_CELL: u32 = 16;

/// How far a value spreads into gaps, in cells (standard deviation).
const SPREAD: f64 = 3.0;

/// One value a cell, row by row. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) cells: Vec<f32>,
    /// How many cells the picture is wide and high: the last column and row may reach beyond it.
    pub(crate) extent: [f32; 2],
}

/// Patches are of one layer up to this ratio of their sizes.
const ALIKE: f32 = 1.5;

impl Grid {
    /// The patches on a picture of this size; 0 everywhere when there are none.
    pub(crate) fn new(width: u32, height: u32, patches: &PatchGrid) -> Self {
        let mut coarsest_first: Vec<&Patch> = patches.patches.iter().filter(|patch| patch.logit.is_finite()).collect();
        coarsest_first.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let mut grid = None;
        for layer in coarsest_first.chunk_by(|before, after| size(before) <= size(after) * ALIKE) {
            grid = Some(Self::refined(width, height, layer, grid.as_ref()));
        }
        grid.unwrap_or_else(|| Self::refined(width, height, &[], None))
    }

    /// One more layer of patches over the coarser ones, if there are any.
    fn refined(width: u32, height: u32, layer: &[&Patch], below: Option<&Self>) -> Self {
        // As large as a patch: finer cells would only draw the patches' outlines.
        let patch = layer.first().map_or(EMPTY_CELL, |patch| size(patch).round() as u32);
        let cell = width.max(height).div_ceil(MOST_CELLS).max(patch).max(1);
        let (columns, rows) = (width.div_ceil(cell).max(1) as usize, height.div_ceil(cell).max(1) as usize);
        let mut sums = Sums { columns, rows, values: vec![0.0; columns * rows], weights: vec![0.0; columns * rows] };
        layer.iter().for_each(|patch| sums.add(patch, cell as f32));
        let extent = [width, height].map(|length| length as f32 / cell as f32);
        let Some(below) = below else { return Self { columns, rows, cells: sums.filled(), extent } };
        let coarse = below.sampled(columns, rows, extent);
        sums.subtract(&coarse);
        let cells = coarse.iter().zip(sums.filled()).map(|(coarse, moved)| coarse + moved / 2.0).collect();
        Self { columns, rows, cells, extent }
    }

    /// Its values at the centres of another grid's cells on the same picture.
    fn sampled(&self, columns: usize, rows: usize, extent: [f32; 2]) -> Vec<f32> {
        let centre = |index: usize, axis: usize| (index as f32 + 0.5) / extent[axis];
        let places: Vec<Place> = (0..columns).map(|column| between(centre(column, 0) * self.extent[0], self.columns)).collect();
        (0..rows).flat_map(|row| self.row(centre(row, 1), &places).collect::<Vec<_>>()).collect()
    }

    /// For each of `width` columns of pixels: the two columns of cells around it. Made once, used for every row.
    pub(crate) fn places(&self, width: u32) -> Vec<Place> {
        (0..width).map(|x| between((x as f32 + 0.5) / width as f32 * self.extent[0], self.columns)).collect()
    }

    /// One row of values at `y` (0–1 of the height), each between the four nearest cell centres.
    pub(crate) fn row<'a>(&self, y: f32, places: &'a [Place]) -> impl Iterator<Item = f32> + use<'a> {
        let (top, bottom, down) = between(y * self.extent[1], self.rows);
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let cell = |column: usize| mix(self.cells[top * self.columns + column], self.cells[bottom * self.columns + column], down);
        let cells: Vec<f32> = (0..self.columns).map(cell).collect();
        places.iter().map(move |(left, right, across)| mix(cells[*left], cells[*right], *across))
    }
}

/// The two cells whose centres lie around a place, which counts cells, and how far it is from the first to the second.
pub(crate) type Place = (usize, usize, f32);

fn between(place: f32, cells: usize) -> Place {
    let position = (place - 0.5).clamp(0.0, (cells - 1) as f32);
    let first = position.floor() as usize;
    (first, (first + 1).min(cells - 1), position - first as f32)
}

fn size(patch: &Patch) -> f32 {
    patch.width.min(patch.height)
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

    /// Leaves of each mean only how far it lies above another value.
    fn subtract(&mut self, others: &[f32]) {
        for ((value, weight), other) in self.values.iter_mut().zip(&self.weights).zip(others) {
            *value -= f64::from(*other) * weight;
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
    fn values_lie_where_their_patches_did_also_on_the_last_row_that_reaches_beyond_the_picture() {
        // Three rows of 16 px on a picture of 40: the boundary of the values lies at 32, four fifths down.
        let grid = Grid::new(
            16,
            40,
            &PatchGrid { patches: vec![patch(0.0, 0.0, 16.0, 0.0), patch(0.0, 16.0, 16.0, 0.0), patch(0.0, 32.0, 16.0, 1.0)] },
        );
        let at = |y: f32| grid.row(y / 40.0, &grid.places(1)).next().expect("one pixel wide");
        assert!((at(32.0) - 0.5).abs() < 1e-5 && at(24.0) == 0.0 && at(40.0) == 1.0, "{}", at(32.0));
    }

    /// 8×8 coarse patches of 64 px that say `coarse` of the place, and 4×4 fine ones of 16 px around the middle that say `fine`.
    fn layered(coarse: impl Fn(f32, f32) -> f32, fine: impl Fn(f32, f32) -> f32) -> Grid {
        let lattice = |count: usize, from: f32, side: f32, says: &dyn Fn(f32, f32) -> f32| -> Vec<Patch> {
            let place = |index: usize| from + index as f32 * side;
            let cells = (0..count * count).map(|index| (place(index % count), place(index / count)));
            cells.map(|(x, y)| patch(x, y, side, says(x + side / 2.0, y + side / 2.0))).collect()
        };
        let mut patches = lattice(4, 224.0, 16.0, &fine);
        patches.extend(lattice(8, 0.0, 64.0, &coarse));
        Grid::new(512, 512, &PatchGrid { patches })
    }

    // T7
    #[test]
    fn fine_patches_give_the_resolution_and_count_as_much_as_the_coarse_ones() {
        let grid = layered(|_, _| 1.0, |x, _| if x < 256.0 { 3.0 } else { 5.0 });
        assert_eq!((grid.columns, grid.rows), (32, 32), "cells as large as the finest patches");
        let at = |column: usize, row: usize| grid.cells[row * grid.columns + column];
        assert_eq!((at(15, 15), at(16, 15)), (2.0, 3.0), "half of each");
    }

    // T7
    #[test]
    fn what_only_coarse_patches_saw_stands_out_and_no_outline_of_a_tile_is_drawn() {
        let grid = layered(|x, _| if x > 448.0 { 6.0 } else { -2.0 }, |_, _| 2.0);
        let at = |column: usize, row: usize| grid.cells[row * grid.columns + column];
        assert!(at(31, 16) > 7.9 && at(0, 16) < 0.1, "{} {}: both are moved as the middle was", at(31, 16), at(0, 16));
        assert!((at(13, 16) - at(14, 16)).abs() < 0.1, "the tile's left edge lies between these");
        assert!((at(16, 13) - at(16, 14)).abs() < 0.1, "its top edge lies between these");
    }

    #[test]
    fn coarse_patches_alone_are_drawn_smoothly_under_a_single_fine_one() {
        let grid = layered(|x, _| x / 64.0, |x, _| x / 64.0);
        let row = &grid.cells[16 * grid.columns..17 * grid.columns];
        assert!(row.windows(2).all(|pair| (0.0..0.3).contains(&(pair[1] - pair[0]))), "no steps of 1 at the coarse patches: {row:?}");
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
        let grid = Grid { columns: 2, rows: 1, cells: vec![0.0, 1.0], extent: [2.0, 1.0] };
        assert_eq!(grid.row(0.5, &grid.places(8)).collect::<Vec<_>>(), [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    }
}
