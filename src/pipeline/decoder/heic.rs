//! HEIC and HEIF with HEVC pictures: `hpvcd` gives the planes of the primary picture, single or a grid, and its transparency.

use hpvcd::{DecodeError, DecodedYuv, HeicSettings, ParseLimits, PlaneBuffer, SamplePlane, YuvBuffer};
use touchstone_core::media::Format;

use super::{
    Frame,
    heif::{self, Alpha},
    yuv::{self, Color, Plane, Samples, Yuv},
};
use crate::{container::heif::Heif, picture::Unreadable, settings::Limits};

/// The decoder with its one thread, which must be started before the process gives up starting threads.
pub(super) fn decoder(limits: &Limits) -> hpvcd::Decoder {
    let limits = ParseLimits { max_dimension: limits.max_side, max_pixels: limits.max_pixels, ..ParseLimits::new() };
    hpvcd::Decoder::from_settings(HeicSettings::new().with_threads(1).with_limits(limits).with_decode_gain_map(false))
}

pub(super) fn decode(decoder: &hpvcd::Decoder, bytes: &[u8], format: Format, limits: &Limits) -> Result<Frame, Unreadable> {
    let heif = Heif::read(bytes);
    let item = heif::primary(&heif, format, limits)?;
    if !matches!(&item.kind, b"hvc1" | b"hev1" | b"grid") {
        return Err(heif::unsupported(format, format!("pictures of the kind \"{}\"", item.kind.escape_ascii())));
    }
    let decoded = decoder.decode_yuv(bytes).map_err(|error| told(&error, format, limits))?;
    let mut rgb = yuv::rgb(&planes(&decoded));
    if let Some(plane) = &decoded.alpha {
        let premultiplied = heif::alpha(&heif, item).is_some_and(|(_, premultiplied)| premultiplied);
        alpha(plane, &decoded, premultiplied).lay_on_white(&mut rgb);
    }
    heif::frame(&heif, heif::transformed(&heif, item, rgb), limits)
}

fn planes(decoded: &DecodedYuv) -> Yuv<'_> {
    // Where nothing is said, the stream's own default holds: a limited range (ITU-T H.265 §E.3.1). A file with a profile alone is a
    // phone's, whose stream has the full range; the decoder does not pass that on.
    let unsaid = Color { primaries: 1, transfer: 13, matrix: 6, full_range: decoded.color.icc.is_some() };
    let color = decoded.color.cicp.map_or(unsaid, |color| Color {
        primaries: color.primaries as u16,
        transfer: color.transfer as u16,
        matrix: color.matrix as u16,
        full_range: color.full_range,
    });
    let (luma, chroma) = match &decoded.planes {
        YuvBuffer::U8(image) => (bytes(&image.y), image.cb.as_ref().map(bytes).zip(image.cr.as_ref().map(bytes))),
        YuvBuffer::U16(image) => (words(&image.y), image.cb.as_ref().map(words).zip(image.cr.as_ref().map(words))),
    };
    Yuv { luma, chroma: chroma.map(|(cb, cr)| [cb, cr]), depth: decoded.bit_depth.bits().into(), color }
}

fn bytes(plane: &PlaneBuffer<u8>) -> Plane<'_> {
    Plane { samples: Samples::Bytes(plane.data()), stride: plane.stride(), width: plane.width(), height: plane.height() }
}

fn words(plane: &PlaneBuffer<u16>) -> Plane<'_> {
    Plane { samples: Samples::Words(plane.data()), stride: plane.stride(), width: plane.width(), height: plane.height() }
}

/// Transparency is full range, whatever the colours are; its depth is the colours' unless it is kept in bytes.
fn alpha(plane: &SamplePlane, decoded: &DecodedYuv, premultiplied: bool) -> Alpha {
    let (luma, depth) = match plane {
        SamplePlane::U8(plane) => (bytes(plane), 8),
        SamplePlane::U16(plane) => (words(plane), decoded.bit_depth.bits().into()),
    };
    let color = Color { primaries: 1, transfer: 13, matrix: 6, full_range: true };
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let levels = yuv::levels(&Yuv { luma, chroma: None, depth, color });
    Alpha { width: size(luma.width), height: size(luma.height), levels, premultiplied }
}

fn told(error: &DecodeError, format: Format, limits: &Limits) -> Unreadable {
    match error {
        DecodeError::AllocationFailed { .. } | DecodeError::LimitExceeded { .. } => Unreadable::TooMuchMemory { limit: limits.max_memory },
        DecodeError::Unsupported(_)
        | DecodeError::UnsupportedItemType(_)
        | DecodeError::UnsupportedChroma(_)
        | DecodeError::UnsupportedBitDepth(_) => heif::unsupported(format, error.to_string()),
        error => heif::damaged(format, error.to_string()),
    }
}
