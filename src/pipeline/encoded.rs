//! Pictures that leave the pipeline again (heatmap, preview): pixels in, a file in memory out.
//!
//! Nothing of the source file ever travels along: an encoder here writes pixels and no record of any kind.

use image::{
    ExtendedColorType, GrayImage, ImageEncoder, RgbImage, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

/// A file in memory, ready to be stored or served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Such as `image/png`.
    pub content_type: &'static str,
    /// File extension without the dot.
    pub extension: &'static str,
}

/// Why a picture could not be drawn. Ours, never the sender's fault.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The encoder refused the pixels.
    #[error("could not encode the drawn picture")]
    Encode(#[from] image::ImageError),
}

/// Encodes a JPEG; `quality` is 1–100.
///
/// # Errors
/// When the encoder refuses the size (a side above 65535, or 0).
pub fn jpeg(pixels: &RgbImage, quality: u8) -> Result<Image, DrawError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(pixels)?;
    Ok(Image { bytes, content_type: "image/jpeg", extension: "jpg" })
}

/// Encodes a PNG with transparency.
///
/// # Errors
/// When the encoder refuses the size (0).
pub fn png(pixels: &RgbaImage) -> Result<Image, DrawError> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgba8)?;
    Ok(Image { bytes, content_type: "image/png", extension: "png" })
}

/// Encodes a grey PNG; it has pixels.
pub(crate) fn grey(pixels: &GrayImage) -> Image {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    let encoded = encoder.write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::L8);
    encoded.expect("a PNG of some pixels can be written to memory");
    Image { bytes, content_type: "image/png", extension: "png" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_what_its_content_type_says() {
        let photo = jpeg(&RgbImage::new(4, 4), 85).unwrap();
        assert_eq!((image::guess_format(&photo.bytes).unwrap(), photo.extension), (image::ImageFormat::Jpeg, "jpg"));
        let overlay = png(&RgbaImage::new(4, 4)).unwrap();
        assert_eq!((image::guess_format(&overlay.bytes).unwrap(), overlay.extension), (image::ImageFormat::Png, "png"));
    }

    #[test]
    fn nothing_can_be_drawn_from_no_pixels() {
        assert!(jpeg(&RgbImage::new(0, 0), 85).is_err());
    }
}
