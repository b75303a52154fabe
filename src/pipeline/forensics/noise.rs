//! The noise residual: what remains of each pixel when its neighbours have said what they expect.
//!
//! The filter is the difference of two Laplacians, which is blind to planes and to most edges (after Immerkær, 1996), so that noise
//! can be measured inside a picture.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    paint::{self, Map},
    part::{Part, blocks, mean},
    percentile, told,
};

/// Side of the blocks that are compared, in pixels.
const BLOCK: u32 = 64;
/// The deviation of normally distributed noise for each unit of the filter's mean magnitude: √(π/2), over the filter's own gain of 6.
const SIGMA: f64 = 1.253_314_137_315_500_3 / 6.0;
/// A block below this has no noise at all.
const SILENT: f64 = 0.2;

/// What the pixels' neighbours do not explain.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Noise {
    /// Standard deviation of the noise, in grey levels (0–255), estimated over everything.
    pub level: f64,
    /// The level that one in ten blocks of 64 × 64 pixels does not exceed.
    pub quiet: f64,
    /// The middle block's level.
    pub median: f64,
    /// The level that one in ten blocks exceeds.
    pub loud: f64,
    /// `quiet` over `loud`: 1 is the same noise everywhere, 0 is none in some blocks.
    pub uniformity: f64,
    /// The share of blocks without any noise, 0–1.
    pub silent_share: f64,
    /// What it means.
    pub meaning: &'static str,
    /// What it does not.
    pub cannot_tell: &'static str,
}

/// The filter's magnitude at each pixel; the rim of one pixel is left out.
pub(super) struct Residual {
    width: u32,
    height: u32,
    magnitude: Vec<f32>,
}

impl Residual {
    pub(super) fn of(part: &Part<'_>) -> Self {
        let (width, height) = (part.width(), part.area.height as usize);
        if width < 3 || height < 3 {
            return Self { width: 1, height: 1, magnitude: vec![0.0] };
        }
        let mut magnitude = Vec::with_capacity((width - 2) * (height - 2));
        for y in 1..height - 1 {
            let [above, line, below] = [y - 1, y, y + 1].map(|row| &part.luma[row * width..(row + 1) * width]);
            // One column of the filter is 1 −2 1, and the columns are weighed by 1 −2 1 again.
            let column = |x: usize| above[x] - 2.0 * line[x] + below[x];
            magnitude.extend((1..width - 1).map(|x| (column(x - 1) - 2.0 * column(x) + column(x + 1)).abs()));
        }
        Self { width: width as u32 - 2, height: height as u32 - 2, magnitude }
    }

    pub(super) fn report(&self) -> Noise {
        let level = |magnitude: f64| told(SIGMA * magnitude);
        let blocks = blocks(self.width, self.height, BLOCK);
        let mut means: Vec<f32> = blocks.map(|area| mean(&self.magnitude, self.width as usize, area)).collect();
        let silent = means.iter().filter(|mean| SIGMA * f64::from(**mean) < SILENT).count();
        let [quiet, median, loud] = [10, 50, 90].map(|percent| level(percentile(&mut means, percent)));
        let mean = self.magnitude.iter().map(|value| f64::from(*value)).sum::<f64>() / self.magnitude.len().max(1) as f64;
        Noise {
            level: level(mean),
            quiet,
            median,
            loud,
            uniformity: if loud > 0.0 { told(quiet / loud) } else { 1.0 },
            silent_share: told(silent as f64 / means.len().max(1) as f64),
            meaning: "A camera leaves noise of its own everywhere; a part with much less or much more of it than comparable parts came \
                      from elsewhere or was smoothed.",
            cannot_tell: "Textures count as noise, phones and sites remove it, and a generator can add it: the level alone is no sign of \
                          either.",
        }
    }

    pub(super) fn map(&self) -> Map {
        let deviation = self.magnitude.iter().map(|value| (SIGMA * f64::from(*value)) as f32);
        paint::grey(deviation, self.width as usize, self.height as usize, 1.0)
    }
}
