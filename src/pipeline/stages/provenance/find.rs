//! Whether a file carries a C2PA manifest at all, found by walking its boxes: nine of ten files do not, and must not pay for it.

use touchstone_core::media::Format;

use crate::container::{self, marker};

/// The TIFF tag that C2PA reserves.
const TIFF_TAG: u16 = 0xCD41;

/// How far into a GIF its application extension is looked for; it precedes the frames.
const GIF_HEAD: usize = 64 * 1024;

pub(super) fn has_manifest(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => container::jpeg_segments(bytes)
            .take_while(|segment| segment.marker != marker::SOS)
            .any(|segment| segment.marker == marker::APP11 && contains(segment.data, b"jumb")),
        Format::Png => container::png_chunks(bytes).any(|chunk| &chunk.name == b"caBX"),
        Format::WebP => container::riff_chunks(bytes).any(|chunk| &chunk.name == b"C2PA"),
        Format::Tiff => container::tiff_entries(bytes).any(|entry| entry.tag == TIFF_TAG),
        Format::Gif => contains(bytes.get(..GIF_HEAD).unwrap_or(bytes), b"C2PA_GIF"),
        Format::Heic | Format::Heif | Format::Avif => container::heif::has_c2pa(bytes),
        Format::Svg => contains(bytes, b"<c2pa:manifest"),
        // The library reads no manifest of a PDF without a second PDF parser, in this very process.
        Format::Bmp | Format::Pdf => false,
    }
}

fn contains(data: &[u8], needle: &[u8]) -> bool {
    data.windows(needle.len()).any(|window| window == needle)
}
