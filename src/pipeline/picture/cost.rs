//! What decoding would cost, worked out from the header before a pixel is allocated.

use image::{ColorType, ImageDecoder, metadata::Orientation};
use touchstone_core::media::Format;

use super::{Unreadable, complete};
use crate::{container, settings::Limits};

/// Bytes of one upright pixel.
const RGB: u64 = 3;

/// Refuses a picture that breaks a limit, by name of the limit.
pub(super) fn check(
    bytes: &[u8],
    format: Format,
    decoder: &impl ImageDecoder,
    orientation: Orientation,
    limits: &Limits,
) -> Result<(), Unreadable> {
    let (width, height) = decoder.dimensions();
    size(format, width, height, limits)?;
    let pixels = u64::from(width) * u64::from(height);
    let peak = decoding(bytes, format, decoder.total_bytes(), pixels).max(painting(decoder, orientation, pixels));
    if peak > limits.max_memory {
        return Err(Unreadable::TooMuchMemory { limit: limits.max_memory });
    }
    Ok(())
}

/// Refuses a size that breaks a limit, by name of the limit.
pub(crate) fn size(format: Format, width: u32, height: u32, limits: &Limits) -> Result<(), Unreadable> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Unreadable::Damaged { format, reason: "its header says that it has no pixels".to_owned() });
    }
    if width.max(height) > limits.max_side {
        return Err(Unreadable::TooLong { width, height, limit: limits.max_side });
    }
    if pixels > limits.max_pixels {
        return Err(Unreadable::TooManyPixels { width, height, limit: limits.max_pixels });
    }
    Ok(())
}

/// Bytes held while the decoder works: its output beside what it builds it from.
fn decoding(bytes: &[u8], format: Format, output: u64, pixels: u64) -> u64 {
    let beside = match format {
        // Without its end marker it is decoded a second time (see `complete`).
        Format::Jpeg if !complete::has_end_marker(bytes) => jpeg_coefficients(bytes, pixels).saturating_add(output),
        Format::Jpeg => jpeg_coefficients(bytes, pixels),
        // A frame before it is put on the canvas; planes before they are interleaved.
        Format::Gif | Format::Tiff | Format::WebP => output,
        _ => 0,
    };
    output.saturating_add(beside)
}

/// A JPEG sent in several scans is kept as 16-bit coefficients until the last one; otherwise only a row of blocks is.
fn jpeg_coefficients(bytes: &[u8], pixels: u64) -> u64 {
    let Some(frame) = container::jpeg_segments(bytes).find(container::Segment::is_frame) else { return 0 };
    let Some(scan) = container::jpeg_segments(bytes).find(|segment| segment.marker == container::marker::SOS) else { return 0 };
    let components = frame.data.get(6..).unwrap_or_default().chunks_exact(3);
    let progressive = !matches!(frame.marker, 0xC0 | 0xC1);
    if !progressive && scan.data.first().map(|count| usize::from(*count)) == Some(components.len()) {
        return 0;
    }
    let sampling: Vec<u64> = components.map(|component| u64::from(component[1] >> 4) * u64::from(component[1] & 15)).collect();
    let finest = sampling.iter().copied().max().unwrap_or(1).max(1);
    pixels.saturating_mul(2 * sampling.iter().sum::<u64>()) / finest
}

/// Bytes held while the pixels are turned into upright RGB.
fn painting(decoder: &impl ImageDecoder, orientation: Orientation, pixels: u64) -> u64 {
    let color = decoder.color_type();
    let converting = match color {
        ColorType::Rgb8 => RGB,
        ColorType::Rgba8 => 4 + RGB,
        color if color.has_alpha() => u64::from(color.bytes_per_pixel()) + 4 + RGB,
        color => u64::from(color.bytes_per_pixel()) + RGB,
    };
    let turning = if super::upright::swaps_sides(orientation) { 2 * RGB } else { RGB };
    pixels.saturating_mul(converting.max(turning))
}
