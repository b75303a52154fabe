//! Pictures that the tests draw themselves, and every format that code can write. Same seed, same bytes.

use std::io::Cursor;

use image::{
    DynamicImage, ExtendedColorType, Frame, ImageBuffer, ImageEncoder, Luma, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{bmp::BmpEncoder, gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder},
};

use super::forge;

/// Small, fast, and the same everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }
}

/// A sky, a disc and some grain: nothing flat, nothing that means anything.
pub(crate) fn scene(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut dice = Dice::new(seed);
    let (cx, cy) = (dice.below(u64::from(width)) as f32, dice.below(u64::from(height)) as f32);
    let radius = width.min(height) as f32 / 4.0;
    let tint = [dice.below(120) as f32, dice.below(120) as f32, dice.below(120) as f32];
    RgbImage::from_fn(width, height, |x, y| {
        let (fx, fy) = (x as f32 / width as f32, y as f32 / height as f32);
        let inside = (x as f32 - cx).hypot(y as f32 - cy) < radius;
        let grain = dice.below(24) as f32;
        let level = |channel: usize| {
            let base = tint[channel] + if channel == 2 { 110.0 * fy } else { 110.0 * fx };
            (if inside { 255.0 - base } else { base } + grain).clamp(0.0, 255.0) as u8
        };
        Rgb([level(0), level(1), level(2)])
    })
}

/// Bright above, dark below: tells which way is up.
pub(crate) fn upright(width: u32, height: u32) -> RgbImage {
    let mut dice = Dice::new(7);
    RgbImage::from_fn(width, height, |_, y| {
        let level = if y < height / 2 { 210 } else { 30 } + dice.below(20) as u8;
        Rgb([level, level, level])
    })
}

pub(crate) fn jpeg_of(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
    bytes
}

/// A JPEG (JFIF) of the ordinary size.
pub(crate) fn jpeg(seed: u64) -> Vec<u8> {
    jpeg_of(&scene(320, 240, seed), 88)
}

pub(crate) fn png_of(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut bytes)).unwrap();
    bytes
}

pub(crate) fn png(seed: u64) -> Vec<u8> {
    png_of(&scene(256, 192, seed))
}

/// A PNG that says Stable Diffusion wrote it: decisive, so that the verdict does not depend on the model.
pub(crate) fn generated_png(seed: u64) -> Vec<u8> {
    generated_png_of(&scene(320, 256, seed))
}

pub(crate) fn generated_png_of(picture: &RgbImage) -> Vec<u8> {
    let parameters = "a castle on a hill, golden hour\nNegative prompt: blurry\nSteps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, \
                      Seed: 1234567, Size: 512x512, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Version: v1.6.0";
    forge::png_with_text(&png_of(picture), "parameters", parameters)
}

pub(crate) fn png16(seed: u64) -> Vec<u8> {
    let wide = scene(200, 150, seed);
    let picture: ImageBuffer<Rgb<u16>, Vec<u16>> =
        ImageBuffer::from_fn(200, 150, |x, y| Rgb(wide.get_pixel(x, y).0.map(|level| u16::from(level) * 257)));
    dynamic(&DynamicImage::ImageRgb16(picture), image::ImageFormat::Png)
}

pub(crate) fn png_gray16(seed: u64) -> Vec<u8> {
    let wide = scene(200, 150, seed);
    let picture: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(200, 150, |x, y| Luma([u16::from(wide.get_pixel(x, y).0[0]) * 257]));
    dynamic(&DynamicImage::ImageLuma16(picture), image::ImageFormat::Png)
}

pub(crate) fn png_alpha(seed: u64) -> Vec<u8> {
    let flat = scene(200, 150, seed);
    let picture = RgbaImage::from_fn(200, 150, |x, y| {
        let [r, g, b] = flat.get_pixel(x, y).0;
        Rgba([r, g, b, (x % 256) as u8])
    });
    dynamic(&DynamicImage::ImageRgba8(picture), image::ImageFormat::Png)
}

pub(crate) fn webp(seed: u64) -> Vec<u8> {
    let picture = scene(256, 192, seed);
    let mut bytes = Vec::new();
    WebPEncoder::new_lossless(&mut bytes).write_image(&picture, 256, 192, ExtendedColorType::Rgb8).unwrap();
    bytes
}

pub(crate) fn bmp(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    scene(160, 120, seed).write_with_encoder(BmpEncoder::new(&mut bytes)).unwrap();
    bytes
}

pub(crate) fn tiff(seed: u64) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    scene(160, 120, seed).write_with_encoder(TiffEncoder::new(&mut bytes)).unwrap();
    bytes.into_inner()
}

/// An animated GIF of so many frames.
pub(crate) fn gif(frames: u32, seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for frame in 0..frames {
        let picture = DynamicImage::ImageRgb8(scene(64, 48, seed + u64::from(frame))).to_rgba8();
        encoder.encode_frame(Frame::new(picture)).unwrap();
    }
    drop(encoder);
    bytes
}

fn dynamic(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
