//! Pictures that the program draws for measuring: one megapixel with smooth ground, edges and noise, so that decoders and
//! networks have as much to do as with a photograph. They prove nothing about accuracy.

use std::io::Cursor;

use bytes::Bytes;
use image::{ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

const WIDTH: u32 = 1152;
const HEIGHT: u32 = 868;

/// The same picture as JPEG, PNG and (lossless) WebP.
pub(super) fn one_of_each() -> anyhow::Result<Vec<Bytes>> {
    let picture = draw(1);
    Ok(vec![jpeg(&picture)?, written(&picture, ImageFormat::Png)?, written(&picture, ImageFormat::WebP)?])
}

/// Different pictures as JPEG, so that no cache of any kind can help.
pub(super) fn distinct(count: usize) -> anyhow::Result<Vec<Bytes>> {
    (0..count).map(|index| jpeg(&draw(index as u32 + 2))).collect()
}

fn jpeg(picture: &RgbImage) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(picture)?;
    Ok(bytes.into())
}

fn written(picture: &RgbImage, format: ImageFormat) -> anyhow::Result<Bytes> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner().into())
}

/// Waves, discs and grain; `seed` moves all of them.
fn draw(seed: u32) -> RgbImage {
    let shift = f32::from(seed as u16) * 7.3;
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (fx, fy) = (x as f32, y as f32);
        let wave = ((fx + shift) / 53.0).sin() + ((fy - shift) / 31.0).cos();
        let disc = if ((fx - 300.0 - shift).powi(2) + (fy - 400.0).powi(2)).sqrt() % 190.0 < 60.0 { 45.0 } else { 0.0 };
        let grain = f32::from((hash(x, y, seed) & 15) as u8) - 7.5;
        Rgb([110.0, 125.0, 140.0].map(|ground: f32| (ground + wave * 30.0 + disc + grain + fy / 30.0).clamp(0.0, 255.0) as u8))
    })
}

/// A fixed scrambling of coordinates: noise without a generator's state.
fn hash(x: u32, y: u32, seed: u32) -> u32 {
    let mixed = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x2C1B_3C6D) >> 13
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_differ_by_seed_and_only_by_seed() {
        assert_eq!(draw(3), draw(3));
        assert_ne!(distinct(2).expect("encoded")[0], distinct(2).expect("encoded")[1]);
    }

    #[test]
    fn the_set_holds_the_formats_and_a_megapixel() {
        let formats: Vec<_> = one_of_each().expect("encoded").iter().map(|bytes| image::guess_format(bytes).expect("an image")).collect();
        assert_eq!(formats, [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP]);
        assert_eq!(WIDTH * HEIGHT / 10_000, 99);
    }
}
