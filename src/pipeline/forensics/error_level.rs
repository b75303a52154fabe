//! Error level analysis: the picture is saved as JPEG once more, and what changes is what had not been through that yet.

use image::RgbImage;
use jpeg_encoder::SamplingFactor;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    paint::{self, Map},
    part::{Area, Part, blocks, mean},
    percentile, told,
};
use crate::delivery;

/// The qualities that it is saved at.
pub(super) const QUALITIES: [u8; 3] = [75, 85, 95];
/// Side of the blocks that are compared, in pixels.
const BLOCK: u32 = 16;
/// A block stands out from so many times the middle one's change, half a grey level added to both.
const STANDS_OUT: f64 = 2.5;

/// What changes when the picture is saved as JPEG once more.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorLevel {
    /// At each quality.
    pub levels: Vec<Level>,
    /// What it means.
    pub meaning: &'static str,
    /// What it does not.
    pub cannot_tell: &'static str,
}

/// The change at one quality, in grey levels (0–255), the largest of the three channels at each pixel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Level {
    /// The quality, 1–100.
    #[schema(example = 85)]
    pub quality: u8,
    /// Mean change.
    pub mean: f64,
    /// What 95 of 100 pixels do not exceed.
    pub p95: f64,
    /// How many times the blocks of 16 × 16 pixels that changed most (one in twenty) exceed the middle one.
    pub block_contrast: f64,
    /// The block that changed most, where it stands out; null where none does.
    #[schema(required)]
    pub stands_out: Option<Area>,
}

/// The picture saved once more.
pub(super) struct Resaved {
    pub(super) quality: u8,
    size: [usize; 2],
    /// The change at each pixel.
    change: Vec<u8>,
}

impl Resaved {
    pub(super) fn at(quality: u8, rgb: &RgbImage) -> Self {
        // Without halving the chroma: its loss would cover everything else.
        let file = delivery::jpeg_as(rgb, quality, SamplingFactor::F_1_1).expect("the part that is looked at fits a JPEG");
        let again =
            image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).expect("what was just encoded decodes").into_rgb8();
        let changed = |(a, b): (&[u8], &[u8])| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
        let change = rgb.as_raw().chunks_exact(3).zip(again.as_raw().chunks_exact(3)).map(changed).collect();
        Self { quality, size: [rgb.width() as usize, rgb.height() as usize], change }
    }

    pub(super) fn map(&self) -> Map {
        paint::grey(self.change.iter().map(|change| f32::from(*change)), self.size[0], self.size[1], 2.0)
    }

    fn level(&self, part: &Part<'_>) -> Level {
        let blocks: Vec<(Area, f32)> =
            blocks(part.area.width, part.area.height, BLOCK).map(|area| (area, mean(&self.change, self.size[0], area))).collect();
        let mut means: Vec<f32> = blocks.iter().map(|block| block.1).collect();
        let (middle, high) = (percentile(&mut means, 50) + 0.5, percentile(&mut means, 95) + 0.5);
        let most = blocks.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let most = most.filter(|block| f64::from(block.1) + 0.5 >= STANDS_OUT * middle);
        Level {
            quality: self.quality,
            mean: told(self.change.iter().map(|change| f64::from(*change)).sum::<f64>() / self.change.len().max(1) as f64),
            p95: self.exceeded_by(5),
            block_contrast: told(high / middle),
            stands_out: most.map(|block| part.in_picture(block.0)),
        }
    }

    /// The change that at most so many of a hundred pixels exceed.
    fn exceeded_by(&self, percent: usize) -> f64 {
        let mut counts = [0usize; 256];
        self.change.iter().for_each(|change| counts[usize::from(*change)] += 1);
        let mut left = self.change.len() * percent / 100;
        for (change, count) in counts.iter().enumerate().rev() {
            if *count > left {
                return change as f64;
            }
            left -= count;
        }
        0.0
    }
}

impl ErrorLevel {
    pub(super) fn of(resaved: &[Resaved], part: &Part<'_>) -> Self {
        Self {
            levels: resaved.iter().map(|resaved| resaved.level(part)).collect(),
            meaning: "Parts that change more than the rest when the picture is saved once more were saved fewer times, or at another quality, \
                      than the rest.",
            cannot_tell: "Edges and fine textures change more in every picture, and a picture that was saved as a whole since, as chats \
                          and sites do, shows nothing.",
        }
    }
}
