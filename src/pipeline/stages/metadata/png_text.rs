//! PNG's text chunks, plain or compressed, and what other programs wrap in them. Compressed text is inflated up to a bound.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{
    exif,
    fields::{Place, app1},
    gathered::{Gathered, bounded},
    iptc, xmp,
};
use crate::container::Chunk;

/// What a compressed text costs at least: setting up to inflate is work too, and a file can ask for it a hundred thousand times.
const LEAST: usize = 1024;

/// Fields of one chunk.
pub(super) fn gather(chunk: &Chunk<'_>, into: &mut Gathered) {
    let text = match &chunk.name {
        b"eXIf" => return exif::gather(chunk.data, into),
        b"tEXt" => keyed(chunk.data),
        b"zTXt" => keyed(chunk.data).and_then(|(key, rest)| Some((key, inflated(rest.strip_prefix(b"\0")?, into)))),
        b"iTXt" => international(chunk.data, into),
        _ => None,
    };
    if let Some((key, text)) = text {
        unwrapped(&key, &text, into);
    }
}

/// Splits a chunk at the zero that ends its keyword.
fn keyed(data: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = data.iter().take(80).position(|byte| *byte == 0)?;
    let key = data.get(..end)?.iter().map(|byte| char::from(*byte)).collect();
    Some((key, bounded(data.get(end + 1..)?).to_vec()))
}

/// Keyword, compression flag and method, language, translated keyword, text.
fn international(data: &[u8], into: &mut Gathered) -> Option<(String, Vec<u8>)> {
    let (key, rest) = keyed(data)?;
    let (flags, rest) = rest.split_at_checked(2)?;
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let text = parts.nth(2)?;
    Some((key, if flags[0] == 0 { text.to_vec() } else { inflated(text, into) }))
}

/// As much as is looked at of what the bytes inflate to; damaged data give what came out before the damage.
fn inflated(packed: &[u8], into: &mut Gathered) -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = ZlibDecoder::new(packed).take(into.longest() as u64).read_to_end(&mut text) {
        tracing::debug!(%error, "a compressed PNG text is damaged; its beginning is used");
    }
    into.spend(text.len().max(LEAST));
    text
}

/// Keeps a text as a field, or the fields of the record that it wraps.
fn unwrapped(key: &str, text: &[u8], into: &mut Gathered) {
    match key {
        "XML:com.adobe.xmp" => xmp::gather(text, into),
        "Raw profile type exif" => exif::gather(&raw_profile(text), into),
        "Raw profile type APP1" => app1(&raw_profile(text), into),
        "Raw profile type xmp" => xmp::gather(&raw_profile(text), into),
        "Raw profile type iptc" => wrapped_iptc(&raw_profile(text), into),
        key => into.keep_bytes(Place::PngText, key, text),
    }
}

fn wrapped_iptc(profile: &[u8], into: &mut Gathered) {
    let resources = profile.strip_prefix(b"Photoshop 3.0\0").unwrap_or(profile);
    if resources.starts_with(b"8BIM") { iptc::gather(resources, into) } else { iptc::gather_datasets(resources, into) }
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

    use super::{
        super::{
            fields::Field,
            gathered::{LONGEST, MOST_BYTES},
        },
        *,
    };

    fn fields(name: [u8; 4], data: &[u8]) -> Vec<Field> {
        let mut gathered = Gathered::new();
        gather(&Chunk { name, data }, &mut gathered);
        gathered.into_fields()
    }

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
            assert_eq!(fields(*name, &data), expected);
        }
    }

    #[test]
    fn a_text_bomb_is_inflated_no_further_than_the_bound() {
        let bomb = [b"parameters\0\0", &packed(&vec![b'a'; 50 << 20])[..]].concat();
        assert_eq!(fields(*b"zTXt", &bomb)[0].value.len(), LONGEST);
    }

    #[test]
    fn many_text_bombs_are_inflated_no_further_than_the_files_allowance() {
        // None of these says anything, so that only what is inflated counts.
        for text in [vec![b' '; LONGEST], Vec::new()] {
            let bomb = [b"XML:com.adobe.xmp\0\0", &packed(&text)[..]].concat();
            let mut gathered = Gathered::new();
            let chunks = (0..=MOST_BYTES / LEAST).take_while(|_| {
                gather(&Chunk { name: *b"zTXt", data: &bomb }, &mut gathered);
                !gathered.is_full()
            });
            assert!(chunks.count() < MOST_BYTES / text.len().max(LEAST));
        }
    }

    #[test]
    fn broken_chunks_say_nothing() {
        for name in [b"tEXt", b"zTXt", b"iTXt"] {
            for data in [&b""[..], b"\0", b"no end of the keyword", b"key\0", b"key\0\x01"] {
                assert!(fields(*name, data).iter().all(|field| field.value.is_empty() || field.value == "\u{1}"));
            }
        }
    }

    #[test]
    fn a_wrapped_profile_is_unwrapped() {
        assert_eq!(raw_profile(b"\nexif\n       3\n4d4d\n2a\n"), b"MM*");
        assert_eq!(raw_profile(b"\nexif"), b"");
    }
}
