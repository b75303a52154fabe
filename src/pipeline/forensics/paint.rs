//! Planes of figures as grey pictures that fit a screen.

use image::GrayImage;

use super::{percentile, told};
use crate::encoded::{self, Image};

/// Longest side of a map.
pub(super) const LONGEST: usize = 512;

/// A grey picture of figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// A PNG.
    pub image: Image,
    /// The figure that is drawn white; 0 is black.
    pub white: f64,
}

/// Draws figures, row by row; a large plane is reduced by a whole factor to the means of its squares. White is what one in a hundred
/// exceeds, but never less than `least`, so that a plane of nothing stays dark.
pub(super) fn grey(figures: impl Iterator<Item = f32>, width: usize, height: usize, least: f64) -> Map {
    let (reduced, across) = reduced(figures, width, height);
    let white = percentile(&mut reduced.clone(), 99).max(least);
    let shade = |figure: &f32| (f64::from(*figure) / white * 255.0).round().clamp(0.0, 255.0) as u8;
    let (columns, rows) = (across as u32, (reduced.len() / across) as u32);
    let pixels = GrayImage::from_raw(columns, rows, reduced.iter().map(shade).collect()).expect("as many figures as pixels");
    Map { image: encoded::grey(&pixels), white: told(white) }
}

/// Means of the squares that a plane falls into, and how many lie side by side.
fn reduced(figures: impl Iterator<Item = f32>, width: usize, height: usize) -> (Vec<f32>, usize) {
    let factor = width.max(height).div_ceil(LONGEST).max(1);
    let (across, down) = (width.div_ceil(factor), height.div_ceil(factor));
    let (mut sums, mut counts) = (vec![0.0f32; across * down], vec![0.0f32; across * down]);
    for (index, figure) in figures.take(width * height).enumerate() {
        let cell = index / width / factor * across + index % width / factor;
        sums[cell] += figure;
        counts[cell] += 1.0;
    }
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum /= count.max(1.0));
    (sums, across)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(map: &Map) -> GrayImage {
        image::load_from_memory(&map.image.bytes).unwrap().into_luma8()
    }

    #[test]
    fn a_map_fits_a_screen_and_shows_where_the_figures_are_high() {
        let bright = |index: usize| if index % 2000 >= 1000 { 8.0 } else { 0.0 };
        let map = grey((0..2000 * 3).map(bright), 2000, 3, 1.0);
        let drawn = read(&map);
        assert_eq!((drawn.dimensions(), map.white), ((500, 1), 8.0));
        assert_eq!((drawn.get_pixel(100, 0).0[0], drawn.get_pixel(400, 0).0[0]), (0, 255));
    }

    #[test]
    fn nothing_is_dark() {
        let map = grey(std::iter::repeat_n(0.01, 9), 3, 3, 1.0);
        assert!(read(&map).pixels().all(|pixel| pixel.0[0] < 4));
        assert_eq!(read(&grey(std::iter::once(0.0), 1, 1, 1.0)).dimensions(), (1, 1));
    }
}
