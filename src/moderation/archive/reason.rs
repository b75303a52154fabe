//! Why a file of an archive is skipped: the closed list of what its owner is told.

use thiserror::Error;
use touchstone_core::refusal::human_bytes;

/// Why one file is not judged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Reason {
    /// A folder: nothing to judge.
    #[error("Directory, not a file")]
    Directory,
    /// A name that begins with a dot, or lies in a folder whose name does.
    #[error("Hidden file")]
    Hidden,
    /// What macOS adds for itself.
    #[error("macOS system file")]
    MacOs,
    /// Absolute, `..`, a backslash, a drive letter, empty or with a NUL.
    #[error("Invalid path")]
    Path,
    /// A link, a device, a pipe.
    #[error("Not a regular file")]
    Special,
    /// The same name once more.
    #[error("Duplicate file name")]
    Duplicate,
    /// An archive in an archive.
    #[error("Nested archives are not supported")]
    Nested,
    /// The contract's own words.
    #[error("PDF not supported in bulk")]
    Pdf,
    /// The extension is none of the accepted ones.
    #[error("Unsupported image type")]
    Unsupported,
    /// With a password.
    #[error("Encrypted file")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("Unsupported compression method")]
    Method,
    /// Fewer bytes than an image can have.
    #[error("File size is too small (at least {})", human_bytes(*.0))]
    TooSmall(u64),
    /// More bytes than an image may have.
    #[error("File size exceeds limit of {}", human_bytes(*.0))]
    TooLarge(u64),
    /// It would inflate to more than images do.
    #[error("Compressed more than {0} times")]
    Ratio(u64),
    /// Its bytes are another entry's too, or the directory's.
    #[error("Overlaps with another part of the archive")]
    Overlap,
    /// The directory and the entry's own header say different things.
    #[error("The archive contradicts itself about this file")]
    Contradiction,
    /// Its data does not inflate.
    #[error("Damaged data")]
    Damaged,
    /// The bytes are not what the name says.
    #[error("Invalid file type: the name says {expected}, the content looks like {}", .found.unwrap_or("no accepted image"))]
    Content {
        /// By its bytes.
        found: Option<&'static str>,
        /// By its name.
        expected: &'static str,
    },
}
