//! Which squares of a picture a network is shown: the geometry of tiles and of the whole. It is the trainer's rule to the
//! pixel; a square cut elsewhere than in training costs accuracy that no test of the network would show.

use image::RgbImage;

use crate::{
    model::{Cut, View},
    resize::{Filter, resize},
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
    /// Side of every square.
    pub side: u32,
    /// Left and top of every square.
    pub squares: Vec<[u32; 2]>,
}

impl Layout {
    /// The squares of `view` on a picture of this size (both sides 1 or more).
    #[must_use]
    pub fn new(view: &View, width: u32, height: u32) -> Self {
        let part = looked_at(width, height, view.side);
        let (wide, high, side) = (f64::from(part[2]), f64::from(part[3]), f64::from(view.side));
        let reach = side / wide.min(high);
        let scale = match view.cut {
            Cut::Tiles { .. } => reach.max(1.0),
            Cut::Whole { longest } => (f64::from(longest) / wide.max(high)).min(1.0).max(reach),
        };
        let scaled = [wide, high].map(|length| ((length * scale).round() as u32).max(view.side));
        let squares = match view.cut {
            Cut::Tiles { most } => tiles(scaled, view.side, most),
            Cut::Whole { .. } => thirds(scaled, view.side),
        };
        Self { part, scaled, side: view.side, squares }
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
    let [wide, high] = [width, height].map(|length| length.min(most.max(shortest)));
    [(width - wide) / 2, (height - high) / 2, wide, high]
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

/// Cuts the squares out and normalises them: `squares × 3 × side × side` floats, planes of R, G, B.
#[must_use]
pub fn cut(view: &View, rgb: &RgbImage) -> (Layout, Vec<f32>) {
    let layout = Layout::new(view, rgb.width(), rgb.height());
    let filter = match view.cut {
        Cut::Tiles { .. } => Filter::CatmullRom,
        Cut::Whole { .. } => Filter::Lanczos3,
    };
    let scaled = resize(rgb, layout.part, layout.scaled, filter);
    let table = normalised(view);
    let mut pixels = Vec::with_capacity(layout.squares.len() * 3 * (view.side * view.side) as usize);
    for [left, top] in &layout.squares {
        for (channel, values) in table.iter().enumerate() {
            for y in *top..*top + view.side {
                let start = (y as usize * scaled.width() as usize + *left as usize) * 3;
                let row = &scaled.as_raw()[start..start + view.side as usize * 3];
                pixels.extend(row.chunks_exact(3).map(|pixel| values[usize::from(pixel[channel])]));
            }
        }
    }
    (layout, pixels)
}

/// What each byte value of each channel becomes.
fn normalised(view: &View) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| std::array::from_fn(|value| (value as f32 - view.mean[channel]) / view.std[channel]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(cut: Cut, side: u32) -> View {
        let (mean, std) = ([127.0; 3], [128.0; 3]);
        View { name: "v".into(), file: "v.onnx".into(), sha256: String::new(), cut, side, mean, std, heatmap: true }
    }

    fn squares(cut: Cut, side: u32, width: u32, height: u32) -> Vec<[u32; 2]> {
        Layout::new(&view(cut, side), width, height).squares
    }

    /// Worked out by hand from the trainer's rule.
    #[test]
    fn tiles_lie_where_the_trainer_cut_them() {
        let six = Cut::Tiles { most: 6 };
        assert_eq!(squares(six, 224, 224, 224), [[0, 0]]);
        // 1024×1024: count 6, columns round(√6) = 2, rows 3.
        assert_eq!(squares(six, 224, 1024, 1024), [[200, 133], [600, 133], [200, 400], [600, 400], [200, 666], [600, 666]]);
        // 640×480: count round(6.12) = 6, columns round(√8) = 3, rows 2.
        assert_eq!(squares(six, 224, 640, 480), [[69, 64], [208, 64], [346, 64], [69, 192], [208, 192], [346, 192]]);
        // count 6, columns round(√(6 × 0.8)) = 2, rows 3 fit; with most 5 the larger of 2 and 3 shrinks.
        assert_eq!(squares(Cut::Tiles { most: 5 }, 100, 800, 1000).len(), 4);
    }

    #[test]
    fn small_pictures_are_enlarged_to_one_side() {
        let layout = Layout::new(&view(Cut::Tiles { most: 6 }, 224), 100, 150);
        assert_eq!((layout.scaled, layout.squares.len()), ([224, 336], 2));
        assert!((layout.pixel()[0] - 100.0 / 224.0).abs() < 1e-6);
    }

    #[test]
    fn the_whole_is_three_squares_on_the_diagonal_and_one_when_it_is_square() {
        let whole = Cut::Whole { longest: 320 };
        assert_eq!(squares(whole, 224, 1000, 800), [[0, 0], [48, 16], [96, 32]]);
        assert_eq!(squares(whole, 224, 4000, 1000), [[0, 0], [336, 0], [672, 0]], "the shortest side still reaches the square");
        assert_eq!(squares(Cut::Whole { longest: 224 }, 224, 500, 500), [[0, 0]]);
        assert_eq!(Layout::new(&view(whole, 224), 64, 64).scaled, [224, 224]);
    }

    /// No picture within the decoder's limits may become more pixels than it had, beyond the stated bound.
    #[test]
    fn strips_are_bounded_and_every_square_lies_inside() {
        for cut in [Cut::Tiles { most: 12 }, Cut::Whole { longest: 320 }] {
            for (width, height) in [(1, 1), (32768, 10), (10, 32768), (1, 32768), (223, 9000), (32768, 300), (5000, 7000)] {
                let layout = Layout::new(&view(cut, 224), width, height);
                let [w, h] = layout.scaled;
                assert!(u64::from(w) * u64::from(h) <= (u64::from(width) * u64::from(height)).max(8192 * 224), "{width}×{height}: {w}×{h}");
                assert!(layout.squares.iter().all(|[left, top]| left + 224 <= w && top + 224 <= h), "{width}×{height}");
                let [x, y, part_w, part_h] = layout.part;
                assert!(x + part_w <= width && y + part_h <= height && part_w > 0 && part_h > 0);
            }
        }
    }

    #[test]
    fn pixels_are_normalised_planes() {
        let rgb = RgbImage::from_pixel(16, 16, image::Rgb([255, 127, 0]));
        let (_, pixels) = cut(&view(Cut::Tiles { most: 1 }, 16), &rgb);
        assert_eq!((pixels.len(), pixels[0], pixels[256], pixels[512]), (768, 1.0, 0.0, -127.0 / 128.0));
    }
}
