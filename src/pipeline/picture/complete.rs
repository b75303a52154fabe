//! Whether a file holds all its pixels. The JPEG decoder fills what is missing with grey and reports no error, so the file is asked.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader};

use touchstone_core::media::Format;

use crate::container::{gif_is_whole, jpeg_segments, marker, png_chunks};

/// Data that no encoder writes at the end of a scan: were the decoder still waiting for pixels, these would become some.
const PROBE: [u8; 64] = [0x55; 64];

/// Whether every block was there. A file that ends with its end marker is believed; one without is decoded again with a probe
/// appended, and is whole if that changes nothing: then only the marker is missing.
pub(super) fn jpeg(bytes: &[u8], decoded: &DynamicImage) -> bool {
    if has_end_marker(bytes) {
        return true;
    }
    let probed = [bytes, &PROBE, &[0xFF, marker::EOI]].concat();
    ImageReader::with_format(Cursor::new(probed), ImageFormat::Jpeg).decode().is_ok_and(|probed| &probed == decoded)
}

/// Whether the file says where it ends.
pub(super) fn has_end_marker(bytes: &[u8]) -> bool {
    jpeg_segments(bytes).any(|segment| segment.marker == marker::EOI)
}

/// Whether a file that could not be decoded ends before its own structure does: then it was cut off rather than damaged.
pub(super) fn lacks_its_end(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => !has_end_marker(bytes),
        Format::Png => !png_chunks(bytes).any(|chunk| &chunk.name == b"IEND"),
        Format::WebP => bytes
            .get(4..8)
            .and_then(|size| size.first_chunk())
            .is_some_and(|size| u64::from(u32::from_le_bytes(*size)) + 8 > bytes.len() as u64),
        Format::Gif => !gif_is_whole(bytes),
        _ => false,
    }
}
