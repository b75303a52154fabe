//! Why a file cannot be judged, in words for whoever sent it. A child process says it to its parent too.

use serde::{Deserialize, Serialize};
use touchstone_core::media::Format;

/// Why a file cannot be judged. The message is shown to the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unreadable {
    /// Not a single byte.
    #[error("The file is empty: send the image itself.")]
    Empty,
    /// No image format is recognised.
    #[error(
        "The file is no image that is accepted here: its content is neither JPEG, PNG, WebP, HEIC, HEIF, AVIF, GIF, BMP, TIFF, SVG nor \
         PDF, whatever its name says."
    )]
    Unknown,
    /// A side is longer than `max_side`.
    #[error("The picture is {width} × {height} pixels, but the limit for its longest side (max_side) is {limit}: send a smaller copy.")]
    TooLong {
        /// Pixels across, as the header says.
        width: u32,
        /// Pixels down, as the header says.
        height: u32,
        /// The limit.
        limit: u32,
    },
    /// More pixels than `max_pixels`.
    #[error("The picture is {width} × {height} pixels, but the limit for all its pixels (max_pixels) is {limit}: send a smaller copy.")]
    TooManyPixels {
        /// Pixels across, as the header says.
        width: u32,
        /// Pixels down, as the header says.
        height: u32,
        /// The limit.
        limit: u64,
    },
    /// More frames or pages than `max_frames`.
    #[error("The file has more frames or pages than the limit (max_frames) of {limit}: send one frame as a still image.")]
    TooManyFrames {
        /// The limit.
        limit: u32,
    },
    /// Decoding would take more than `max_memory`.
    #[error("Decoding the picture would take more memory than the limit (max_memory) of {limit} bytes: send a smaller copy.")]
    TooMuchMemory {
        /// The limit.
        limit: u64,
    },
    /// The file ends before its pixels do.
    #[error("The {format} file is cut off: its pixel data end too early. Send it again in full.", format = .0.name())]
    CutOff(Format),
    /// The format is right, the content is not.
    #[error("The {format} file is damaged: {reason}. Save the picture again as JPEG or PNG and send that.", format = .format.name())]
    Damaged {
        /// What it claims to be.
        format: Format,
        /// What the decoder said.
        reason: String,
    },
    /// A rare variant of the format that is not read here.
    #[error("The {format} file uses a variant that is not read here: {reason}. Save the picture as an ordinary JPEG or PNG and send that.", format = .format.name())]
    Unsupported {
        /// What it claims to be.
        format: Format,
        /// What the decoder said.
        reason: String,
    },
    /// Decoding took more than `decoder.seconds`.
    #[error(
        "Decoding the {format} file took longer than the limit (decoder.seconds) of {limit} seconds: save the picture as an ordinary JPEG or \
         PNG and send that.", format = .format.name()
    )]
    TooSlow {
        /// What it claims to be.
        format: Format,
        /// The limit.
        limit: u64,
    },
    /// The decoder's process ended without an answer: it crashed, or met `decoder.memory`.
    #[error(
        "The {format} file broke its decoder, or needs more memory than the limit (decoder.memory) of {limit} bytes: save the picture as an \
         ordinary JPEG or PNG and send that.", format = .format.name()
    )]
    Broke {
        /// What it claims to be.
        format: Format,
        /// The limit.
        limit: u64,
    },
}
