//! Files that lie, bomb or end early: each is refused in words that name what was wrong (T16), quickly and without the memory it asks for.

use std::{io::Write, time::Instant};

use flate2::{Compression, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::{
    tests::{LIMITS, encoded},
    *,
};

fn refused(bytes: impl Into<Bytes>) -> Unreadable {
    Picture::decode(bytes.into(), &LIMITS).unwrap_err()
}

fn png_chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let named = [name, data].concat();
    file.extend(&named);
    let mut crc = flate2::Crc::new();
    crc.update(&named);
    file.extend(crc.sum().to_be_bytes());
}

/// A grey PNG of this size, all zeros, with as many rows as said.
fn zeros(side: u32, rows: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    png_chunk(&mut file, b"IHDR", &[&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat());
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; side as usize + 1];
    for _ in 0..rows {
        packed.write_all(&row).unwrap();
    }
    png_chunk(&mut file, b"IDAT", &packed.finish().unwrap());
    png_chunk(&mut file, b"IEND", &[]);
    file
}

/// Pixels that compress badly, so that cutting a file anywhere cuts pixels.
fn noise() -> DynamicImage {
    let mut state = 7_u32;
    DynamicImage::ImageRgb8(RgbImage::from_fn(96, 96, |_, _| {
        Rgb([(); 3].map(|()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    }))
}

#[test]
fn nothing_and_text_are_no_images() {
    assert_eq!(refused(""), Unreadable::Empty);
    assert_eq!(refused("just text in holiday.jpg"), Unreadable::Unknown);
    assert_eq!(refused(&b"PK\x03\x04 a zip"[..]), Unreadable::Unknown);
}

#[test]
fn a_huge_header_is_refused_at_once_by_name_of_the_limit() {
    let file = zeros(65_536, 1);
    let start = Instant::now();
    let refusal = refused(file);
    assert!(start.elapsed().as_millis() < 100, "{:?}", start.elapsed());
    assert_eq!(refusal, Unreadable::TooLong { width: 65_536, height: 65_536, limit: 32_768 });
    assert!(refusal.to_string().contains("max_side"));
}

#[test]
fn a_decompression_bomb_is_refused_at_once_whichever_limit_it_meets() {
    let bomb = Bytes::from(zeros(20_000, 20_000));
    assert!(bomb.len() < 4_000_000);
    let start = Instant::now();
    assert_eq!(refused(bomb.clone()), Unreadable::TooManyPixels { width: 20_000, height: 20_000, limit: 100_000_000 });
    let patient = Limits { max_pixels: u64::MAX, ..LIMITS };
    assert_eq!(Picture::decode(bomb, &patient).unwrap_err(), Unreadable::TooMuchMemory { limit: LIMITS.max_memory });
    assert!(start.elapsed().as_millis() < 200, "{:?}", start.elapsed());
}

#[test]
fn pixel_data_beyond_the_header_are_not_inflated() {
    let picture = Picture::decode(zeros_with_surplus().into(), &LIMITS).unwrap();
    assert_eq!(picture.rgb.dimensions(), (16, 16));
}

/// 16 × 16 pixels by its header, a hundred megabytes by its data.
fn zeros_with_surplus() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    png_chunk(&mut file, b"IHDR", b"\0\0\0\x10\0\0\0\x10\x08\0\0\0\0");
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&vec![0; 100 << 20]).unwrap();
    png_chunk(&mut file, b"IDAT", &packed.finish().unwrap());
    png_chunk(&mut file, b"IEND", &[]);
    file
}

#[test]
fn a_gif_of_three_hundred_frames_is_counted_and_bounded() {
    let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    for _ in 0..300 {
        file.extend(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    file.push(0x3B);
    let file = Bytes::from(file);
    assert_eq!(Picture::decode(file.clone(), &LIMITS).unwrap().facts.frames, 300);
    let exact = Limits { max_frames: 300, ..LIMITS };
    assert_eq!(Picture::decode(file.clone(), &exact).unwrap().facts.frames, 300);
    let strict = Limits { max_frames: 299, ..LIMITS };
    let refusal = Picture::decode(file, &strict).unwrap_err();
    assert_eq!(refusal, Unreadable::TooManyFrames { limit: 299 });
    assert!(refusal.to_string().contains("max_frames) of 299"));
}

#[test]
fn a_file_cut_in_the_middle_is_refused_in_every_format() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff] {
        let whole = encoded(&noise(), format);
        for part in [0.3, 0.5, 0.9] {
            let cut = whole[..(whole.len() as f64 * part) as usize].to_vec();
            let refusal = refused(cut);
            assert!(matches!(refusal, Unreadable::CutOff(_)), "{format:?} cut to {part}: {refusal}");
        }
    }
}

#[test]
fn a_jpeg_that_lacks_only_its_end_marker_is_whole() {
    let mut file = encoded(&noise(), ImageFormat::Jpeg);
    let whole = Picture::decode(file.clone().into(), &LIMITS).unwrap();
    file.truncate(file.len() - 2);
    assert_eq!(Picture::decode(file.clone().into(), &LIMITS).unwrap().rgb, whole.rgb);
    file.truncate(file.len() - 20);
    assert_eq!(refused(file), Unreadable::CutOff(Format::Jpeg));
}

#[test]
fn junk_after_the_end_is_no_harm() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
        let mut file = encoded(&noise(), format);
        file.extend([0xA5; 1000]);
        assert!(Picture::decode(file.into(), &LIMITS).is_ok(), "{format:?}");
    }
}

#[test]
fn a_panicking_decoder_is_a_damaged_file() {
    let refusal = guarded::<()>(Format::Tiff, || panic!("as third-party code may")).unwrap_err();
    assert!(matches!(refusal, Unreadable::Damaged { format: Format::Tiff, .. }));
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff] {
        let whole = encoded(&DynamicImage::ImageRgb8(super::tests::flag()), format);
        for at in 0..whole.len().min(400) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xFF;
            for file in [flipped, whole[..at].to_vec()] {
                if let Err(refusal) = Picture::decode(file.into(), &LIMITS) {
                    assert!(refusal.to_string().ends_with('.'), "{refusal}");
                }
            }
        }
    }
}
