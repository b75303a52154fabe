//! The formats that are not decoded in this process: HEIC, HEIF, AVIF, SVG and PDF.
//!
//! Their decoders are young, or run whatever the file says (a drawing of 8 KB keeps its renderer busy for good), so a server gives
//! them a child process that can be killed: `Children`. What the child then does is `Here`, which tests and fuzzers call directly.
//! The other formats never come this way.

mod avif;
pub mod child;
mod children;
mod confine;
mod hdr;
mod heic;
mod heif;
mod here;
mod pdf;
mod raster;
mod svg;
#[cfg(test)]
mod tests;
mod wire;
mod yuv;

use bytes::Bytes;
use image::RgbImage;
use touchstone_core::media::Format;

pub use self::{children::Children, here::Here};
use crate::{picture::Unreadable, settings::Limits};

/// Decodes the formats that [`is_contained`] names.
pub trait Decoder: Send + Sync {
    /// The first picture of a file, upright and on white.
    ///
    /// # Errors
    /// See [`Undecoded`].
    fn decode(&self, bytes: &Bytes, format: Format, limits: &Limits) -> Result<Frame, Undecoded>;
}

/// What was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The first picture, upright, on white.
    pub rgb: RgbImage,
    /// How many pictures or pages the file has, at least 1.
    pub frames: u32,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecoded {
    /// The file's fault; the message is for whoever sent it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Ours: the decoder could not be run at all.
    #[error("the decoder could not be run: {0}")]
    Failed(String),
}

/// Whether a format is decoded by a [`Decoder`] and not in process.
#[must_use]
pub const fn is_contained(format: Format) -> bool {
    matches!(format, Format::Heic | Format::Heif | Format::Avif | Format::Svg | Format::Pdf)
}
