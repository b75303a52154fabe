//! The preview (row T8): a small upright JPEG for lists and chats, written from pixels, so no metadata can leak through it.

use crate::{
    encoded::{self, DrawError, Image},
    picture::Picture,
    resize::shrink,
};

/// The longest side of a preview, in pixels.
pub const LONGEST_SIDE: u32 = 512;

/// JPEG quality of a preview.
const QUALITY: u8 = 85;

/// Draws the preview of a picture: its longest side is [`LONGEST_SIDE`], or its own when that is smaller.
///
/// # Errors
/// When encoding fails, which decoded pixels do not cause.
pub fn draw(picture: &Picture) -> Result<Image, DrawError> {
    encoded::jpeg(&shrink(&picture.rgb, LONGEST_SIDE), QUALITY)
}

#[cfg(test)]
mod tests {
    use img_parts::{ImageEXIF, jpeg::Jpeg};

    use super::*;
    use crate::picture::tests::{LIMITS, encoded};

    fn picture(width: u32, height: u32) -> Picture {
        let pixels = image::DynamicImage::ImageRgb8(image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 30])));
        Picture::decode(encoded(&pixels, image::ImageFormat::Png).into(), &LIMITS).unwrap()
    }

    #[test]
    fn the_longest_side_is_at_most_512_and_nothing_is_enlarged() {
        // T8
        for (source, expected) in [((1024, 700), (512, 350)), ((40, 30), (40, 30)), ((3000, 2), (512, 1))] {
            let preview = draw(&picture(source.0, source.1)).unwrap();
            let read = image::load_from_memory(&preview.bytes).unwrap().into_rgb8();
            assert_eq!((read.dimensions(), preview.content_type), (expected, "image/jpeg"));
            assert!(read.get_pixel(5, 0).0[0].abs_diff(200) < 6);
        }
    }

    #[test]
    fn no_record_of_the_source_travels_along_and_it_stands_upright() {
        // T8
        let pixels = image::DynamicImage::new_rgb8(800, 600);
        let mut jpeg = Jpeg::from_bytes(encoded(&pixels, image::ImageFormat::Jpeg).into()).unwrap();
        jpeg.set_exif(Some(b"II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec().into()));
        let preview = draw(&Picture::decode(jpeg.encoder().bytes(), &LIMITS).unwrap()).unwrap();
        let written = Jpeg::from_bytes(preview.bytes.into()).unwrap();
        assert!(written.segments().iter().all(|segment| !(0xE1..=0xEF).contains(&segment.marker()) && segment.marker() != 0xFE));
        let read = image::load_from_memory(&written.encoder().bytes()).unwrap();
        assert_eq!((read.width(), read.height()), (384, 512));
    }
}
