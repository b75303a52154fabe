//! PNG's text chunks, plain or compressed, and what other programs wrap in them. Compressed text is inflated up to a bound.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{
    exif,
    fields::{Field, LONGEST, Place, app1, bounded},
    iptc, xmp,
};
use crate::container::Chunk;

/// Fields of one chunk.
pub(super) fn fields(chunk: &Chunk<'_>) -> Vec<Field> {
    let text = match &chunk.name {
        b"eXIf" => return exif::fields(chunk.data),
        b"tEXt" => keyed(chunk.data),
        b"zTXt" => keyed(chunk.data).and_then(|(key, rest)| Some((key, inflated(rest.strip_prefix(b"\0")?)))),
        b"iTXt" => international(chunk.data),
        _ => None,
    };
    text.map(|(key, text)| unwrapped(&key, text)).unwrap_or_default()
}

/// Splits a chunk at the zero that ends its keyword.
fn keyed(data: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = data.iter().take(80).position(|byte| *byte == 0)?;
    let key = data.get(..end)?.iter().map(|byte| char::from(*byte)).collect();
    Some((key, bounded(data.get(end + 1..)?).to_vec()))
}

/// Keyword, compression flag and method, language, translated keyword, text.
fn international(data: &[u8]) -> Option<(String, Vec<u8>)> {
    let (key, rest) = keyed(data)?;
    let (flags, rest) = rest.split_at_checked(2)?;
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let text = parts.nth(2)?;
    Some((key, if flags[0] == 0 { text.to_vec() } else { inflated(text) }))
}

/// As much as is looked at of what the bytes inflate to; damaged data give what came out before the damage.
fn inflated(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = ZlibDecoder::new(packed).take(LONGEST as u64).read_to_end(&mut text) {
        tracing::debug!(%error, "a compressed PNG text is damaged; its beginning is used");
    }
    text
}

/// A text as a field, or the fields of the record that it wraps.
fn unwrapped(key: &str, text: Vec<u8>) -> Vec<Field> {
    match key {
        "XML:com.adobe.xmp" => xmp::fields(&text),
        "Raw profile type exif" => exif::fields(&raw_profile(&text)),
        "Raw profile type APP1" => app1(&raw_profile(&text)),
        "Raw profile type xmp" => xmp::fields(&raw_profile(&text)),
        "Raw profile type iptc" => wrapped_iptc(&raw_profile(&text)),
        key => vec![Field::new(Place::PngText, key, String::from_utf8_lossy(&text))],
    }
}

fn wrapped_iptc(profile: &[u8]) -> Vec<Field> {
    let resources = profile.strip_prefix(b"Photoshop 3.0\0").unwrap_or(profile);
    if resources.starts_with(b"8BIM") { iptc::fields(resources) } else { iptc::datasets(resources) }
}

/// ImageMagick's wrapping: a line with the kind, a line with the length, then hexadecimal digits.
fn raw_profile(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).skip(2);
    let digits: Vec<u8> =
        lines.flatten().filter_map(|byte| char::from(*byte).to_digit(16)).filter_map(|digit| u8::try_from(digit).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn every_way_to_write_a_text_reads_the_same() {
        let expected = vec![Field::new(Place::PngText, "Software", "NovelAI")];
        let compressed = packed(b"NovelAI");
        for (name, data) in [
            (b"tEXt", b"Software\0NovelAI".to_vec()),
            (b"zTXt", [b"Software\0\0", &compressed[..]].concat()),
            (b"iTXt", b"Software\0\0\0en\0Programm\0NovelAI".to_vec()),
            (b"iTXt", [b"Software\0\x01\0\0\0", &compressed[..]].concat()),
        ] {
            assert_eq!(fields(&Chunk { name: *name, data: &data }), expected);
        }
    }

    #[test]
    fn a_text_bomb_is_inflated_no_further_than_the_bound() {
        let bomb = [b"parameters\0\0", &packed(&vec![b'a'; 50 << 20])[..]].concat();
        assert_eq!(fields(&Chunk { name: *b"zTXt", data: &bomb })[0].value.len(), LONGEST);
    }

    #[test]
    fn broken_chunks_say_nothing() {
        for name in [b"tEXt", b"zTXt", b"iTXt"] {
            for data in [&b""[..], b"\0", b"no end of the keyword", b"key\0", b"key\0\x01"] {
                assert!(fields(&Chunk { name: *name, data }).iter().all(|field| field.value.is_empty() || field.value == "\u{1}"));
            }
        }
    }

    #[test]
    fn a_wrapped_profile_is_unwrapped() {
        assert_eq!(raw_profile(b"\nexif\n       3\n4d4d\n2a\n"), b"MM*");
        assert_eq!(raw_profile(b"\nexif"), b"");
    }
}
