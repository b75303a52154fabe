//! Pictures as they come out of other people's hands: made smaller, saved again, cropped, framed. For measuring how a verdict
//! holds. The probe of unsure verdicts (`probe.rs`) uses the same JPEG.
//!
//! A JPEG here is what chats and sites write: baseline, chroma halved both ways (4:2:0), the standard tables at a quality.

use std::borrow::Cow;

use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, codecs::png};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::resize;
pub use crate::resize::shrink;

/// Why a picture could not be saved again.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// JPEG holds no side above 65,535 pixels.
    #[error("a picture of {0} × {1} pixels is too large for a JPEG")]
    TooLarge(u32, u32),
    /// The JPEG encoder refused the pixels.
    #[error("the picture could not be saved as JPEG")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
    /// The PNG encoder refused the pixels.
    #[error("the picture could not be saved as PNG")]
    Png(#[from] image::ImageError),
}

/// The picture at half its width and height (Lanczos), no side below 1.
#[must_use]
pub fn half(rgb: &RgbImage) -> Cow<'_, RgbImage> {
    resize::whole(rgb, [rgb.width(), rgb.height()].map(|side| side.div_ceil(2)))
}

/// The middle of the picture, `percent` of its width and height.
#[must_use]
pub fn crop(rgb: &RgbImage, percent: u32) -> RgbImage {
    let (width, height) = rgb.dimensions();
    let kept = |side: u32| u32::try_from(u64::from(side) * u64::from(percent) / 100).unwrap_or(side).clamp(1, side);
    let (across, down) = (kept(width), kept(height));
    image::imageops::crop_imm(rgb, (width - across) / 2, (height - down) / 2, across, down).to_image()
}

/// The picture without its colours.
#[must_use]
pub fn grey(rgb: &RgbImage) -> RgbImage {
    let luma = image::imageops::grayscale(rgb);
    RgbImage::from_fn(rgb.width(), rgb.height(), |x, y| Rgb([luma.get_pixel(x, y).0[0]; 3]))
}

/// The picture as a phone's screenshot shows it: a light bar above, a dark one below, each a twelfth of its longer side, and a thin
/// edge left and right.
#[must_use]
pub fn screenshot(rgb: &RgbImage) -> RgbImage {
    let [light, dark] = [Rgb([244; 3]), Rgb([32; 3])];
    let (width, height) = rgb.dimensions();
    let bar = (width.max(height) / 12).max(1);
    let edge = (bar / 8).max(1);
    let mut framed = RgbImage::from_fn(width + 2 * edge, height + 2 * bar, |_, y| if y < bar + height { light } else { dark });
    image::imageops::replace(&mut framed, rgb, i64::from(edge), i64::from(bar));
    framed
}

/// A JPEG of the picture, `quality` 1–100.
///
/// # Errors
/// When the picture is too large for one.
pub fn jpeg(rgb: &RgbImage, quality: u8) -> Result<Vec<u8>, Undelivered> {
    jpeg_as(rgb, quality, SamplingFactor::F_2_2)
}

/// The same with chroma sampled as wanted.
pub(crate) fn jpeg_as(rgb: &RgbImage, quality: u8, sampling: SamplingFactor) -> Result<Vec<u8>, Undelivered> {
    let (width, height) = rgb.dimensions();
    let (Ok(across), Ok(down)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(Undelivered::TooLarge(width, height));
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(sampling);
    encoder.encode(rgb.as_raw(), across, down, ColorType::Rgb)?;
    Ok(bytes)
}

/// A PNG of the picture: its pixels and nothing else.
///
/// # Errors
/// When the picture is empty.
pub fn png(rgb: &RgbImage) -> Result<Vec<u8>, Undelivered> {
    let mut bytes = Vec::new();
    let encoder = png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Fast, png::FilterType::Up);
    encoder.write_image(rgb.as_raw(), rgb.width(), rgb.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red left, blue right.
    fn flag(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) })
    }

    #[test]
    fn a_delivered_jpeg_has_halved_chroma_and_the_pictures_colours() {
        let bytes = jpeg(&shrink(&flag(400, 200), 100), 85).unwrap();
        let read = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (100, 50));
        assert!(read.get_pixel(10, 25).0[0] > 200 && read.get_pixel(90, 25).0[2] > 200);
        let frame = bytes.windows(2).position(|marker| marker == [0xFF, 0xC0]).expect("a baseline frame");
        assert_eq!(bytes[frame + 11], 0x22, "luma is sampled twice as densely as chroma, both ways");
        assert!(bytes.len() > jpeg(&shrink(&flag(400, 200), 100), 20).unwrap().len());
        assert!(matches!(jpeg(&RgbImage::new(70_000, 1), 85), Err(Undelivered::TooLarge(70_000, 1))));
    }

    #[test]
    fn a_png_keeps_every_pixel() {
        assert_eq!(image::load_from_memory(&png(&flag(9, 7)).unwrap()).unwrap().into_rgb8(), flag(9, 7));
    }

    #[test]
    fn changes_keep_what_they_should_of_the_picture() {
        let picture = flag(100, 60);
        assert_eq!(half(&picture).dimensions(), (50, 30));
        assert_eq!(half(&flag(1, 1)).dimensions(), (1, 1));
        assert_eq!(crop(&picture, 80).dimensions(), (80, 48));
        assert_eq!(crop(&picture, 80).get_pixel(0, 0), picture.get_pixel(10, 6));
        assert!(grey(&picture).pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]));
        let framed = screenshot(&picture);
        assert_eq!(framed.dimensions(), (102, 76));
        assert_eq!(
            (framed.get_pixel(1, 8), framed.get_pixel(50, 0).0, framed.get_pixel(50, 75).0),
            (picture.get_pixel(0, 0), [244; 3], [32; 3])
        );
    }
}
