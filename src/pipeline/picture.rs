//! A picture decoded once, within limits: upright 8-bit RGB on white, beside the bytes it came from.
//!
//! Content decides the format, never a name. Sizes are read from the header and checked before any pixel is allocated, frames are
//! counted by walking the file, and a decoder that panics is a damaged file, not a crash. A file whose pixel data end early is
//! refused: half a picture filled with grey must not be judged as a whole one.

mod complete;
mod cost;
mod unreadable;
mod upright;

#[cfg(test)]
mod hostile_test;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    error::Error,
    fmt::Display,
    io::{Cursor, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage, metadata::Orientation};
use sha2::{Digest, Sha256};
use touchstone_core::{media::Format, verdict::ImageFacts};

pub(crate) use self::cost::size as check_size;
pub use self::unreadable::Unreadable;
use crate::{
    container,
    decoder::{self, Decoder, Undecoded},
    settings::Limits,
};

/// A decoded picture. Everything after decoding reads this and decodes nothing again.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The file as it came.
    pub bytes: Bytes,
    /// What it is.
    pub facts: ImageFacts,
    /// First frame, upright (EXIF orientation applied), 8 bits a channel, composited on white where it was transparent.
    pub rgb: RgbImage,
}

impl Unreadable {
    /// The same, with the decoder's own words on one short line.
    pub(crate) fn brief(self) -> Self {
        match self {
            Self::Damaged { format, reason } => Self::Damaged { format, reason: one_line(&reason) },
            Self::Unsupported { format, reason } => Self::Unsupported { format, reason: one_line(&reason) },
            other => other,
        }
    }
}

impl Picture {
    /// Decodes the first frame of a file in this process. Formats that only a [`Decoder`] decodes are refused.
    ///
    /// # Errors
    /// When it is no image, is cut off or damaged, or exceeds a limit.
    pub fn decode(bytes: Bytes, limits: &Limits) -> Result<Self, Unreadable> {
        let format = sniff(&bytes)?;
        if decoder::is_contained(format) {
            return Err(Unreadable::Unsupported { format, reason: "it is not decoded in this place".to_owned() });
        }
        let frames = frames(&bytes, format, limits)?;
        let decoded = guarded(format, || pixels(&bytes, format, limits))?;
        let rgb = upright::rgb_on_white(decoded.image, decoded.orientation);
        Ok(Self::new(bytes, format, frames, rgb))
    }

    /// Decodes the first frame of a file of any accepted format.
    ///
    /// # Errors
    /// When it is no image, is cut off or damaged, or exceeds a limit; and when the decoder cannot be run.
    pub fn decode_with(bytes: Bytes, limits: &Limits, decoder: &dyn Decoder) -> Result<Self, Undecoded> {
        let format = sniff(&bytes)?;
        if !decoder::is_contained(format) {
            return Ok(Self::decode(bytes, limits)?);
        }
        let frame = decoder.decode(&bytes, format, limits)?;
        Ok(Self::new(bytes, format, frame.frames, frame.rgb))
    }

    fn new(bytes: Bytes, format: Format, frames: u32, rgb: RgbImage) -> Self {
        let facts = ImageFacts {
            format,
            width: rgb.width(),
            height: rgb.height(),
            frames,
            bytes: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
        };
        Self { bytes, facts, rgb }
    }
}

fn sniff(bytes: &[u8]) -> Result<Format, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    Format::sniff(bytes).ok_or(Unreadable::Unknown)
}

/// The first frame as the file stores it, and how it wants to be turned.
struct Decoded {
    image: DynamicImage,
    orientation: Orientation,
}

fn frames(bytes: &[u8], format: Format, limits: &Limits) -> Result<u32, Unreadable> {
    let most = limits.max_frames;
    let named = |name: &'static [u8; 4]| move |chunk: &container::Chunk<'_>| &chunk.name == name;
    let up_to_one_more = most as usize + 1;
    let frames = match format {
        Format::Png => container::png_chunks(bytes).filter(named(b"fcTL")).take(up_to_one_more).count(),
        Format::WebP => container::riff_chunks(bytes).filter(named(b"ANMF")).take(up_to_one_more).count(),
        Format::Gif => container::gif_frames(bytes, most) as usize,
        Format::Tiff => container::tiff_pages(bytes, most) as usize,
        _ => 1,
    };
    if frames >= up_to_one_more && frames > 1 {
        return Err(Unreadable::TooManyFrames { limit: most });
    }
    Ok(u32::try_from(frames).unwrap_or(most).max(1))
}

fn pixels(bytes: &Bytes, format: Format, limits: &Limits) -> Result<Decoded, Unreadable> {
    let told = |error| unreadable(error, bytes, format, limits);
    let own = image_format(format).ok_or_else(|| Unreadable::Unsupported { format, reason: "it is decoded elsewhere".to_owned() })?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), own);
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(limits.max_memory);
    reader.limits(allowed.clone());
    let mut decoder = reader.into_decoder().map_err(told)?;
    let orientation = upright::orientation(bytes, format, &mut decoder);
    cost::check(bytes, format, &decoder, orientation, limits)?;
    allowed.max_image_width = Some(limits.max_side);
    allowed.max_image_height = Some(limits.max_side);
    decoder.set_limits(allowed).map_err(told)?;
    let image = DynamicImage::from_decoder(decoder).map_err(told)?;
    if format == Format::Jpeg && !complete::jpeg(bytes, &image) {
        return Err(Unreadable::CutOff(format));
    }
    Ok(Decoded { image, orientation })
}

/// Runs a third-party decoder; a panic in it is the file's fault.
pub(crate) fn guarded<T>(format: Format, work: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::warn!(format = format.name(), "a decoder panicked on a file; it was refused as damaged");
        Err(Unreadable::Damaged { format, reason: "the decoder gave up on it".to_owned() })
    })
}

const fn image_format(format: Format) -> Option<ImageFormat> {
    Some(match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Heic | Format::Heif | Format::Avif | Format::Svg | Format::Pdf => return None,
    })
}

/// The decoder's error in words for the sender.
fn unreadable(error: ImageError, bytes: &[u8], format: Format, limits: &Limits) -> Unreadable {
    let ran_out = matches!(&error, ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof);
    if ran_out || ended_early(&error) || complete::lacks_its_end(bytes, format) {
        return Unreadable::CutOff(format);
    }
    match error {
        ImageError::Limits(_) => Unreadable::TooMuchMemory { limit: limits.max_memory },
        ImageError::Unsupported(error) => Unreadable::Unsupported { format, reason: one_line(&error) },
        error => Unreadable::Damaged { format, reason: one_line(&error) },
    }
}

/// Whether somewhere down the chain of causes the bytes ran out.
fn ended_early(error: &(dyn Error + 'static)) -> bool {
    let here = error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof);
    here || error.source().is_some_and(ended_early)
}

/// What a decoder said, short and on one line, without its full stop: it may repeat whatever the file holds.
pub(crate) fn one_line(said: &dyn Display) -> String {
    const LONGEST: usize = 160;
    let words: Vec<String> = said.to_string().split_whitespace().map(str::to_owned).collect();
    words.join(" ").chars().take(LONGEST).collect::<String>().trim_end_matches('.').to_owned()
}
