//! The four-pointed translucent star that Google's Gemini apps lay over the bottom-right corner of what they made.
//!
//! The star is white, blended with a constant opacity (about one half, three quarters on some), 48 pixels wide and 32 from both edges, or 96 and
//! 64 on larger pictures: two thirds of its own width from the edges however the picture was scaled afterwards. The template is
//! computed from that geometry. A corner that merely correlates with it is not enough: each quarter must, and the opacity that the
//! pixels imply must be the same in every channel, which white laid over anything satisfies and a bright object does not.

use std::ops::Range;

use image::RgbImage;

/// Exponent of the outline |x|^p + |y|^p = 1.
const EXPONENT: f32 = 0.72;
/// Samples across the star in the normalised view, across the window that is compared, and slack to each side.
const STAR: usize = 24;
const WINDOW: usize = 32;
const SLACK: usize = 3;
const VIEW: usize = WINDOW + 2 * SLACK;
/// Widths of the star that are looked for, in shares of the picture's shorter side: 24 or 48 of 1024 up to 96 of 1536, with room
/// for cuts.
const NARROWEST: f32 = 0.024;
const WIDEST: f32 = 0.085;
/// From one width to the next.
const GROWTH: f32 = 1.04;
/// Narrower stars, in pixels, have no shape left; wider ones are not made.
const SMALLEST: f32 = 12.0;
const LARGEST: f32 = 200.0;
/// Distance of the star's centre from both edges, in widths of the star: a margin of two thirds and half the star.
const CENTRE: f32 = 7.0 / 6.0;
/// What a candidate must reach. Among the 2,388 real pictures of train and val, those whose opacity and tint pass reach 0.57 and 0.50.
pub(super) const LIKE: f32 = 0.68;
const QUARTER_LIKE: f32 = 0.6;
const OPACITY: std::ops::RangeInclusive<f32> = 0.36..=0.8;
const TINT: f32 = 0.1;

/// The best candidate in a corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Star {
    /// Correlation with the template, at most 1.
    pub(super) likeness: f32,
    /// The same of the worst quarter of the window.
    worst_quarter: f32,
    /// Implied opacity, mean of the channels.
    opacity: f32,
    /// Difference between the largest and the smallest implied opacity of the channels.
    tint: f32,
}

/// Finds the star; the candidate is returned only when it is one beyond doubt.
pub(super) fn find(rgb: &RgbImage) -> Option<Star> {
    best(rgb).filter(Star::is_certain)
}

impl Star {
    fn is_certain(&self) -> bool {
        self.likeness >= LIKE && self.worst_quarter >= QUARTER_LIKE && OPACITY.contains(&self.opacity) && self.tint <= TINT
    }
}

/// The candidate that correlates best, of whatever worth.
fn best(rgb: &RgbImage) -> Option<Star> {
    let template = template();
    let whole = Part::new(&template, 0..WINDOW, 0..WINDOW);
    let shorter = rgb.width().min(rgb.height()) as f32;
    let widest = LARGEST.min(shorter * WIDEST);
    let corner = Corner::of(rgb, widest);
    let mut best: Option<(f32, Spot)> = None;
    let mut width = SMALLEST.max(shorter * NARROWEST);
    while width <= widest {
        let view = corner.view(width);
        for (dx, dy) in (0..=2 * SLACK).flat_map(|dy| (0..=2 * SLACK).map(move |dx| (dx, dy))) {
            let likeness = whole.correlation(&view, (dx, dy));
            if best.is_none_or(|(known, _)| likeness > known) {
                best = Some((likeness, Spot { width, dx, dy }));
            }
        }
        width *= GROWTH;
    }
    best.map(|(likeness, spot)| corner.examine(&template, likeness, spot))
}

/// Where a candidate lies in the normalised view of its size.
#[derive(Clone, Copy)]
struct Spot {
    width: f32,
    dx: usize,
    dy: usize,
}

/// How much of each sample of the window the star covers, 0–1, row by row.
fn template() -> Vec<f32> {
    const FINE: usize = 4;
    let distance = |sample: usize| {
        let position = (sample as f32 + 0.5) / FINE as f32 - WINDOW as f32 / 2.0;
        (position.abs() / (STAR as f32 / 2.0)).powf(EXPONENT)
    };
    let mut cover = vec![0.0; WINDOW * WINDOW];
    for y in 0..WINDOW * FINE {
        for x in (0..WINDOW * FINE).filter(|x| distance(*x) + distance(y) < 1.0) {
            cover[y / FINE * WINDOW + x / FINE] += 1.0 / (FINE * FINE) as f32;
        }
    }
    cover
}

/// A part of the template, and what every comparison with it needs.
struct Part<'a> {
    template: &'a [f32],
    columns: Range<usize>,
    rows: Range<usize>,
    /// Sum of the samples and of their squares; exact, since all are sixteenths.
    sums: [f32; 2],
}

impl<'a> Part<'a> {
    fn new(template: &'a [f32], columns: Range<usize>, rows: Range<usize>) -> Self {
        let samples = rows.clone().flat_map(|y| &template[y * WINDOW..][columns.clone()]);
        let sums = samples.fold([0.0, 0.0], |[sum, squares], value| [sum + value, squares + value * value]);
        Self { template, columns, rows, sums }
    }

    /// Normalised cross-correlation with the same part of the window at an offset; 0 where either is flat.
    fn correlation(&self, view: &[f32], (dx, dy): (usize, usize)) -> f32 {
        const LANES: usize = 8;
        let count = (self.columns.len() * self.rows.len()) as f32;
        // Sums in lanes: the compiler may not reorder floating-point additions on its own.
        let mut sums = [[0.0f32; LANES]; 3];
        for y in self.rows.clone() {
            let (seen, _) = view[(y + dy) * VIEW + dx..][self.columns.clone()].as_chunks::<LANES>();
            let (wanted, _) = self.template[y * WINDOW..][self.columns.clone()].as_chunks::<LANES>();
            for (seen, wanted) in seen.iter().zip(wanted) {
                for lane in 0..LANES {
                    let (x, t) = (seen[lane], wanted[lane]);
                    sums[0][lane] += x;
                    sums[1][lane] += x * x;
                    sums[2][lane] += x * t;
                }
            }
        }
        let [a, aa, ab] = sums.map(|lanes| lanes.iter().sum::<f32>());
        let [b, bb] = self.sums;
        let (variance_a, variance_b) = (aa - a * a / count, bb - b * b / count);
        // A star that changes its surroundings by less than a grey level on average cannot be told from noise.
        if variance_a < count || variance_b <= 0.0 {
            return 0.0;
        }
        (ab - a * b / count) / (variance_a * variance_b).sqrt()
    }
}

/// The bottom-right corner as summed-area tables, one a channel and one of their mean: any box's mean in four look-ups.
struct Corner {
    side: usize,
    sums: [Vec<f64>; 4],
}

impl Corner {
    fn of(rgb: &RgbImage, widest: f32) -> Self {
        let side = (reach(widest).ceil() as u32).min(rgb.width()).min(rgb.height());
        let (left, top) = (rgb.width() - side, rgb.height() - side);
        let side = side as usize;
        let line = side + 1;
        let mut sums: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; line * line]);
        for y in 0..side {
            let mut running = [0.0; 4];
            for x in 0..side {
                let pixel = rgb.get_pixel(left + x as u32, top + y as u32).0.map(f64::from);
                let values = [pixel[0], pixel[1], pixel[2], (pixel[0] + pixel[1] + pixel[2]) / 3.0];
                for channel in 0..4 {
                    running[channel] += values[channel];
                    sums[channel][(y + 1) * line + x + 1] = sums[channel][y * line + x + 1] + running[channel];
                }
            }
        }
        Self { side, sums }
    }

    /// The normalised view of the place where a star of this width would be.
    fn view(&self, width: f32) -> Vec<f32> {
        self.channel_view(3, width)
    }

    fn channel_view(&self, channel: usize, width: f32) -> Vec<f32> {
        let pitch = f64::from(width) / STAR as f64;
        let origin = self.side as f64 - f64::from(width * CENTRE) - pitch * VIEW as f64 / 2.0;
        let edge = |index: usize| origin + pitch * index as f64;
        let line = |y: usize| -> [f64; VIEW + 1] { std::array::from_fn(|x| self.sum(channel, edge(x), edge(y))) };
        let mut view = Vec::with_capacity(VIEW * VIEW);
        let mut above = line(0);
        for y in 1..=VIEW {
            let below = line(y);
            let sums = (0..VIEW).map(|x| below[x + 1] - below[x] - above[x + 1] + above[x]);
            view.extend(sums.map(|sum| (sum / (pitch * pitch)) as f32));
            above = below;
        }
        view
    }

    /// Sum of a channel over the rectangle from the corner's origin to a point between pixels.
    fn sum(&self, channel: usize, x: f64, y: f64) -> f64 {
        let line = self.side + 1;
        let (x, y) = (x.clamp(0.0, self.side as f64), y.clamp(0.0, self.side as f64));
        let (column, row) = ((x as usize).min(self.side - 1), (y as usize).min(self.side - 1));
        let (fx, fy) = (x - column as f64, y - row as f64);
        let at = |dx: usize, dy: usize| self.sums[channel][(row + dy) * line + column + dx];
        (at(0, 0) * (1.0 - fx) + at(1, 0) * fx) * (1.0 - fy) + (at(0, 1) * (1.0 - fx) + at(1, 1) * fx) * fy
    }

    fn examine(&self, template: &[f32], likeness: f32, spot: Spot) -> Star {
        let view = self.view(spot.width);
        let half = [0..WINDOW / 2, WINDOW / 2..WINDOW];
        let quarters = half.iter().flat_map(|rows| half.iter().map(|columns| Part::new(template, columns.clone(), rows.clone())));
        let worst_quarter = quarters.map(|part| part.correlation(&view, (spot.dx, spot.dy))).fold(1.0, f32::min);
        let opacities = [0, 1, 2].map(|channel| opacity(&self.channel_view(channel, spot.width), template, spot));
        let (low, high) = opacities.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        Star { likeness, worst_quarter, opacity: opacities.iter().sum::<f32>() / 3.0, tint: high - low }
    }
}

/// How far from the corner's outer edges the view of a star of this width reaches.
fn reach(width: f32) -> f32 {
    width * (CENTRE + VIEW as f32 / STAR as f32 / 2.0)
}

/// The share of white that turns the surroundings of the star into its inside.
fn opacity(view: &[f32], template: &[f32], spot: Spot) -> f32 {
    let (mut inside, mut outside) = ((0.0, 0.0f32), (0.0, 0.0f32));
    for (index, cover) in template.iter().enumerate() {
        let value = view[(index / WINDOW + spot.dy) * VIEW + index % WINDOW + spot.dx];
        if *cover > 0.99 {
            inside = (inside.0 + value, inside.1 + 1.0);
        } else if *cover < 0.01 {
            outside = (outside.0 + value, outside.1 + 1.0);
        }
    }
    let (inside, outside) = (inside.0 / inside.1.max(1.0), outside.0 / outside.1.max(1.0));
    (inside - outside) / (255.0 - outside).max(1.0)
}
