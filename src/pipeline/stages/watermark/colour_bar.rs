//! The row of five coloured squares at the right end of the bottom edge, drawn by DALL·E 2 into what it made.
//!
//! At 1024 pixels a square measures 16; the bar scales with the picture. Every size is tried, since a picture may have been cut at
//! its left or top.

use image::RgbImage;

/// From left to right; the last one touches the right edge.
const SQUARES: [[i32; 3]; 5] = [[0xFF, 0xFF, 0x66], [0x42, 0xFF, 0xFF], [0x51, 0xDA, 0x4C], [0xFF, 0x6E, 0x3C], [0x3C, 0x46, 0xFF]];
/// Smallest side of a square that is looked for, in pixels.
const SMALLEST: u32 = 4;
/// Largest; a picture enlarged to four times its size.
const LARGEST: u32 = 64;
/// A square's mean colour may lie this far from the true one in any channel: JPEG, colour profiles.
const FAR: i32 = 36;
/// Mean deviation inside a square, per channel: the squares are flat, and only compression disturbs them.
const ROUGH: i32 = 22;

/// How near the bar's colours are to the true ones: 0 as far as can be, 1 equal; `None` when there is no bar.
pub(super) fn find(rgb: &RgbImage) -> Option<f64> {
    let largest = LARGEST.min(rgb.width() / 5).min(rgb.height());
    (SMALLEST..=largest).filter_map(|side| bar(rgb, side)).max_by(f64::total_cmp)
}

/// The likeness of a bar with squares of this side.
fn bar(rgb: &RgbImage, side: u32) -> Option<f64> {
    let mut worst = 0;
    for (index, colour) in SQUARES.iter().enumerate() {
        let left = rgb.width() - side * (5 - index as u32);
        worst = worst.max(distance(rgb, left, rgb.height() - side, side, *colour)?);
    }
    Some(1.0 - f64::from(worst) / f64::from(FAR))
}

/// The distance of a square's colour in its worst channel, seen in its inner part alone (edges bleed); `None` when it is another
/// colour or not flat.
fn distance(rgb: &RgbImage, left: u32, top: u32, side: u32, colour: [i32; 3]) -> Option<i32> {
    let rim = (side / 4).max(1);
    let span = rim..side - rim;
    let pixels =
        || span.clone().flat_map(|y| span.clone().map(move |x| (x, y))).map(|(x, y)| rgb.get_pixel(left + x, top + y).0.map(i32::from));
    let count = (span.len() * span.len()) as i32;
    let mut worst = 0;
    for channel in 0..3 {
        let mean = pixels().map(|pixel| pixel[channel]).sum::<i32>() / count;
        let roughness = pixels().map(|pixel| (pixel[channel] - mean).abs()).sum::<i32>() / count;
        worst = worst.max((mean - colour[channel]).abs());
        if worst > FAR || roughness > ROUGH {
            return None;
        }
    }
    Some(worst)
}
