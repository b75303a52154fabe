//! One window of a picture: its luma, its residual, and sums over them that a processor takes several at a time.

use image::RgbImage;

/// Largest side of a window, in pixels.
pub(super) const SIDE: usize = 192;

/// A window's pixels, row by row.
pub(super) struct Tile {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 0–255.
    luma: Vec<f32>,
    /// Luma less the mean of the 3×3 pixels around it; 0 on the rim.
    pub(super) residual: Vec<f32>,
    /// The lines of the picture that the window covers, R G B.
    rgb: Vec<u8>,
}

impl Tile {
    /// Cuts left, top, width and height, which lie inside the picture.
    pub(super) fn cut(rgb: &RgbImage, [left, top, width, height]: [usize; 4]) -> Self {
        let lines = rgb.as_raw().chunks_exact(rgb.width() as usize * 3).skip(top).take(height);
        let rgb = lines.map(|line| &line[left * 3..(left + width) * 3]).collect::<Vec<_>>().concat();
        let grey = |pixel: &[u8]| (77 * u32::from(pixel[0]) + 150 * u32::from(pixel[1]) + 29 * u32::from(pixel[2])) as f32 / 256.0;
        let luma: Vec<f32> = rgb.chunks_exact(3).map(grey).collect();
        let residual = residual(&luma, width, height);
        Self { width, height, luma, residual, rgb }
    }

    /// Mean absolute step of luma from each column to the next, and from each row to the next.
    pub(super) fn steps(&self) -> [Vec<f32>; 2] {
        let (width, height) = (self.width, self.height);
        let mut across = vec![0.0f32; width - 1];
        for line in self.luma.chunks_exact(width) {
            across.iter_mut().zip(line.iter().zip(&line[1..])).for_each(|(sum, (a, b))| *sum += (b - a).abs());
        }
        across.iter_mut().for_each(|sum| *sum /= height as f32);
        let down = self.luma.chunks_exact(width).zip(self.luma.chunks_exact(width).skip(1));
        let step = |(a, b): (&[f32], &[f32])| {
            let mut steps = [0.0f32; SIDE];
            steps.iter_mut().zip(a.iter().zip(b)).for_each(|(step, (a, b))| *step = (b - a).abs());
            steps[..width].iter().sum::<f32>() / width as f32
        };
        [across, down.map(step).collect()]
    }

    /// Products of the channels' second differences along the lines: red × green, green × blue, red², green², blue².
    pub(super) fn colours(&self) -> [f64; 5] {
        let mut sums = [0i64; 5];
        for line in self.rgb.chunks_exact(self.width * 3) {
            let mut row = [0i32; 5];
            for pixels in line.windows(9).step_by(3) {
                let second =
                    |channel: usize| 2 * i32::from(pixels[channel + 3]) - i32::from(pixels[channel]) - i32::from(pixels[channel + 6]);
                let [r, g, b] = [second(0), second(1), second(2)];
                // At most 254 × 510² a line: within 32 bits.
                row = [row[0] + r * g, row[1] + g * b, row[2] + r * r, row[3] + g * g, row[4] + b * b];
            }
            sums.iter_mut().zip(row).for_each(|(sum, product)| *sum += i64::from(product));
        }
        sums.map(|sum| sum as f64)
    }
}

fn residual(luma: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut residual = vec![0.0; luma.len()];
    for y in 1..height.max(1) - 1 {
        let [above, line, below] = [y - 1, y, y + 1].map(|row| &luma[row * width..(row + 1) * width]);
        let mut columns = [0.0f32; SIDE];
        for (column, sum) in columns[..width].iter_mut().enumerate() {
            *sum = above[column] + line[column] + below[column];
        }
        let inside = &mut residual[y * width + 1..(y + 1) * width - 1];
        for (index, value) in inside.iter_mut().enumerate() {
            *value = line[index + 1] - (columns[index] + columns[index + 1] + columns[index + 2]) / 9.0;
        }
    }
    residual
}

/// Sum of products, in lanes: the compiler may not reorder floating-point additions on its own.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut total = 0.0;
    // Lines are summed apart, so that single precision holds.
    for (a, b) in a.chunks(SIDE).zip(b.chunks(SIDE)) {
        let mut sums = [0.0f32; LANES];
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
        total += f64::from(sums.iter().sum::<f32>() + rest);
    }
    total
}
