//! A picture decoded once, within limits: upright 8-bit RGB on white, beside the bytes it came from.

use bytes::Bytes;
use image::RgbImage;
use touchstone_core::verdict::ImageFacts;

use crate::settings::Limits;

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

/// Why a file cannot be judged. The message is shown to the person who sent it.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No image format is recognised.
    #[error("The file is no image that is accepted here.")]
    Unknown,
}

impl Picture {
    /// Decodes a file.
    ///
    /// # Errors
    /// When it is no image, is damaged, or exceeds a limit.
    pub fn decode(bytes: Bytes, limits: &Limits) -> Result<Self, Unreadable> {
        let _ = (bytes, limits);
        Err(Unreadable::Unknown)
    }
}
