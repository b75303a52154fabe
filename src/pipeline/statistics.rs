//! Cheap figures about a whole picture that carry some evidence beside the network's: traces of up-sampling, what noise is
//! left, how the colours' noise agrees, what compression did. They are features for the card's calibration, never findings.
//!
//! Sampled on a few windows at native resolution, so that the cost is bounded whatever the size. Each figure is finite for
//! every picture and scaled to about one unit; a card that learned weights for them depends on these very definitions.

use touchstone_core::media::Format;

use crate::{picture::Picture, stages::quality::jpeg_tables};

mod lattice;
mod tile;

pub(crate) use self::lattice::power;
use self::{
    lattice::Lattice,
    tile::{Tile, dot},
};

/// At most this many windows are sampled.
const WINDOWS: usize = 4;
/// How many figures there are.
pub const COUNT: usize = 11;

/// Their names, in the order in which [`of`] gives them.
pub const NAMES: [&str; COUNT] =
    ["half", "quarter", "checker", "kurtosis", "energy", "diagonal", "lag4", "channels", "blockiness", "quality", "megapixels"];

/// The figures by name, always in this order:
///
/// - `half`, `quarter`, `checker`: natural log of how far the residual's spectrum stands out at ½ and ¼ cycle a pixel on its axes,
///   and at ½ on its diagonal, where up-samplers leave peaks (residual: luma less its 3×3 mean);
/// - `kurtosis`: natural log of the residual's kurtosis over a Gaussian's; `energy`: natural log of its root mean square, in grey levels;
/// - `diagonal`, `lag4`: ten times its correlation with itself a pixel away on the diagonal, four away on the axes;
/// - `channels`: Fisher's z of the correlation of the colour channels' second differences, mean of red–green and green–blue;
/// - `blockiness`: five times the natural log of luma steps across JPEG's 8×8 grid over steps elsewhere;
/// - `quality`: the JPEG quality by the file's tables in units of 25 around 75, a lossless format counting as 100;
/// - `megapixels`: their logarithm to base 2.
#[must_use]
pub fn of(picture: &Picture) -> [(&'static str, f64); COUNT] {
    let (width, height) = picture.rgb.dimensions();
    let mut sums = Sums::default();
    for window in windows(width as usize, height as usize, WINDOWS) {
        sums.add(&Tile::cut(&picture.rgb, window));
    }
    let [half, quarter, checker] = sums.lattice.peaks();
    let quality = (picture.facts.format == Format::Jpeg).then(|| jpeg_tables::estimate(&picture.bytes)).flatten().unwrap_or(100);
    let values = [
        half,
        quarter,
        checker,
        ratio(sums.fourths * sums.pixels, 3.0 * sums.squares * sums.squares, 1e-6).ln(),
        ((sums.squares / sums.pixels.max(1.0)).sqrt() + 0.1).ln(),
        10.0 * sums.diagonal / sums.tiles.max(1.0),
        10.0 * sums.lag4 / sums.tiles.max(1.0),
        sums.channels(),
        sums.blockiness(),
        (f64::from(quality) - 75.0) / 25.0,
        (f64::from(width) * f64::from(height) / 1e6).log2(),
    ];
    std::array::from_fn(|index| (NAMES[index], values[index]))
}

/// Left, top, width and height of at most `most` windows, evenly spread; their corners lie on JPEG's grid.
pub(crate) fn windows(width: usize, height: usize, most: usize) -> impl Iterator<Item = [usize; 4]> {
    let side = |length: usize| if length < 8 { length } else { (length / 8 * 8).min(tile::SIDE) };
    let (wide, high) = (side(width), side(height));
    let (columns, tiles) = (width / wide, (width / wide) * (height / high));
    evenly(tiles, most).map(move |tile| [tile % columns * wide, tile / columns * high, wide, high])
}

/// At most `most` of so many places, evenly spread, each in the middle of its share.
pub(crate) fn evenly(places: usize, most: usize) -> impl Iterator<Item = usize> {
    let chosen = places.min(most);
    (0..chosen).map(move |index| (2 * index + 1) * places / (2 * chosen))
}

/// A quotient that stays finite: `least` is added above and below.
fn ratio(above: f64, below: f64, least: f64) -> f64 {
    (above + least) / (below + least)
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.count += 1.0;
    }

    fn mean(self) -> f64 {
        self.sum / self.count.max(1.0)
    }
}

/// What is added up over the windows. Correlations and peaks are taken window by window: else the roughest alone would count.
#[derive(Default)]
struct Sums {
    tiles: f64,
    /// Pixels with a residual, and their residuals' second and fourth powers.
    pixels: f64,
    squares: f64,
    fourths: f64,
    diagonal: f64,
    lag4: f64,
    lattice: Lattice,
    /// Mean luma steps across the 8×8 grid, and elsewhere, each a line of the window.
    steps: [Mean; 2],
    /// Products of the second differences: red × green, green × blue, and each with itself.
    colours: [f64; 5],
}

impl Sums {
    fn add(&mut self, tile: &Tile) {
        for (line, step) in tile.steps().into_iter().flat_map(|steps| steps.into_iter().enumerate()) {
            self.steps[usize::from(line % 8 != 7)].add(step);
        }
        self.colours.iter_mut().zip(tile.colours()).for_each(|(sum, product)| *sum += product);
        let (width, height) = (tile.width, tile.height);
        if width < 3 || height < 3 {
            return;
        }
        let residual = tile.residual.as_slice();
        let squares: Vec<f32> = residual.iter().map(|value| value * value).collect();
        let energy = dot(residual, residual);
        self.tiles += 1.0;
        self.pixels += ((width - 2) * (height - 2)) as f64;
        self.squares += energy;
        self.fourths += dot(&squares, &squares);
        // The rim of zeros keeps a shift by one pixel from wrapping into the next line; by four it is a few pixels of a line.
        let shifted = |by: usize| residual.get(by..).map_or(0.0, |later| dot(&residual[..later.len()], later)) / energy.max(1.0);
        self.diagonal += shifted(width + 1);
        self.lag4 += (shifted(4) + shifted(4 * width)) / 2.0;
        self.lattice.add(tile, energy / squares.len() as f64);
    }

    /// 0 where the picture is too small to cross the grid.
    fn blockiness(&self) -> f64 {
        let [across, within] = self.steps;
        let crossed = across.count > 0.0 && within.count > 0.0;
        if crossed { (5.0 * ratio(across.mean(), within.mean(), 0.05).ln()).clamp(-10.0, 10.0) } else { 0.0 }
    }

    fn channels(&self) -> f64 {
        let [rg, gb, r, g, b] = self.colours;
        let correlation = |product: f64, a: f64, b: f64| if a * b > 0.0 { (product / (a * b).sqrt()).clamp(-0.995, 0.995) } else { 0.0 };
        (correlation(rg, r, g).atanh() + correlation(gb, g, b).atanh()) / 2.0
    }
}

#[cfg(test)]
mod tests;
