//! The formats that no fixed bytes at the start give away: HEIF by its brands, SVG and PDF behind whatever text precedes them.

use super::Format;

/// Byte-order mark of UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// By the brands in `ftyp`: one that names a codec decides, wherever it stands.
pub(super) fn heif(head: &[u8]) -> Option<Format> {
    let length = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
    let body = head.get(8..length.min(head.len()))?;
    // The major brand, a version, then the compatible brands.
    let brands = || body.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| brand);
    let any = |known: &[&[u8; 4]]| brands().any(|brand| known.iter().any(|known| brand == *known));
    if any(&[b"avif", b"avis"]) {
        Some(Format::Avif)
    } else if any(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"]) {
        Some(Format::Heic)
    } else if any(&[b"mif1", b"msf1"]) {
        Some(Format::Heif)
    } else {
        None
    }
}

/// A drawing or a document.
pub(super) fn text(head: &[u8]) -> Option<Format> {
    let head = head.strip_prefix(MARK).unwrap_or(head).trim_ascii_start();
    if head.starts_with(b"%PDF-") {
        return Some(Format::Pdf);
    }
    is_svg(head).then_some(Format::Svg)
}

/// Whether the root element is `svg`, after an XML declaration, comments and a document type.
fn is_svg(mut rest: &[u8]) -> bool {
    loop {
        rest = rest.trim_ascii_start();
        let after = if rest.starts_with(b"<?") {
            after(rest, b"?>")
        } else if rest.starts_with(b"<!--") {
            after(rest, b"-->")
        } else if rest.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!DOCTYPE")) {
            after_doctype(rest)
        } else {
            return is_svg_element(rest);
        };
        let Some(after) = after else { return false };
        rest = after;
    }
}

/// `<svg`, with or without a namespace's prefix, and then the name's end.
fn is_svg_element(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b"<") else { return false };
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')).unwrap_or(rest.len());
    rest[..end].rsplit(|byte| *byte == b':').next() == Some(b"svg")
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(end.len()).position(|window| window == end)?;
    text.get(at + end.len()..)
}

/// A document type may hold declarations in brackets.
fn after_doctype(text: &[u8]) -> Option<&[u8]> {
    let stop = text.iter().position(|byte| matches!(byte, b'[' | b'>'))?;
    let rest = if text[stop] == b'[' { after(&text[stop..], b"]")? } else { &text[stop..] };
    after(rest, b">")
}

#[cfg(test)]
mod tests {
    use super::*;

    // T15
    #[test]
    fn brands_tell_the_heif_family_apart() {
        let sniff = |brands: &str| {
            let mut head = u32::try_from(8 + brands.len()).expect("short").to_be_bytes().to_vec();
            head.extend(b"ftyp");
            head.extend(brands.as_bytes());
            head.extend(b"\0\0\0\x08meta");
            Format::sniff(&head)
        };
        assert_eq!(sniff("heic\0\0\0\0mif1heic"), Some(Format::Heic));
        assert_eq!(sniff("mif1\0\0\0\0mif1heix"), Some(Format::Heic));
        assert_eq!(sniff("msf1\0\0\0\0hevcmsf1"), Some(Format::Heic));
        assert_eq!(sniff("mif1\0\0\0\0mif1"), Some(Format::Heif));
        assert_eq!(sniff("mif1\0\0\0\0mif1avif"), Some(Format::Avif));
        assert_eq!(sniff("avis\0\0\0\0msf1"), Some(Format::Avif));
        assert_eq!(sniff("isom\0\0\0\0mp42"), None, "a film");
        assert_eq!(sniff("mp42avifisom"), None, "a version is no brand");
        assert!(Format::Heic.agrees_with(Format::Heif) && !Format::Heic.agrees_with(Format::Avif));
    }

    // T15
    #[test]
    fn a_drawing_is_known_behind_what_precedes_it() {
        for drawing in [
            "<svg/>",
            "\u{FEFF}  <svg xmlns='http://www.w3.org/2000/svg'>",
            "<?xml version=\"1.0\"?>\n<!-- <html> --><svg:svg ",
            "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\">\n<svg>",
            "<?xml version='1.0'?><!DOCTYPE svg [ <!ENTITY a \"b\"> ]><svg>",
        ] {
            assert_eq!(Format::sniff(drawing.as_bytes()), Some(Format::Svg), "{drawing}");
        }
        for other in ["<html><svg/></html>", "<svgfoo>", "<!-- <svg> ", "<?xml", "svg", "<", "<!DOCTYPE svg ["] {
            assert_eq!(Format::sniff(other.as_bytes()), None, "{other}");
        }
    }

    // T15
    #[test]
    fn a_document_is_known_by_its_header() {
        assert_eq!(Format::sniff(b"%PDF-1.7\n%\xE2\xE3"), Some(Format::Pdf));
        assert_eq!(Format::sniff(b"\xEF\xBB\xBF\n%PDF-2.0"), Some(Format::Pdf));
        assert_eq!(Format::sniff(b"% PDF-1.7"), None);
    }
}
