//! Which squares of a picture a network is shown: the geometry of each kind of view. It is the trainer's rule to the pixel; a
//! square cut elsewhere than in training costs accuracy that no test of the network would show.

use image::RgbImage;

use crate::{
    model::{Cut, Filter, View},
    resize::resize,
};

/// Longest side, in pixels, that a picture may have after it was *enlarged* to reach a square's side. A narrower strip is
/// looked at in its middle part only: 32768×10 at side 224 would otherwise become 164 megapixels.
const LONGEST_ENLARGED: f64 = 8192.0;

/// Where a view's squares lie. Coordinates count pixels of the scaled picture unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The part of the original that is looked at: left, top, width, height, in original pixels.
    pub part: [u32; 4],
    /// Width and height that this part is scaled to.
    pub scaled: [u32; 2],
    /// Width and height of every square.
    pub square: [u32; 2],
    /// Left and top of every square.
    pub squares: Vec<[u32; 2]>,
}

impl Layout {
    /// The squares of a view on a picture of this size (both sides 1 or more).
    #[must_use]
    pub fn new(cut: Cut, width: u32, height: u32) -> Self {
        match cut {
            Cut::Tiles { side, most, .. } => {
                let part = looked_at(width, height, side);
                let scaled = scaled(part, side, |_, reach| reach.max(1.0));
                Self { part, scaled, square: [side; 2], squares: tiles(scaled, side, most) }
            }
            Cut::Whole { side, longest } => {
                let part = looked_at(width, height, side);
                let scaled = scaled(part, side, |own, reach| (f64::from(longest) / own).min(1.0).max(reach));
                Self { part, scaled, square: [side; 2], squares: thirds(scaled, side) }
            }
            Cut::Frame { longest, shortest } => frame(width, height, longest, shortest),
            Cut::Resized { side, shorter: None, .. } => {
                Self { part: [0, 0, width, height], scaled: [side; 2], square: [side; 2], squares: vec![[0, 0]] }
            }
            Cut::Resized { side, shorter: Some(shorter), .. } => centre(width, height, shorter, side),
        }
    }

    /// How many original pixels one scaled pixel covers, across and down.
    #[must_use]
    pub fn pixel(&self) -> [f32; 2] {
        [self.part[2] as f32 / self.scaled[0] as f32, self.part[3] as f32 / self.scaled[1] as f32]
    }
}

/// The whole picture, but the middle part of a strip that could only be enlarged to something huge.
fn looked_at(width: u32, height: u32, side: u32) -> [u32; 4] {
    let shortest = width.min(height);
    if shortest >= side {
        return [0, 0, width, height];
    }
    let most = (LONGEST_ENLARGED * f64::from(shortest) / f64::from(side)).floor() as u32;
    middle(width, height, [most.max(shortest); 2])
}

/// The middle part that is at most so wide and high.
fn middle(width: u32, height: u32, most: [u32; 2]) -> [u32; 4] {
    let (wide, high) = (width.min(most[0]), height.min(most[1]));
    [(width - wide) / 2, (height - high) / 2, wide, high]
}

/// What the part is scaled to: by the factor that `scale` makes of its longest side and of the factor at which its shortest side
/// reaches the square's.
fn scaled(part: [u32; 4], side: u32, scale: impl Fn(f64, f64) -> f64) -> [u32; 2] {
    let size = [part[2], part[3]].map(f64::from);
    let scale = scale(size[0].max(size[1]), f64::from(side) / size[0].min(size[1]));
    size.map(|length| ((length * scale).round() as u32).max(side))
}

/// One rectangle, its sides the nearest multiples of the network's stride: the picture may be stretched by a few percent. Of a
/// picture that is longer than `longest` to `shortest` only the middle part is seen.
fn frame(width: u32, height: u32, longest: u32, shortest: u32) -> Layout {
    let reach = |other: u32| u32::try_from(u64::from(other) * u64::from(longest) / u64::from(shortest)).unwrap_or(u32::MAX);
    let part = middle(width, height, [reach(height), reach(width)]);
    let (size, step) = ([part[2], part[3]].map(f64::from), f64::from(Cut::STEP));
    let scale = (f64::from(longest) / size[0].max(size[1])).min(1.0);
    let scaled = size.map(|length| ((length * scale / step).round() as u32 * Cut::STEP).clamp(shortest, longest));
    Layout { part, scaled, square: scaled, squares: vec![[0, 0]] }
}

/// The shorter side becomes `shorter`, then the centre is cut out.
fn centre(width: u32, height: u32, shorter: u32, side: u32) -> Layout {
    let part = looked_at(width, height, shorter);
    let least = u64::from(part[2].min(part[3]));
    let scaled = [part[2], part[3]].map(|length| u32::try_from(u64::from(length) * u64::from(shorter) / least).unwrap_or(u32::MAX));
    Layout { part, scaled, square: [side; 2], squares: vec![scaled.map(|length| (length - side) / 2)] }
}

fn tiles([width, height]: [u32; 2], side: u32, most: u32) -> Vec<[u32; 2]> {
    let (w, h, s) = (f64::from(width), f64::from(height), f64::from(side));
    let count = (w * h / (s * s)).round().clamp(1.0, f64::from(most));
    let mut columns = (count * w / h).sqrt().round().clamp(1.0, count) as u32;
    let mut rows = (count as u32).div_ceil(columns).max(1);
    while rows * columns > most {
        if rows > columns { rows -= 1 } else { columns -= 1 }
    }
    let place = |length: f64, index: u32, of: u32| ((length - s) * (f64::from(index) + 0.5) / f64::from(of)).floor() as u32;
    (0..rows).flat_map(|row| (0..columns).map(move |column| [place(w, column, columns), place(h, row, rows)])).collect()
}

fn thirds([width, height]: [u32; 2], side: u32) -> Vec<[u32; 2]> {
    let last = if width == side && height == side { 0 } else { 2 };
    (0..=last).map(|k| [(width - side) * k / 2, (height - side) * k / 2]).collect()
}

/// Cuts the squares out and normalises them: `squares × 3 × height × width` floats, planes of R, G, B.
#[must_use]
pub fn cut(view: &View, layout: &Layout, rgb: &RgbImage) -> Vec<f32> {
    let filter = match view.cut {
        Cut::Tiles { .. } => Filter::CatmullRom,
        Cut::Whole { .. } | Cut::Frame { .. } => Filter::Lanczos3,
        Cut::Resized { filter, .. } => filter,
    };
    let scaled = resize(rgb, layout.part, layout.scaled, filter);
    let table = normalised(view);
    let [wide, high] = layout.square;
    let mut pixels = Vec::with_capacity(layout.squares.len() * 3 * (wide * high) as usize);
    for [left, top] in &layout.squares {
        for (channel, values) in table.iter().enumerate() {
            for y in *top..*top + high {
                let start = (y as usize * scaled.width() as usize + *left as usize) * 3;
                let row = &scaled.as_raw()[start..start + wide as usize * 3];
                pixels.extend(row.chunks_exact(3).map(|pixel| values[usize::from(pixel[channel])]));
            }
        }
    }
    pixels
}

/// What each byte value of each channel becomes.
fn normalised(view: &View) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| std::array::from_fn(|value| (value as f32 - view.mean[channel]) / view.std[channel]))
}

#[cfg(test)]
mod tests;
