//! How sharp and how bright a picture is, measured on a small version so that the figures mean the same for every size.

use image::RgbImage;

/// The longest side of the small version, about: shrinking is by whole factors.
const SIDE: u32 = 512;
/// A picture whose Laplacian varies less than this has no sharp edge anywhere. It is blurred when …
const BLURRED: f32 = 6.0;
/// … its luma deviates by at least this all the same: a clear sky or a wall is smooth, not blurred.
const CONTRAST: f32 = 12.0;
/// A picture whose mean luma lies below this, of 255, and …
const DARK_MEAN: f32 = 22.0;
/// … of which less than this share is brighter than a third of the range, is too dark. Night scenes with lights are not.
const LIT_SHARE: f32 = 0.02;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sharpness {
    /// Variance of the Laplacian of luma, in squared grey levels.
    pub(super) laplacian: f32,
    /// Standard deviation of luma, in grey levels.
    pub(super) contrast: f32,
    /// Mean luma, 0–255.
    pub(super) mean: f32,
    /// Share of pixels brighter than a third of the range.
    pub(super) lit: f32,
}

impl Sharpness {
    /// Measures a picture; `None` when it is too small to have an inside.
    pub(super) fn of(rgb: &RgbImage) -> Option<Self> {
        let (luma, width) = small_luma(rgb);
        let height = luma.len() / width;
        if width < 3 || height < 3 {
            return None;
        }
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for y in 1..height - 1 {
            let [above, line, below] = [y - 1, y, y + 1].map(|row| &luma[row * width..(row + 1) * width]);
            for x in 1..width - 1 {
                let value = f64::from(4.0 * line[x] - line[x - 1] - line[x + 1] - above[x] - below[x]);
                sum += value;
                squares += value * value;
            }
        }
        let inside = ((width - 2) * (height - 2)) as f64;
        let count = luma.len() as f32;
        let mean = luma.iter().sum::<f32>() / count;
        Some(Self {
            laplacian: (squares / inside - (sum / inside).powi(2)) as f32,
            contrast: (luma.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt(),
            mean,
            lit: luma.iter().filter(|value| **value > 85.0).count() as f32 / count,
        })
    }

    /// The contract's word for what is wrong with the picture, if anything is. Darkness first: what is not lit is not sharp either.
    pub(super) fn label(&self) -> Option<&'static str> {
        if self.mean < DARK_MEAN && self.lit < LIT_SHARE {
            return Some("Dark");
        }
        (self.laplacian < BLURRED && self.contrast >= CONTRAST).then_some("Blurred")
    }
}

/// Luma shrunk by a whole factor (box mean), row by row, and its width.
fn small_luma(rgb: &RgbImage) -> (Vec<f32>, usize) {
    let factor = rgb.width().max(rgb.height()).div_ceil(SIDE).max(1);
    // A strip thinner than the factor keeps one line.
    let (across, down) = (factor.min(rgb.width()) as usize, factor.min(rgb.height()) as usize);
    let (width, height) = (rgb.width() as usize / across, rgb.height() as usize / down);
    let mut luma = vec![0u32; width * height];
    for (y, line) in rgb.as_raw().chunks_exact(rgb.width() as usize * 3).take(height * down).enumerate() {
        let row = &mut luma[y / down * width..][..width];
        for (cell, pixels) in row.iter_mut().zip(line.chunks_exact(3 * across)) {
            let sums =
                pixels.chunks_exact(3).fold([0u32; 3], |sums, pixel| [0, 1, 2].map(|channel| sums[channel] + u32::from(pixel[channel])));
            *cell += (299 * sums[0] + 587 * sums[1] + 114 * sums[2]) / 100;
        }
    }
    let scale = 10.0 * (across * down) as f32;
    (luma.into_iter().map(|sum| sum as f32 / scale).collect(), width)
}
