//! One image out of its archive, in memory, within the size that was declared, and only if its checksum fits.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::DeflateDecoder;
use thiserror::Error;
use touchstone_core::batch::{Entry, Method};

/// The data is not what the archive's directory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("The file is damaged within its archive: size or checksum do not fit. Pack it again.")]
pub struct Damaged;

/// The image of an entry, from its data in the archive. Never holds more than one byte above the declared size.
///
/// # Errors
/// [`Damaged`], when the data does not inflate to exactly the declared size and checksum.
pub fn inflate(data: Bytes, entry: &Entry) -> Result<Bytes, Damaged> {
    let image = match entry.method {
        Method::Stored => data,
        Method::Deflated => inflated(&data, entry.size).map_err(|_| Damaged)?,
    };
    let fits = image.len() as u64 == entry.size && rawzip::crc32(&image) == entry.crc32;
    if fits { Ok(image) } else { Err(Damaged) }
}

fn inflated(data: &[u8], size: u64) -> std::io::Result<Bytes> {
    let mut image = Vec::new();
    DeflateDecoder::new(data).take(size + 1).read_to_end(&mut image)?;
    Ok(image.into())
}
