//! What comes out of honest files: every format, depth, colour space and orientation. Files are written here, none is kept.

use image::{
    DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage, Rgba, codecs::tiff::TiffEncoder,
};
use img_parts::{ImageEXIF, jpeg::Jpeg, png::Png, webp::WebP};

use super::*;

pub(crate) const LIMITS: Limits = Limits { max_side: 32_768, max_pixels: 100_000_000, max_memory: 512 << 20, max_frames: 2_000 };

pub(crate) fn decoded(bytes: Vec<u8>) -> Picture {
    Picture::decode(bytes.into(), &LIMITS).unwrap()
}

pub(crate) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// 48 × 32, with a red left half and a blue right half, the upper third brightened: every turn of it looks different.
pub(crate) fn flag() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| {
        let bright = if y < 10 { 120 } else { 0 };
        if x < 24 { Rgb([200, bright, bright]) } else { Rgb([bright, bright, 200]) }
    })
}

fn assert_close(pixel: &Rgb<u8>, expected: [u8; 3]) {
    let near = pixel.0.iter().zip(expected).all(|(have, want)| have.abs_diff(want) <= 6);
    assert!(near, "{:?} is not {expected:?}", pixel.0);
}

#[test]
fn every_format_gives_the_same_picture_and_its_facts() {
    let flag = DynamicImage::ImageRgb8(flag());
    for (format, ours) in [
        (ImageFormat::Jpeg, Format::Jpeg),
        (ImageFormat::Png, Format::Png),
        (ImageFormat::WebP, Format::WebP),
        (ImageFormat::Gif, Format::Gif),
        (ImageFormat::Bmp, Format::Bmp),
        (ImageFormat::Tiff, Format::Tiff),
    ] {
        let file = encoded(&flag, format);
        let picture = decoded(file.clone());
        assert_eq!((picture.facts.format, picture.facts.width, picture.facts.height, picture.facts.frames), (ours, 48, 32, 1));
        assert_eq!(picture.facts.bytes, file.len() as u64);
        assert_close(picture.rgb.get_pixel(4, 28), [200, 0, 0]);
        assert_close(picture.rgb.get_pixel(44, 2), [120, 120, 200]);
    }
}

#[test]
fn the_hash_is_of_the_file() {
    let mut file = encoded(&DynamicImage::ImageRgb8(RgbImage::new(1, 1)), ImageFormat::Bmp);
    let first = decoded(file.clone()).facts.sha256;
    file.push(0);
    let second = decoded(file.clone()).facts.sha256;
    assert_ne!(first, second);
    assert_eq!(second, hex::encode(Sha256::digest(&file)));
}

/// The smallest EXIF: one entry, the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

/// Where the stored upper left corner lies once the picture stands upright, as the EXIF standard says.
const UPPER_LEFT_GOES_TO: [(u8, bool, (f32, f32)); 10] = [
    (0, false, (0.0, 0.0)),
    (1, false, (0.0, 0.0)),
    (2, false, (1.0, 0.0)),
    (3, false, (1.0, 1.0)),
    (4, false, (0.0, 1.0)),
    (5, true, (0.0, 0.0)),
    (6, true, (1.0, 0.0)),
    (7, true, (1.0, 1.0)),
    (8, true, (0.0, 1.0)),
    (9, false, (0.0, 0.0)),
];

fn assert_upright(file: Vec<u8>, orientation: u8, swapped: bool, corner: (f32, f32)) {
    let picture = decoded(file);
    let (width, height) = picture.rgb.dimensions();
    assert_eq!((width, height), if swapped { (32, 48) } else { (48, 32) }, "orientation {orientation}");
    assert_eq!((picture.facts.width, picture.facts.height), (width, height));
    let at = |part: f32, side: u32| 3 + (part * (side - 7) as f32) as u32;
    assert_close(picture.rgb.get_pixel(at(corner.0, width), at(corner.1, height)), [200, 120, 120]);
    let opposite = picture.rgb.get_pixel(at(1.0 - corner.0, width), at(1.0 - corner.1, height));
    assert_close(opposite, [0, 0, 200]);
}

#[test]
fn every_orientation_is_turned_upright_in_jpeg_png_webp_and_tiff() {
    let flag = DynamicImage::ImageRgb8(flag());
    for (orientation, swapped, corner) in UPPER_LEFT_GOES_TO {
        let mut jpeg = Jpeg::from_bytes(encoded(&flag, ImageFormat::Jpeg).into()).unwrap();
        jpeg.set_exif(Some(exif(orientation).into()));
        assert_upright(jpeg.encoder().bytes().to_vec(), orientation, swapped, corner);
        let mut png = Png::from_bytes(encoded(&flag, ImageFormat::Png).into()).unwrap();
        png.set_exif(Some(exif(orientation).into()));
        assert_upright(png.encoder().bytes().to_vec(), orientation, swapped, corner);
        let mut webp = WebP::from_bytes(encoded(&flag, ImageFormat::WebP).into()).unwrap();
        webp.set_exif(Some(exif(orientation).into()));
        assert_upright(webp.encoder().bytes().to_vec(), orientation, swapped, corner);
        assert_upright(turned_tiff(orientation), orientation, swapped, corner);
    }
}

/// An uncompressed TIFF of the flag, written by hand since the encoder sets no orientation.
fn turned_tiff(orientation: u8) -> Vec<u8> {
    let pixels = flag().into_raw();
    let length = pixels.len() as u32;
    let entries: [(u16, u16, u32); 9] = [
        (256, 3, 48),
        (257, 3, 32),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, 8),
        (274, 3, u32::from(orientation)),
        (277, 3, 3),
        (279, 4, length),
    ];
    let mut file = b"II\x2A\0".to_vec();
    file.extend((8 + length).to_le_bytes());
    file.extend(pixels);
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        // Bits per sample come three times; a lone value of 8 is read as 8 for each by the decoder only when it is counted once.
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}

#[test]
fn sixteen_bits_grey_and_alpha_become_eight_bits_on_white() {
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(2, 2, Rgb([65_535, 32_896, 0]));
    let grey: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_pixel(2, 2, Luma([32_896]));
    let clear: ImageBuffer<Rgba<u16>, Vec<u16>> = ImageBuffer::from_pixel(2, 2, Rgba([0, 0, 0, 32_896]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let read = |image| *decoded(encoded(&image, format)).rgb.get_pixel(1, 1);
        assert_eq!(read(DynamicImage::ImageRgb16(deep.clone())), Rgb([255, 128, 0]));
        assert_eq!(read(DynamicImage::ImageLuma16(grey.clone())), Rgb([128, 128, 128]));
        assert_eq!(read(DynamicImage::ImageRgba16(clear.clone())), Rgb([127, 127, 127]));
    }
}

#[test]
fn a_cmyk_jpeg_is_seen_in_its_colours() {
    // As Adobe stores it, inverted: no cyan, full magenta, full yellow, no black.
    assert_close(decoded(cmyk_jpeg([255, 0, 0, 255])).rgb.get_pixel(3, 3), [255, 0, 0]);
    assert_close(decoded(cmyk_jpeg([255, 255, 255, 255])).rgb.get_pixel(3, 3), [255, 255, 255]);
}

/// An 8 × 8 CMYK JPEG of one colour: four components, one block each, DC only.
fn cmyk_jpeg(samples: [u8; 4]) -> Vec<u8> {
    let mut file = b"\xFF\xD8\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0".to_vec();
    file.extend(b"\xFF\xDB\0\x43\0");
    file.extend([8; 64]);
    file.extend(b"\xFF\xC0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0");
    // DC: the categories 0–11 have codes of four bits, in order. AC: end of block is one zero bit.
    file.extend(b"\xFF\xC4\0\x1F\0\0\0\0\x0C\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B");
    file.extend(b"\xFF\xC4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    file.extend(b"\xFF\xDA\0\x0E\x04\x01\0\x02\0\x03\0\x04\0\0\x3F\0");
    let bits: String = samples.map(|sample| block(i32::from(sample) - 128)).concat();
    let padded = format!("{bits:1<width$}", width = bits.len().div_ceil(8) * 8);
    for byte in padded.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        file.push(byte);
        if byte == 0xFF {
            file.push(0);
        }
    }
    file.extend(b"\xFF\xD9");
    file
}

fn block(level: i32) -> String {
    let category = 32 - level.unsigned_abs().leading_zeros() as usize;
    let value = if level < 0 { level + (1 << category) - 1 } else { level };
    let magnitude = if category == 0 { String::new() } else { format!("{value:0category$b}") };
    format!("{category:04b}{magnitude}0")
}

#[test]
fn a_first_gif_frame_smaller_than_its_canvas_lies_on_white() {
    // A canvas of 4 × 4, a black frame of 1 × 1 at (2, 1), nothing below it.
    let mut file = b"GIF89a\x04\0\x04\0\x80\0\0\0\0\0\xFF\0\0".to_vec();
    file.extend(b"\x2C\x02\0\x01\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B");
    let picture = decoded(file);
    assert_eq!(picture.rgb.dimensions(), (4, 4));
    assert_eq!((picture.rgb.get_pixel(2, 1), picture.rgb.get_pixel(0, 0)), (&Rgb([0, 0, 0]), &Rgb([255, 255, 255])));
}

#[test]
fn pages_and_frames_are_counted_and_the_first_is_judged() {
    let first = flag();
    let mut tiff = Cursor::new(Vec::new());
    TiffEncoder::new(&mut tiff).write_image(&first, 48, 32, ExtendedColorType::Rgb8).unwrap();
    assert_eq!(decoded(tiff.into_inner()).facts.frames, 1);

    let frames = [image::Frame::new(DynamicImage::ImageRgb8(first).into_rgba8()), image::Frame::new(image::RgbaImage::new(48, 32))];
    let mut gif = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut gif).encode_frames(frames).unwrap();
    let picture = decoded(gif);
    assert_eq!(picture.facts.frames, 2);
    assert_close(picture.rgb.get_pixel(4, 28), [200, 0, 0]);
}
