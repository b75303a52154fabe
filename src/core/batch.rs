//! A batch: an archive of images, each of which becomes a document of its own (rows T11, T12).

use serde::{Deserialize, Serialize};

/// How an image's bytes are kept in its archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// As they are.
    Stored,
    /// As a raw deflate stream.
    Deflated,
}

/// Where one image lies in its archive: enough to read it by one range of bytes. Every number was checked when the archive was
/// taken in, and stays true because the archive's version is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// First byte of its data within the archive.
    pub offset: u64,
    /// Bytes of its data within the archive.
    pub compressed: u64,
    /// Bytes of the image itself, as the archive declares them.
    pub size: u64,
    /// How the one becomes the other.
    pub method: Method,
    /// The declared checksum of the image (CRC-32, as ZIP has it).
    pub crc32: u32,
}

/// An image of a batch of the /v1 API that was refused at the door: it is no document and costs nothing. In that API's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its place among all that were sent.
    pub index: usize,
    /// One of the API's codes.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// The field that it is about.
    pub param: Option<String>,
}

/// A file of an archive that is not judged and costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name, safe to show.
    pub filename: String,
    /// Why, in one sentence.
    pub reason: String,
}
