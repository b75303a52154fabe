//! What HEIC and AVIF share: sizes checked before a pixel is decoded, transparency, and the properties that crop, turn and mirror.

use image::{RgbImage, imageops};
use touchstone_core::media::Format;

use super::{Frame, yuv::Color};
use crate::{
    container::heif::{Heif, Item},
    picture::{Unreadable, check_size},
    settings::Limits,
};

/// Names under which transparency goes (ISO/IEC 23008-12, MIAF).
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];

/// How far a picture may be made of other pictures.
pub(super) const DEEPEST: u32 = 4;

/// How opaque each pixel is.
pub(super) struct Alpha {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Row after row, 255 is opaque.
    pub(super) levels: Vec<u8>,
    /// The colours were multiplied with it already.
    pub(super) premultiplied: bool,
}

impl Alpha {
    /// Lays the picture on a white page. A plane of another size is stretched over the picture.
    pub(super) fn lay_on_white(&self, rgb: &mut RgbImage) {
        let (width, height) = rgb.dimensions();
        let at = |position: u32, of: u32, side: u32| u64::from(position) * u64::from(side) / u64::from(of.max(1));
        for (x, y, pixel) in rgb.enumerate_pixels_mut() {
            let place = at(y, height, self.height) * u64::from(self.width) + at(x, width, self.width);
            let alpha = usize::try_from(place).ok().and_then(|place| self.levels.get(place)).map_or(255, |level| u32::from(*level));
            let own = |channel: u8| if self.premultiplied { u32::from(channel) * 255 } else { u32::from(channel) * alpha };
            pixel.0 = pixel.0.map(|channel| u8::try_from((own(channel) + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX));
        }
    }
}

pub(super) fn damaged(format: Format, reason: impl Into<String>) -> Unreadable {
    Unreadable::Damaged { format, reason: reason.into() }
}

pub(super) fn unsupported(format: Format, reason: impl Into<String>) -> Unreadable {
    Unreadable::Unsupported { format, reason: reason.into() }
}

/// The item to decode, its stated size within the limits.
pub(super) fn primary<'h>(heif: &'h Heif<'_>, format: Format, limits: &Limits) -> Result<&'h Item, Unreadable> {
    let item = heif.primary().ok_or_else(|| {
        if heif.frames() > 0 { unsupported(format, "it is a film without a still picture") } else { damaged(format, "it names no picture") }
    })?;
    if let Some((width, height)) = stated_size(heif, item) {
        check_size(format, width, height, limits)?;
    }
    Ok(item)
}

/// The picture as a frame of the file, unless there are too many.
pub(super) fn frame(heif: &Heif<'_>, rgb: RgbImage, limits: &Limits) -> Result<Frame, Unreadable> {
    let frames = u32::try_from(heif.frames().max(1)).unwrap_or(u32::MAX);
    if frames > limits.max_frames { Err(Unreadable::TooManyFrames { limit: limits.max_frames }) } else { Ok(Frame { rgb, frames }) }
}

/// `ispe`: width and height before any turn.
pub(super) fn stated_size(heif: &Heif<'_>, item: &Item) -> Option<(u32, u32)> {
    let size = heif.properties(item).find(|one| &one.name == b"ispe")?;
    Some((number(size.data, 4)?, number(size.data, 8)?))
}

/// `colr` of the kind that names code points.
pub(super) fn stated_color(heif: &Heif<'_>, item: &Item) -> Option<Color> {
    let color = heif.properties(item).filter(|one| &one.name == b"colr").find_map(|one| one.data.strip_prefix(b"nclx"))?;
    let code = |at: usize| Some(u16::from_be_bytes(*color.get(at..)?.first_chunk()?));
    Some(Color { primaries: code(0)?, transfer: code(2)?, matrix: code(4)?, full_range: color.get(6)? & 0x80 != 0 })
}

/// The item that holds a picture's transparency, and whether the colours were multiplied with it.
pub(super) fn alpha<'h>(heif: &'h Heif<'_>, item: &Item) -> Option<(&'h Item, bool)> {
    let named = |one: &&Item| {
        let name = heif.properties(one).find(|one| &one.name == b"auxC").and_then(|one| one.data.get(4..));
        name.is_some_and(|name| ALPHA.iter().any(|alpha| name.starts_with(alpha)))
    };
    let found = heif.sources(b"auxl", item.id).filter_map(|id| heif.item(id)).find(named)?;
    Some((found, heif.targets(b"prem", item.id).any(|id| id == found.id)))
}

/// Crops, turns and mirrors in the order that the item says.
pub(super) fn transformed(heif: &Heif<'_>, item: &Item, mut rgb: RgbImage) -> RgbImage {
    for property in heif.properties(item) {
        let mode = property.data.first().copied().unwrap_or(0);
        rgb = match (&property.name, mode) {
            (b"clap", _) => cropped(property.data, rgb),
            // Quarter turns to the left.
            (b"irot", mode) => match mode & 3 {
                1 => imageops::rotate270(&rgb),
                2 => imageops::rotate180(&rgb),
                3 => imageops::rotate90(&rgb),
                _ => rgb,
            },
            // 0 exchanges top and bottom, 1 left and right (ISO/IEC 23008-12:2022 §6.5.12).
            (b"imir", mode) if mode & 1 == 0 => imageops::flip_vertical(&rgb),
            (b"imir", _) => imageops::flip_horizontal(&rgb),
            _ => rgb,
        };
    }
    rgb
}

/// The clean aperture (ISO/IEC 14496-12 §12.1.4): a size and the offset of its centre, as fractions. One that makes no sense is ignored.
fn cropped(aperture: &[u8], rgb: RgbImage) -> RgbImage {
    let window = |whole: u32, size_at: usize, offset_at: usize| {
        let fraction = |at: usize| Some((i64::from(number(aperture, at)?), i64::from(number(aperture, at + 4)?)));
        let (size, size_below) = fraction(size_at)?;
        let (offset, offset_below) = fraction(offset_at)?;
        // The offset may be negative.
        let offset = i64::from(offset as u32 as i32);
        let size = size.checked_div(size_below)?;
        // Twice the left edge: the middle of the whole, and the offset, lie between pixels.
        let start = ((i64::from(whole) - size) + (2 * offset).checked_div(offset_below)?) / 2;
        let fits = size > 0 && start >= 0 && start + size <= i64::from(whole);
        Some((u32::try_from(start).ok()?, u32::try_from(size).ok()?)).filter(|_| fits)
    };
    match (window(rgb.width(), 0, 16), window(rgb.height(), 8, 24)) {
        (Some((left, width)), Some((top, height))) => imageops::crop_imm(&rgb, left, top, width, height).to_image(),
        _ => rgb,
    }
}

/// A big-endian number of 32 bits.
pub(super) fn number(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}
