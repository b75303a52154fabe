//! EXIF: the few text fields in which programs and cameras sign their work.

use exif::{Exif, In, Reader, Tag, Value};

use super::fields::{Field, LONGEST, Place, bounded};

/// Tag numbers, whichever directory they turn up in: some generators put Exif tags into the first one.
const NAMED: [(u16, &str); 13] = [
    (0x000B, "ProcessingSoftware"),
    (0x010E, "ImageDescription"),
    (0x010F, "Make"),
    (0x0110, "Model"),
    (0x0131, "Software"),
    (0x013B, "Artist"),
    (0x829A, "ExposureTime"),
    (0x829D, "FNumber"),
    (0x8827, "PhotographicSensitivity"),
    (0x927C, "MakerNote"),
    (0x9286, "UserComment"),
    (0x9C9B, "XPTitle"),
    (0x9C9C, "XPComment"),
];

/// Fields of an EXIF block, with or without JPEG's prefix.
pub(super) fn fields(block: &[u8]) -> Vec<Field> {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    read(bounded(block).to_vec())
}

/// Fields of a whole TIFF file, which is one EXIF block; its values may lie anywhere in it.
pub(super) fn tiff_fields(file: &[u8]) -> Vec<Field> {
    read(file.to_vec())
}

fn read(block: Vec<u8>) -> Vec<Field> {
    let read = Reader::new().continue_on_error(true).read_raw(block).or_else(|error| error.distill_partial_result(|_| {}));
    // A block that cannot be read at all says nothing: that is common, and no reason to stop looking elsewhere.
    read.map_or_else(|_| Vec::new(), |exif| named(&exif))
}

fn named(exif: &Exif) -> Vec<Field> {
    let of_the_picture = exif.fields().filter(|field| field.ifd_num == In::PRIMARY);
    of_the_picture.filter_map(|field| Some(Field::new(Place::Exif, name(field.tag)?, text(&field.value)))).collect()
}

fn name(tag: Tag) -> Option<&'static str> {
    NAMED.iter().find(|(number, _)| *number == tag.number()).map(|(_, name)| *name)
}

/// A value as text. Numbers are only asked for being there.
fn text(value: &Value) -> String {
    match value {
        Value::Ascii(parts) => parts.iter().map(|part| String::from_utf8_lossy(bounded(part))).collect(),
        Value::Undefined(data, _) => comment(bounded(data)),
        // Windows' fields are UTF-16 in bytes.
        Value::Byte(data) => utf16(bounded(data), false),
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
    let units = data.chunks_exact(2).map(unit).take_while(|unit| *unit != 0).take(LONGEST);
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
