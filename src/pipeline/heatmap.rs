//! The heatmap (row T7): where in the picture the model saw traces of generation, from its own patch logits.
//!
//! Patches are averaged on a coarse grid, gaps are filled from their neighbours, and the grid is drawn smoothly in JET colours:
//! blue for little, red for much. Deterministic; nothing is drawn that the model did not say.

use image::RgbaImage;
use touchstone_core::submission::HeatmapStyle;

use crate::{
    encoded::{self, DrawError, Image},
    heatmap::grid::Grid,
    model::sigmoid,
    patches::PatchGrid,
    picture::Picture,
    resize::{Filter, resize},
};

pub(crate) mod grid;

/// Longest side of the drawn map, in pixels. A smaller picture keeps its size.
pub const LONGEST: u32 = 1024;

/// How much of the overlay is colour, of 256; the rest is the picture.
const COLOUR_SHARE: u32 = 115;

const JPEG_QUALITY: u8 = 85;

/// Draws the map: a JPEG with the picture below it, or a transparent PNG of the same size whose alpha is the value itself.
///
/// # Errors
/// When the encoder fails, which is ours and not the file's fault.
pub fn draw(picture: &Picture, patches: &PatchGrid, style: HeatmapStyle) -> Result<Image, DrawError> {
    let (width, height) = picture.rgb.dimensions();
    let size = fitted(width, height);
    let values = values(&Grid::new(width, height, patches), style.normalized);
    let colours: [[u8; 3]; 256] = std::array::from_fn(|shade| jet(shade as f32 / 255.0));
    let places = values.places(size[0]);
    let shades = |y: usize| values.row((y as f32 + 0.5) / size[1] as f32, &places).map(|value| (value * 255.0 + 0.5) as u8);
    if style.overlay {
        let mut drawn = resize(&picture.rgb, [0, 0, width, height], size, Filter::Lanczos3).into_owned();
        for (y, row) in drawn.chunks_exact_mut(3 * size[0] as usize).enumerate() {
            row.chunks_exact_mut(3).zip(shades(y)).for_each(|(pixel, shade)| blend(pixel, colours[usize::from(shade)]));
        }
        return encoded::jpeg(&drawn, JPEG_QUALITY);
    }
    let mut drawn = RgbaImage::new(size[0], size[1]);
    for (y, row) in drawn.chunks_exact_mut(4 * size[0] as usize).enumerate() {
        for (pixel, shade) in row.chunks_exact_mut(4).zip(shades(y)) {
            pixel[..3].copy_from_slice(&colours[usize::from(shade)]);
            pixel[3] = shade;
        }
    }
    encoded::png(&drawn)
}

/// The picture's size, made to fit [`LONGEST`]; never below one pixel.
fn fitted(width: u32, height: u32) -> [u32; 2] {
    let scale = (f64::from(LONGEST) / f64::from(width.max(height))).min(1.0);
    [width, height].map(|side| ((f64::from(side) * scale).round() as u32).max(1))
}

/// Logits become 0–1: each by itself, or stretched between the picture's own extremes. A flat map has nothing to stretch and
/// stays what it is.
fn values(grid: &Grid, normalized: bool) -> Grid {
    let (low, high) = grid.cells.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), cell| (low.min(*cell), high.max(*cell)));
    let stretch = normalized && high - low > 1e-3;
    let value = |logit: &f32| if stretch { (logit - low) / (high - low) } else { sigmoid(f64::from(*logit)) as f32 };
    Grid { cells: grid.cells.iter().map(value).collect(), ..*grid }
}

/// The JET colours: 0 dark blue, through cyan, yellow, to dark red at 1.
fn jet(value: f32) -> [u8; 3] {
    [3.0, 2.0, 1.0].map(|centre| ((1.5 - (4.0 * value - centre).abs()).clamp(0.0, 1.0) * 255.0).round() as u8)
}

fn blend(pixel: &mut [u8], colour: [u8; 3]) {
    for (below, colour) in pixel.iter_mut().zip(colour) {
        *below = ((u32::from(*below) * (256 - COLOUR_SHARE) + u32::from(colour) * COLOUR_SHARE + 128) / 256) as u8;
    }
}

#[cfg(test)]
mod tests;
