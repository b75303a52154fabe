//! EXIF: the few text fields in which programs and cameras sign their work, read straight out of the directories.
//!
//! No library reads them: those at hand copy every entry of every directory first, which a block of repeated, overlapping entries turns
//! into gigabytes.

use super::{
    fields::Place,
    gathered::{Gathered, bounded},
};
use crate::container::{self, Entry};

/// How the stored pixels are turned: the one number whose value is read.
const ORIENTATION: u16 = 0x0112;

/// Tag numbers, whichever directory they turn up in: some generators put Exif tags into the first one.
const NAMED: [(u16, &str); 18] = [
    (0x000B, "ProcessingSoftware"),
    (0x010E, "ImageDescription"),
    (0x010F, "Make"),
    (0x0110, "Model"),
    (ORIENTATION, "Orientation"),
    (0x0131, "Software"),
    (0x0132, "DateTime"),
    (0x013B, "Artist"),
    (0x829A, "ExposureTime"),
    (0x829D, "FNumber"),
    (0x8825, "GPSInfo"),
    (0x8827, "PhotographicSensitivity"),
    (0x9003, "DateTimeOriginal"),
    (0x9004, "DateTimeDigitized"),
    (0x927C, "MakerNote"),
    (0x9286, "UserComment"),
    (0x9C9B, "XPTitle"),
    (0x9C9C, "XPComment"),
];

/// Fields of an EXIF block, with or without JPEG's prefix.
pub(super) fn gather(block: &[u8], into: &mut Gathered) {
    gather_tiff(bounded(block.strip_prefix(b"Exif\0\0").unwrap_or(block)), into);
}

/// Fields of a whole TIFF file, which is one EXIF block; its values may lie anywhere in it.
pub(super) fn gather_tiff(file: &[u8], into: &mut Gathered) {
    let tags = NAMED.map(|(tag, _)| tag);
    let first = container::first_of_each(container::tiff_entries(file), &tags);
    let below = container::first_of_each(container::exif_entries(file), &tags);
    for entry in first.iter().chain(&below) {
        let name = NAMED.iter().find(|(tag, _)| *tag == entry.tag).map(|(_, name)| *name);
        if let Some(name) = name.filter(|_| !into.is_full()) {
            into.keep(Place::Exif, name, text(entry, into.longest()));
        }
    }
}

/// A value as text, no more than so many bytes of it. Numbers are only asked for being there.
fn text(entry: &Entry<'_>, longest: usize) -> String {
    let data = entry.data.get(..longest).unwrap_or(entry.data);
    match entry.kind {
        // Several texts are separated by zeros, and the last is ended by one.
        Entry::ASCII => data.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect(),
        Entry::UNDEFINED => comment(data),
        // 1 to 8 in two bytes: in either order of them, one is 0.
        _ if entry.tag == ORIENTATION => data.iter().max().map_or_else(String::new, u8::to_string),
        // Windows' fields are UTF-16 in bytes.
        Entry::BYTE => utf16(data, false),
        _ => "number".to_owned(),
    }
}

/// An EXIF comment: eight bytes that name the character set, then the text.
fn comment(data: &[u8]) -> String {
    if let Some(text) = data.strip_prefix(b"UNICODE\0") {
        // The byte order is not said; letters of most texts have a zero high byte.
        let big = text.first() == Some(&0);
        return utf16(text, big);
    }
    let text = data.strip_prefix(b"ASCII\0\0\0").or_else(|| data.strip_prefix(&[0; 8])).unwrap_or(data);
    String::from_utf8_lossy(text).into_owned()
}

fn utf16(data: &[u8], big: bool) -> String {
    let unit = |pair: &[u8]| if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) };
    let units = data.chunks_exact(2).map(unit).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
