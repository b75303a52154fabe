//! From planes of brightness and colour differences to RGB: any depth up to 16 bits, any subsampling, the matrices of ITU-T H.273.
//!
//! Chroma is interpolated linearly from samples that lie between the pixels, as most encoders place them. Everything is computed in
//! floats and rounded once.

use image::RgbImage;

use super::hdr::ToneMap;

/// How numbers mean colours: code points of ITU-T H.273, as files carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color {
    pub(super) primaries: u16,
    pub(super) transfer: u16,
    pub(super) matrix: u16,
    /// Whether black is 0 and white the highest number.
    pub(super) full_range: bool,
}

/// The numbers of a plane, row after row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Samples<'a> {
    Bytes(&'a [u8]),
    Words(&'a [u16]),
    /// 16 bits in the machine's byte order.
    Pairs(&'a [u8]),
}

/// One plane. A row begins every `stride` samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) samples: Samples<'a>,
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A picture as a video codec gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Yuv<'a> {
    pub(super) luma: Plane<'a>,
    /// None in a grey picture.
    pub(super) chroma: Option<[Plane<'a>; 2]>,
    /// Bits of a sample.
    pub(super) depth: u32,
    pub(super) color: Color,
}

impl Plane<'_> {
    /// A row's samples; a row beyond the last is the last.
    fn row(&self, y: usize, into: &mut Vec<f32>) {
        let start = y.min(self.height.saturating_sub(1)) * self.stride;
        let range = start..start + self.width;
        into.clear();
        match self.samples {
            Samples::Bytes(samples) => into.extend(samples.get(range).unwrap_or_default().iter().map(|sample| f32::from(*sample))),
            Samples::Words(samples) => into.extend(samples.get(range).unwrap_or_default().iter().map(|sample| f32::from(*sample))),
            Samples::Pairs(samples) => {
                let pairs = samples.get(2 * range.start..2 * range.end).unwrap_or_default().chunks_exact(2);
                into.extend(pairs.map(|pair| f32::from(u16::from_ne_bytes([pair[0], pair[1]]))));
            }
        }
        into.resize(self.width, 0.0);
    }
}

/// The picture in RGB, 8 bits a channel; what is brighter than white is mapped down (see `hdr`).
pub(super) fn rgb(yuv: &Yuv<'_>) -> RgbImage {
    let (width, height) = (yuv.luma.width, yuv.luma.height);
    let conversion = Conversion::of(&yuv.color, yuv.depth);
    let tones = ToneMap::of(&yuv.color);
    let mut page = RgbImage::new(size(width), size(height));
    let [mut luma, mut blue, mut red, mut scratch] = [const { Vec::new() }; 4];
    for (y, line) in page.chunks_exact_mut((3 * width).max(1)).enumerate() {
        yuv.luma.row(y, &mut luma);
        if let Some([cb, cr]) = &yuv.chroma {
            widened(cb, &yuv.luma, y, &mut blue, &mut scratch);
            widened(cr, &yuv.luma, y, &mut red, &mut scratch);
        }
        for (x, pixel) in line.chunks_exact_mut(3).enumerate() {
            let linear = if yuv.chroma.is_some() { conversion.color([luma[x], blue[x], red[x]]) } else { conversion.grey(luma[x]) };
            let shown = tones.as_ref().map_or(linear, |tones| tones.map(linear));
            pixel.copy_from_slice(&shown.map(|level| (level * 255.0).round().clamp(0.0, 255.0) as u8));
        }
    }
    page
}

/// One plane alone as levels 0–255: transparency.
pub(super) fn levels(yuv: &Yuv<'_>) -> Vec<u8> {
    let conversion = Conversion::of(&yuv.color, yuv.depth);
    let mut row = Vec::new();
    let mut levels = Vec::with_capacity(yuv.luma.width * yuv.luma.height);
    for y in 0..yuv.luma.height {
        yuv.luma.row(y, &mut row);
        levels.extend(row.iter().map(|sample| (conversion.grey(*sample)[0] * 255.0).round().clamp(0.0, 255.0) as u8));
    }
    levels
}

fn size(side: usize) -> u32 {
    u32::try_from(side).expect("a decoder's sizes are checked against limits of 32 bits")
}

/// Row `y` of a chroma plane at the width of the luma plane.
fn widened(plane: &Plane<'_>, luma: &Plane<'_>, y: usize, row: &mut Vec<f32>, scratch: &mut Vec<f32>) {
    let halved = |side: usize, whole: usize| side < whole;
    if halved(plane.height, luma.height) {
        plane.row(y / 2, row);
        // The other neighbour: above an upper pixel of the pair, below a lower one.
        plane.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 }, scratch);
        row.iter_mut().zip(scratch.iter()).for_each(|(near, far)| *near = 0.75 * *near + 0.25 * far);
    } else {
        plane.row(y, row);
    }
    if halved(plane.width, luma.width) {
        let at = |x: usize| row[x.min(row.len() - 1)];
        scratch.clear();
        scratch.extend((0..luma.width).map(|x| {
            let far = if x % 2 == 0 { (x / 2).saturating_sub(1) } else { x / 2 + 1 };
            0.75 * at(x / 2) + 0.25 * at(far)
        }));
        std::mem::swap(row, scratch);
    }
}

/// `rgb = matrix × (sample − offset)`, where 0 is black and 1 white.
struct Conversion {
    matrix: [[f32; 3]; 3],
    offset: [f32; 3],
    luma_scale: f32,
}

impl Conversion {
    fn of(color: &Color, depth: u32) -> Self {
        let depth = depth.clamp(8, 16);
        let unit = (1_u32 << (depth - 8)) as f32;
        let most = ((1_u32 << depth) - 1) as f32;
        let (black, luma_range, chroma_range) =
            if color.full_range { (0.0, most, most) } else { (16.0 * unit, 219.0 * unit, 224.0 * unit) };
        let (luma_scale, chroma_scale) = (1.0 / luma_range, 1.0 / chroma_range);
        let middle = 128.0 * unit;
        let scaled = |matrix: [[f32; 3]; 3]| matrix.map(|[y, u, v]| [y * luma_scale, u * chroma_scale, v * chroma_scale]);
        let (matrix, offset) = match color.matrix {
            // The planes are green, blue and red themselves.
            0 => ([[0.0, 0.0, luma_scale], [luma_scale, 0.0, 0.0], [0.0, luma_scale, 0.0]], [black; 3]),
            8 => (scaled([[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]]), [black, middle, middle]),
            _ => (scaled(from_luma_weights(color)), [black, middle, middle]),
        };
        Self { matrix, offset, luma_scale }
    }

    fn color(&self, samples: [f32; 3]) -> [f32; 3] {
        let [y, u, v] = [0, 1, 2].map(|channel| samples[channel] - self.offset[channel]);
        self.matrix.map(|[a, b, c]| a * y + b * u + c * v)
    }

    fn grey(&self, luma: f32) -> [f32; 3] {
        [(luma - self.offset[0]) * self.luma_scale; 3]
    }
}

/// The inverse of H.273's equations 38–43 for what red and blue weigh in luma.
fn from_luma_weights(color: &Color) -> [[f32; 3]; 3] {
    let (red, blue) = match (color.matrix, color.primaries) {
        (1, _) | (12, 1) => (0.2126, 0.0722),
        (4, _) => (0.30, 0.11),
        (7, _) => (0.212, 0.087),
        (9 | 10, _) | (12, 9) => (0.2627, 0.0593),
        // BT.601, which is also what is meant where nothing is said (ISO/IEC 23000-22 §7.3.6.4).
        _ => (0.299, 0.114),
    };
    let green = 1.0 - red - blue;
    let (to_red, to_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
    [[1.0, 0.0, to_red], [1.0, -to_blue * blue / green, -to_red * red / green], [1.0, to_blue, 0.0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Color = Color { primaries: 1, transfer: 13, matrix: 6, full_range: true };

    fn plane(samples: &[u8], width: usize, height: usize) -> Plane<'_> {
        Plane { samples: Samples::Bytes(samples), stride: width, width, height }
    }

    fn pixel(color: Color, depth: u32, samples: [u16; 3]) -> [u8; 3] {
        let plane = |at: usize| Plane { samples: Samples::Words(&samples[at..=at]), stride: 1, width: 1, height: 1 };
        rgb(&Yuv { luma: plane(0), chroma: Some([plane(1), plane(2)]), depth, color }).get_pixel(0, 0).0
    }

    #[test]
    fn known_colours_come_out_in_every_range_depth_and_matrix() {
        assert_eq!(pixel(PLAIN, 8, [76, 85, 255]), [254, 0, 0], "red in JPEG's own matrix");
        assert_eq!(pixel(Color { full_range: false, ..PLAIN }, 8, [235, 128, 128]), [255; 3]);
        assert_eq!(pixel(Color { full_range: false, ..PLAIN }, 10, [64, 512, 512]), [0; 3]);
        assert_eq!(
            pixel(Color { matrix: 1, full_range: false, ..PLAIN }, 8, [63, 102, 240]),
            [255, 1, 0],
            "red in BT.709, as near as whole numbers come"
        );
        assert_eq!(pixel(Color { matrix: 0, ..PLAIN }, 12, [0, 4095, 2048]), [128, 0, 255], "green, blue, red");
        assert_eq!(pixel(Color { matrix: 8, ..PLAIN }, 8, [128, 128, 128]), [128, 128, 128]);
    }

    #[test]
    fn halved_colour_is_interpolated_and_grey_has_none() {
        let (luma, blue, red) = ([128; 8], [128; 2], [128, 255]);
        let yuv = Yuv { luma: plane(&luma, 4, 2), chroma: Some([plane(&blue, 2, 1), plane(&red, 2, 1)]), depth: 8, color: PLAIN };
        let reds: Vec<u8> = rgb(&yuv).rows().next().expect("a row").map(|pixel| pixel.0[0]).collect();
        assert_eq!(reds, [128, 173, 255, 255], "from left to right");
        let grey = Yuv { chroma: None, ..yuv };
        assert!(rgb(&grey).pixels().all(|pixel| pixel.0 == [128; 3]));
        assert_eq!(levels(&grey), [128; 8]);
    }
}
