//! Files that no encoder at hand writes: odd, broken and hostile ones, made byte by byte.

use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// PNG's first eight bytes.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One PNG chunk, checksum and all.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&crc.sum().to_be_bytes());
    bytes
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut data = width.to_be_bytes().to_vec();
    data.extend_from_slice(&height.to_be_bytes());
    data.extend_from_slice(&[depth, colour, 0, 0, 0]);
    chunk(b"IHDR", &data)
}

/// The PNG with a text chunk behind its header.
pub(crate) fn png_with_text(png: &[u8], keyword: &str, text: &str) -> Vec<u8> {
    let split = PNG_SIGNATURE.len() + 25;
    let mut bytes = png[..split].to_vec();
    bytes.extend(chunk(b"tEXt", &[keyword.as_bytes(), b"\0", text.as_bytes()].concat()));
    bytes.extend_from_slice(&png[split..]);
    bytes
}

/// A PNG of nothing but zeros, whose file is a thousandth of its pixels.
pub(crate) fn png_of_zeros(width: u32, height: u32) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let row = vec![0; width as usize * 3 + 1];
    for _ in 0..height {
        packed.write_all(&row).unwrap();
    }
    let data = packed.finish().unwrap();
    [PNG_SIGNATURE, &header(width, height, 8, 2), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])].concat()
}

/// A PNG whose header promises far more than the file holds.
pub(crate) fn png_header_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::new(1));
    packed.write_all(&vec![7; 200_000]).unwrap();
    let padding = chunk(b"tEXt", &[b"Comment\0".as_slice(), &[b'x'; 2000]].concat());
    let data = packed.finish().unwrap();
    [PNG_SIGNATURE, &header(width, height, 8, 6), &padding, &chunk(b"IDAT", &data), &chunk(b"IEND", &[])].concat()
}

/// A PNG of 256 colours.
pub(crate) fn png_palette(width: u32, height: u32) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255u8).flat_map(|level| [level, 255 - level, level / 2]).collect();
    let mut dice = super::pictures::Dice::new(11);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    for y in 0..height {
        let row: Vec<u8> = std::iter::once(0).chain((0..width).map(|x| ((x + y) % 200) as u8 + dice.below(50) as u8)).collect();
        packed.write_all(&row).unwrap();
    }
    let data = packed.finish().unwrap();
    [PNG_SIGNATURE, &header(width, height, 8, 3), &chunk(b"PLTE", &palette), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])].concat()
}

/// The JPEG with an Exif block that says how to turn it (1–8).
pub(crate) fn jpeg_with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        b"II*\0\x08\0\0\0".as_slice(),
        // One entry: Orientation, SHORT, one value.
        &[1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0],
        &[0, 0, 0, 0],
    ]
    .concat();
    jpeg_with_exif(jpeg, &tiff)
}

/// The JPEG with the Exif block of a camera: its model, and where on Earth it stood.
pub(crate) fn jpeg_with_gps(jpeg: &[u8], model: &str) -> Vec<u8> {
    let name = [model.as_bytes(), b"\0"].concat();
    let count = u32::try_from(name.len()).unwrap();
    let (first, entry) = (8u32, 12u32);
    let gps = first + 2 + 2 * entry + 4;
    let data = gps + 2 + 2 * entry + 4;
    let field = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    let latitude: Vec<u8> = [48u32, 1, 51, 1, 24, 1].iter().flat_map(|part| part.to_le_bytes()).collect();
    let tiff = [
        b"II*\0\x08\0\0\0".to_vec(),
        vec![2, 0],
        field(0x0110, 2, count, (data + 24).to_le_bytes()),
        field(0x8825, 4, 1, gps.to_le_bytes()),
        vec![0; 4],
        vec![2, 0],
        field(0x0001, 2, 2, *b"N\0\0\0"),
        field(0x0002, 5, 3, data.to_le_bytes()),
        vec![0; 4],
        latitude,
        name,
    ]
    .concat();
    jpeg_with_exif(jpeg, &tiff)
}

fn jpeg_with_exif(jpeg: &[u8], tiff: &[u8]) -> Vec<u8> {
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xFF\xE1", &length, b"Exif\0\0", tiff, &jpeg[2..]].concat()
}

/// A TIFF of several pages, uncompressed RGB, each of one grey.
pub(crate) fn tiff_pages(pages: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let size = u32::from(width) * u32::from(height) * 3;
    for (index, level) in pages.iter().enumerate() {
        let directory = u32::try_from(bytes.len()).unwrap();
        let (entries, depths) = (9u16, directory + 2 + 9 * 12 + 4);
        let strip = depths + 6;
        let next = if index + 1 < pages.len() { strip + size } else { 0 };
        bytes.extend(entries.to_le_bytes());
        let fields: [(u16, u16, u32, u32); 9] = [
            (256, 3, 1, width.into()),
            (257, 3, 1, height.into()),
            (258, 3, 3, depths),
            (259, 3, 1, 1),
            (262, 3, 1, 2),
            (273, 4, 1, strip),
            (277, 3, 1, 3),
            (278, 3, 1, height.into()),
            (279, 4, 1, size),
        ];
        for (tag, kind, count, value) in fields {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(next.to_le_bytes());
        bytes.extend([8, 0, 8, 0, 8, 0]);
        let mut dice = super::pictures::Dice::new(u64::from(*level));
        bytes.extend((0..size).map(|_| level.saturating_add(dice.below(30) as u8)));
    }
    bytes
}

/// A baseline CMYK JPEG of 8×8 tiles, each flat: what print shops send, as Adobe's programs write it (inverted, marker APP14).
pub(crate) fn jpeg_cmyk(tiles_across: u16, tiles_down: u16) -> Vec<u8> {
    let mut bytes = b"\xFF\xD8".to_vec();
    segment(&mut bytes, 0xEE, b"Adobe\0\x64\0\0\0\0\0");
    // One table of ones: the DC term is eight times the level.
    segment(&mut bytes, 0xDB, &[&[0u8][..], &[1; 64]].concat());
    let (width, height) = ((tiles_across * 8).to_be_bytes(), (tiles_down * 8).to_be_bytes());
    let components: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
    segment(&mut bytes, 0xC0, &[&[8][..], &height, &width, &[4], &components].concat());
    // DC: the standard luminance table. AC: end-of-block alone, as the one-bit code 0.
    segment(&mut bytes, 0xC4, &[&[0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0][..], &(0..=11).collect::<Vec<u8>>()].concat());
    segment(&mut bytes, 0xC4, &[0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00]);
    let selectors: Vec<u8> = (1..=4).flat_map(|id| [id, 0x00]).collect();
    segment(&mut bytes, 0xDA, &[&[4][..], &selectors, &[0, 63, 0]].concat());
    let mut bits = Bits::default();
    let (mut dice, mut before) = (super::pictures::Dice::new(5), [0i32; 4]);
    for _ in 0..u32::from(tiles_across) * u32::from(tiles_down) {
        for last in &mut before {
            let level = i32::try_from(dice.below(200)).unwrap() * 8 - 800;
            bits.dc(level - *last);
            *last = level;
            bits.push(0, 1);
        }
    }
    bytes.extend(bits.finish());
    bytes.extend(b"\xFF\xD9");
    bytes
}

fn segment(bytes: &mut Vec<u8>, marker: u8, data: &[u8]) {
    bytes.extend([0xFF, marker]);
    bytes.extend(u16::try_from(data.len() + 2).unwrap().to_be_bytes());
    bytes.extend_from_slice(data);
}

/// Entropy-coded bits of a JPEG scan.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for place in (0..count).rev() {
            self.held = self.held << 1 | (value >> place & 1);
            self.count += 1;
            if self.count == 8 {
                let byte = self.held as u8;
                self.bytes.push(byte);
                if byte == 0xFF {
                    self.bytes.push(0);
                }
                (self.held, self.count) = (0, 0);
            }
        }
    }

    /// A DC difference in the standard luminance code.
    fn dc(&mut self, difference: i32) {
        const CODES: [(u32, u32); 12] = [
            (0b00, 2),
            (0b010, 3),
            (0b011, 3),
            (0b100, 3),
            (0b101, 3),
            (0b110, 3),
            (0b1110, 4),
            (0b1_1110, 5),
            (0b11_1110, 6),
            (0b111_1110, 7),
            (0b1111_1110, 8),
            (0b1_1111_1110, 9),
        ];
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, length) = CODES[size as usize];
        self.push(code, length);
        let low = if difference < 0 { difference - 1 } else { difference };
        self.push(low as u32, size);
    }

    fn finish(mut self) -> Vec<u8> {
        while self.count != 0 {
            self.push(1, 1);
        }
        self.bytes
    }
}
