//! The invisible mark that Stable Diffusion's own scripts write (PyPI's `invisible-watermark`, method `dwtDct`): read, never written.
//!
//! How it lies in a picture: the chroma channel U (of 8-bit or floating-point YUV) goes through one level of the Haar transform; its
//! approximation band is cut in blocks of 4×4 (8×8 pixels), row by row, and each block carries one bit of a payload that repeats to
//! the end: the largest coefficient but the first is moved to a quarter (bit 0) or three quarters (bit 1) of a step of 36.
//!
//! The blocks are counted from the top-left corner, so only a picture that was never scaled, and never cut at the left, right or top, can
//! show it. Mild JPEG is survived. Natural pictures have strongly dependent bits (a flat sky decodes to one bit everywhere), hence no
//! counting of equal bits: the mean bit at each place of the payload is correlated with the payload, which neither a bias nor the
//! contrast of the picture can raise.

use image::RgbImage;

/// The distance between two quantised values of the same bit.
const STEP: f32 = 36.0;
/// Side of a block in pixels: two for the Haar transform, four coefficients.
const BLOCK: usize = 8;
/// At most about this many blocks are read (4 megapixels); of a larger picture, evenly spaced rows of blocks.
const MAX_BLOCKS: usize = 65_536;
/// The embedder refuses smaller pictures.
const MIN_PIXELS: u64 = 256 * 256;
/// Correlation expressed in standard deviations of what an unmarked picture shows. Independent noise reaches 6.2 once in 3·10⁹ hypotheses,
/// and [`read`] tries six on a picture; over 14,000 hypotheses on real pictures, whose noise is not quite independent, the highest was 4.7.
pub(super) const CERTAIN: f64 = 6.2;

/// One message that a known program writes.
struct Payload {
    /// Who writes it, for people.
    writer: &'static str,
    /// First bit is the highest of the first byte.
    bytes: &'static [u8],
}

const PAYLOADS: [Payload; 3] = [
    Payload { writer: "Stable Diffusion 2", bytes: b"SDV2" },
    Payload { writer: "Stable Diffusion 1", bytes: b"StableDiffusionV1" },
    // 0b101100111110110010010000011110111011000110011110
    Payload { writer: "Stable Diffusion XL", bytes: &[0xB3, 0xEC, 0x90, 0x7B, 0xB1, 0x9E] },
];

/// A mark that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    /// The program whose message it is.
    pub(super) writer: &'static str,
    /// Evidence in standard deviations; never below [`CERTAIN`].
    pub(super) deviations: f64,
}

/// Reads the mark, if a known one is there beyond doubt.
pub(super) fn read(rgb: &RgbImage) -> Option<Mark> {
    strongest(rgb).filter(|mark| mark.deviations >= CERTAIN)
}

/// The best supported of all known messages, however weak.
fn strongest(rgb: &RgbImage) -> Option<Mark> {
    if u64::from(rgb.width()) * u64::from(rgb.height()) < MIN_PIXELS {
        return None;
    }
    let mut tallies: Vec<[Tally; 2]> = PAYLOADS.iter().map(|payload| [Tally::new(payload), Tally::new(payload)]).collect();
    let (columns, rows) = (rgb.width() as usize / BLOCK, rgb.height() as usize / BLOCK);
    let every = (columns * rows).div_ceil(MAX_BLOCKS).max(1);
    for row in (0..rows).step_by(every) {
        let blocks = blocks_of_row(rgb, row, columns);
        let readings = [blocks.iter().map(read_bytes).collect::<Vec<_>>(), blocks.iter().map(read_floats).collect()];
        for tally in &mut tallies {
            tally.iter_mut().zip(&readings).for_each(|(tally, readings)| tally.add(row * columns, readings));
        }
    }
    // Both ways of embedding are tried with every message.
    let marks = PAYLOADS
        .iter()
        .zip(&tallies)
        .flat_map(|(payload, tally)| tally.iter().map(|one| Mark { writer: payload.writer, deviations: one.deviations(payload) }));
    marks.max_by(|a, b| a.deviations.total_cmp(&b.deviations))
}

/// The Haar approximation of U, without its offset, for every block of one row of blocks.
fn blocks_of_row(rgb: &RgbImage, row: usize, columns: usize) -> Vec<[f32; 16]> {
    let stride = rgb.width() as usize * 3;
    let mut blocks = vec![[0.0; 16]; columns];
    for line in 0..4 {
        let top = (row * BLOCK + line * 2) * stride;
        let (upper, lower) = (&rgb.as_raw()[top..top + stride], &rgb.as_raw()[top + stride..top + 2 * stride]);
        for (index, (a, b)) in upper.chunks_exact(6).zip(lower.chunks_exact(6)).take(columns * 4).enumerate() {
            let sum = |channel: usize| {
                f32::from(u16::from(a[channel]) + u16::from(a[channel + 3]) + u16::from(b[channel]) + u16::from(b[channel + 3]))
            };
            let (red, green, blue) = (sum(0), sum(1), sum(2));
            // Half the sum of four pixels' U, where U = 0.492 (B − Y).
            blocks[index / 4][line * 4 + index % 4] = 0.246 * (0.886 * blue - 0.299 * red - 0.587 * green);
        }
    }
    blocks
}

/// One block's opinion.
#[derive(Clone, Copy)]
struct Reading {
    /// From −1 (surely 0) to 1 (surely 1).
    bit: f32,
    /// Less the further the coefficient stands out of its block: JPEG pulls such a one back most.
    weight: f32,
}

/// The bit as it lies when the embedder worked on 8-bit pixels: U then has the offset 128, which the transform doubles.
fn read_bytes(block: &[f32; 16]) -> Reading {
    Reading::of(block[1..].iter().map(|value| value + 256.0))
}

/// The bit as it lies when the embedder worked on floating-point pixels (diffusers' SDXL pipelines): U then has the offset ½ and a sign.
fn read_floats(block: &[f32; 16]) -> Reading {
    Reading::of(block[1..].iter().map(|value| (value + 1.0).abs()))
}

impl Reading {
    fn of(coefficients: impl Iterator<Item = f32>) -> Self {
        // Without branches, which no processor could foretell here.
        let (larger, smaller) = (|a: f32, b: f32| if a > b { a } else { b }, |a: f32, b: f32| if a < b { a } else { b });
        let (largest, second) = coefficients
            .fold((f32::MIN, f32::MIN), |(largest, second), value| (larger(largest, value), larger(second, smaller(largest, value))));
        // The remainder, exactly: no coefficient is below 0, and a quotient that was rounded up is put right.
        let steps = (largest / STEP) as i32 as f32;
        let rest = largest - steps * STEP;
        let phase = if rest < 0.0 { largest - (steps - 1.0) * STEP } else { rest } / STEP;
        Self { bit: -(phase * std::f32::consts::TAU).sin(), weight: 1.0 / (4.0 + largest - second) }
    }
}

/// What each place of a payload read as, over all blocks.
struct Tally {
    bits: Vec<f32>,
    weights: Vec<f32>,
}

impl Tally {
    fn new(payload: &Payload) -> Self {
        let places = payload.bytes.len() * 8;
        Self { bits: vec![0.0; places], weights: vec![0.0; places] }
    }

    /// Adds the readings of consecutive blocks, of which `first` is the first.
    fn add(&mut self, first: usize, readings: &[Reading]) {
        let places = self.bits.len();
        let mut place = first % places;
        for reading in readings {
            self.bits[place] += reading.bit * reading.weight;
            self.weights[place] += reading.weight;
            place = if place + 1 == places { 0 } else { place + 1 };
        }
    }

    /// Correlation with the payload over its places, as Fisher's z in standard deviations.
    fn deviations(&self, payload: &Payload) -> f64 {
        let bits = payload.bytes.iter().flat_map(|byte| (0..8).map(move |bit| f64::from(byte >> (7 - bit) & 1)));
        let reads = self.bits.iter().zip(&self.weights).map(|(bit, weight)| f64::from(bit / weight.max(f32::MIN_POSITIVE)));
        let (bits, reads) = (against_neighbours(&bits.collect::<Vec<_>>()), against_neighbours(&reads.collect::<Vec<_>>()));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let scale = (product(&bits, &bits) * product(&reads, &reads)).sqrt();
        if scale <= 0.0 {
            return 0.0;
        }
        // Differences of neighbours depend on each other, which leaves fewer independent places than there are: exactly so many when
        // the places themselves were independent. 1.5 is the variance of a difference.
        let twice = against_neighbours(&bits);
        let independent = 1.5 * bits.len() as f64 * product(&bits, &bits) / product(&twice, &twice);
        // Kept below 1: a perfect mark has a finite, very large figure.
        (product(&bits, &reads) / scale).min(0.999_999).atanh() * (independent - 3.0).max(0.0).sqrt()
    }
}

/// Every place less the mean of the two beside it. Neighbouring blocks of a natural picture are alike and would correlate with
/// any message that has long runs; the differences are nearly independent.
fn against_neighbours(places: &[f64]) -> Vec<f64> {
    let count = places.len();
    (0..count).map(|place| places[place] - (places[(place + 1) % count] + places[(place + count - 1) % count]) / 2.0).collect()
}
