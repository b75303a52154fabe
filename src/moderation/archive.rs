//! The policy of archives: which files of a ZIP are images to judge, which are skipped and why, and which archives are refused.
//!
//! Pure: it reads through [`ReaderAt`], so a slice in memory and ranges of a stored object go the same way, and nothing is ever
//! unpacked to disk or inflated beyond a bound. `rawzip` parses; what an entry may be is decided here. A name within an archive
//! is text to show and is never used as a path.

mod content;
mod entries;
mod fuzz;
mod inflate;
mod name;
mod plan;
mod reason;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../../tests/it/support/zips.rs"]
mod zips;

use std::ops::RangeInclusive;

#[doc(hidden)]
pub use fuzz::fuzz;
pub use inflate::{Damaged, inflate};
pub use plan::plan;
pub use rawzip::ReaderAt;
use thiserror::Error;
use touchstone_core::batch::{Entry, Skipped};

/// What an archive may hold and ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most images.
    pub images: usize,
    /// Most entries of any kind.
    pub entries: u64,
    /// Most bytes of the archive's directory.
    pub directory_bytes: u64,
    /// Fewest and most bytes of one image.
    pub image_bytes: RangeInclusive<u64>,
    /// How many times larger than its data in the archive an image may be.
    pub ratio: u64,
    /// Most bytes that all images together may have.
    pub inflated_bytes: u64,
}

/// An image of an archive that will be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name within the archive, safe to show.
    pub file_name: String,
    /// Where it lies.
    pub entry: Entry,
}

/// What becomes of an archive's files, each list in the order of the archive's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// These are judged. Never empty.
    pub images: Vec<Image>,
    /// These are not.
    pub skipped: Vec<Skipped>,
}

/// Why an archive is not taken at all.
#[derive(Debug, Error)]
pub enum Unusable {
    /// It is no ZIP archive, or its directory contradicts itself.
    #[error("the file is no readable ZIP archive: {0}")]
    NotAZip(String),
    /// It lists more entries than allowed.
    #[error("the archive lists more than {0} entries")]
    TooManyEntries(u64),
    /// Its directory is larger than allowed.
    #[error("the archive's directory has more than {0} bytes")]
    DirectoryTooLarge(u64),
    /// It holds more images than allowed.
    #[error("the archive holds more than {0} images")]
    TooManyImages(usize),
    /// Its images are larger, all together, than allowed.
    #[error("the archive's images have more than {0} bytes in all")]
    InflatesTooMuch(u64),
    /// Every file was skipped; these, if there were any.
    #[error("no file of the archive is an image that can be judged")]
    NoImages(Vec<Skipped>),
    /// It could not be read: not the archive's fault.
    #[error("the archive could not be read")]
    Unread(#[source] std::io::Error),
}

impl From<rawzip::Error> for Unusable {
    fn from(error: rawzip::Error) -> Self {
        match error.into_kind() {
            // A range beyond the end is the archive's own lie; everything else went wrong outside it.
            rawzip::ErrorKind::IO(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Self::Unread(error),
            kind => Self::NotAZip(kind.to_string()),
        }
    }
}
