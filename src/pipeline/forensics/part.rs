//! The part of a picture that is looked at, and the blocks it falls into.

use std::borrow::Cow;

use image::RgbImage;
use serde::Serialize;
use utoipa::ToSchema;

/// Most pixels that are looked at.
const MOST_PIXELS: f64 = (4 << 20) as f64;
/// The longest side that is looked at.
const LONGEST: u32 = 16_384;

/// A rectangle in the picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Area {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// The part's pixels.
pub(super) struct Part<'a> {
    /// Where it lies.
    pub(super) area: Area,
    pub(super) rgb: Cow<'a, RgbImage>,
    /// 0–255, row by row.
    pub(super) luma: Vec<f32>,
}

impl<'a> Part<'a> {
    /// The whole picture, or as much of its middle as is looked at, in the picture's own proportions and on the grid of its blocks.
    pub(super) fn middle(rgb: &'a RgbImage) -> Self {
        let area = area(rgb.width(), rgb.height());
        let Area { x, y, width, height } = area;
        let rgb = if (width, height) == rgb.dimensions() {
            Cow::Borrowed(rgb)
        } else {
            Cow::Owned(image::imageops::crop_imm(rgb, x, y, width, height).to_image())
        };
        let grey = |pixel: &[u8]| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
        let luma = rgb.as_raw().chunks_exact(3).map(grey).collect();
        Self { area, rgb, luma }
    }

    pub(super) fn width(&self) -> usize {
        self.area.width as usize
    }

    /// A rectangle of the part as one of the picture.
    pub(super) const fn in_picture(&self, area: Area) -> Area {
        Area { x: self.area.x + area.x, y: self.area.y + area.y, ..area }
    }
}

fn area(width: u32, height: u32) -> Area {
    let scale = (MOST_PIXELS / (f64::from(width) * f64::from(height))).sqrt().min(1.0);
    let kept = |side: u32| {
        let most = (f64::from(side) * scale) as u32;
        if scale < 1.0 || side > LONGEST { (most.min(LONGEST) / 8 * 8).max(8).min(side) } else { side }
    };
    let (across, down) = (kept(width), kept(height));
    Area { x: (width - across) / 2 / 8 * 8, y: (height - down) / 2 / 8 * 8, width: across, height: down }
}

/// Squares of so many pixels that fill a plane from its left upper corner; the rest at the rim is left out. A plane smaller than one
/// square is one block as it is.
pub(super) fn blocks(width: u32, height: u32, side: u32) -> impl Iterator<Item = Area> {
    let (across, down) = (side.min(width), side.min(height));
    let (columns, rows) = (width / across.max(1), height / down.max(1));
    (0..rows).flat_map(move |row| (0..columns).map(move |column| Area { x: column * across, y: row * down, width: across, height: down }))
}

/// The mean of a plane's values in an area.
pub(super) fn mean<T: Copy + Into<f32>>(plane: &[T], width: usize, area: Area) -> f32 {
    let [x, y, across, down] = [area.x, area.y, area.width, area.height].map(|side| side as usize);
    let lines = plane.chunks_exact(width).skip(y).take(down);
    let sum: f32 = lines.map(|line| line[x..x + across].iter().map(|value| (*value).into()).sum::<f32>()).sum();
    sum / (across * down).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_looked_at_in_its_middle_on_the_grid_of_its_blocks() {
        assert_eq!(area(1000, 777), Area { x: 0, y: 0, width: 1000, height: 777 });
        for (width, height) in [(5000, 3001), (32_768, 400), (9, 32_768), (100_000, 1), (3, 500_000)] {
            let Area { x, y, width: across, height: down } = area(width, height);
            assert!(across <= width && down <= height && u64::from(across) * u64::from(down) <= 4 << 20 && across.max(down) <= LONGEST);
            assert!(x % 8 == 0 && y % 8 == 0 && x + across <= width && y + down <= height, "{width}×{height}: {x} {y} {across} {down}");
        }
        let middle = area(4096, 4096);
        assert_eq!((middle.x, middle.width), (1024, 2048));
    }

    #[test]
    fn blocks_fill_what_they_can_and_never_nothing() {
        assert_eq!(blocks(40, 33, 16).count(), 4);
        assert_eq!(blocks(5, 100, 16).map(|area| (area.width, area.height)).next(), Some((5, 16)));
        assert_eq!(blocks(1, 1, 16).count(), 1);
        assert_eq!(mean(&[1u8, 2, 3, 4], 2, Area { x: 1, y: 0, width: 1, height: 2 }), 3.0);
    }
}
