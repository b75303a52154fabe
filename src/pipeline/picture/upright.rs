//! From what the decoder gives to what everybody reads: upright, 8-bit RGB, on white.

use image::{DynamicImage, ImageDecoder, Rgb, RgbImage, Rgba, RgbaImage, metadata::Orientation};
use touchstone_core::media::Format;

use crate::container;

/// How the file wants to be turned; a missing, unreadable or invalid wish is none, as in every viewer.
pub(super) fn orientation(bytes: &[u8], format: Format, decoder: &mut impl ImageDecoder) -> Orientation {
    let exif = match format {
        Format::Jpeg => container::jpeg_segments(bytes)
            .take_while(|segment| segment.marker != container::marker::SOS)
            .find_map(|segment| (segment.marker == container::marker::APP1).then(|| segment.data.strip_prefix(b"Exif\0\0"))?),
        Format::Png => container::png_chunks(bytes).find(|chunk| &chunk.name == b"eXIf").map(|chunk| chunk.data),
        Format::WebP => container::riff_chunks(bytes).find(|chunk| &chunk.name == b"EXIF").map(|chunk| chunk.data),
        Format::Tiff => return decoder.orientation().unwrap_or(Orientation::NoTransforms),
        _ => None,
    };
    // Some writers keep JPEG's prefix in PNG and WebP.
    exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether width and height change places.
pub(super) const fn swaps_sides(orientation: Orientation) -> bool {
    matches!(orientation, Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH)
}

/// The picture as a person sees it on a white page.
pub(super) fn rgb_on_white(image: DynamicImage, orientation: Orientation) -> RgbImage {
    let rgb = if image.color().has_alpha() { on_white(&image.into_rgba8()) } else { image.into_rgb8() };
    let mut image = DynamicImage::ImageRgb8(rgb);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

fn on_white(image: &RgbaImage) -> RgbImage {
    let mut page = RgbImage::new(image.width(), image.height());
    for (Rgb(out), Rgba([red, green, blue, alpha])) in page.pixels_mut().zip(image.pixels()) {
        *out = [red, green, blue].map(|channel| blend(*channel, *alpha));
    }
    page
}

/// A channel seen through its alpha against 255, rounded.
fn blend(channel: u8, alpha: u8) -> u8 {
    let sum = u32::from(channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
    u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_is_white_and_opaque_is_itself() {
        assert_eq!([blend(0, 0), blend(17, 255), blend(0, 128), blend(255, 9)], [255, 17, 127, 255]);
    }
}
