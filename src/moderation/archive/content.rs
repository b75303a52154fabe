//! A file itself, as far as it must be read to believe the directory: its own header, and the first bytes of its data.

use std::io::{self, Read};

use flate2::bufread::DeflateDecoder;
use rawzip::{ReaderAt, ZipArchive, ZipLocalFileHeader};
use touchstone_core::{
    batch::{Entry, Method},
    media::{Format, SNIFF_BYTES},
};

use super::{Unusable, entries::Claim, reason::Reason};

/// Bytes of data that are read to see the first [`SNIFF_BYTES`] of the image: what does not compress is as long as it was, and a deflate
/// block's own tables come before it.
const HEAD: u64 = SNIFF_BYTES as u64 + 1024;

/// Longest name and extra fields of a file's own header together: what its two lengths can say.
pub(super) const LOCAL_BYTES: usize = 2 * u16::MAX as usize;

/// Where the image lies, when everything that was claimed about it holds. The outer error is the storage's.
pub(super) fn look<R: ReaderAt>(archive: &ZipArchive<R>, claim: &Claim, scratch: &mut [u8]) -> Result<Result<Entry, Reason>, Unusable> {
    let (offset, end) = match agreed(archive, claim, scratch) {
        Ok(Some(range)) => range,
        Ok(None) => return Ok(Err(Reason::Contradiction)),
        Err(error) => return unless_unread(error.into(), Reason::Contradiction),
    };
    if end > archive.directory_offset() {
        return Ok(Err(Reason::Overlap));
    }
    let mut data = vec![0; claim.compressed.min(HEAD) as usize];
    if let Err(error) = archive.get_ref().read_exact_at(&mut data, offset) {
        return unless_unread(rawzip::Error::from(error).into(), Reason::Damaged);
    }
    let entry = Entry { offset, compressed: claim.compressed, size: claim.size, method: claim.method, crc32: claim.crc32 };
    Ok(sniff(&data, claim).map(|()| entry))
}

/// What the archive got wrong skips this file; what the storage got wrong ends the reading.
fn unless_unread(error: Unusable, reason: Reason) -> Result<Result<Entry, Reason>, Unusable> {
    match error {
        Unusable::Unread(error) => Err(Unusable::Unread(error)),
        _ => Ok(Err(reason)),
    }
}

/// The range of the file's data, if its own header tells the same story as the directory.
fn agreed<R: ReaderAt>(archive: &ZipArchive<R>, claim: &Claim, scratch: &mut [u8]) -> Result<Option<(u64, u64)>, rawzip::Error> {
    let entry = archive.get_entry(claim.wayfinder)?;
    let header = entry.local_header(scratch)?;
    Ok(tells_the_same(&header, claim).then(|| entry.compressed_data_range()))
}

/// Where a data descriptor follows, the header may leave sizes and checksum empty.
fn tells_the_same(header: &ZipLocalFileHeader<'_>, claim: &Claim) -> bool {
    let same = |found: u64, claimed: u64| found == claimed || (claim.has_descriptor && matches!(found, 0 | 0xFFFF_FFFF));
    let method = match claim.method {
        Method::Stored => rawzip::CompressionMethod::STORE,
        Method::Deflated => rawzip::CompressionMethod::DEFLATE,
    };
    header.file_path().as_bytes() == claim.name
        && header.compression_method() == method
        && !header.flags().is_encrypted()
        && header.flags().has_data_descriptor() == claim.has_descriptor
        && same(header.compressed_size_hint(), claim.compressed)
        && same(header.uncompressed_size_hint(), claim.size)
        && same(u64::from(header.crc32()), u64::from(claim.crc32))
}

/// The first bytes of the image must be of the format that its name says.
fn sniff(data: &[u8], claim: &Claim) -> Result<(), Reason> {
    let head = match claim.method {
        Method::Stored => data[..data.len().min(SNIFF_BYTES)].to_vec(),
        Method::Deflated => inflated_head(data, claim.size).map_err(|_| Reason::Damaged)?,
    };
    let found = Format::sniff(&head);
    if found.is_some_and(|found| claim.format.agrees_with(found)) {
        return Ok(());
    }
    Err(Reason::Content { found: found.map(Format::name), expected: claim.format.name() })
}

/// As much of the head as comes out of this much data; nothing at all is damage.
fn inflated_head(data: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let wanted = size.min(SNIFF_BYTES as u64) as usize;
    let (mut head, mut inflating) = (vec![0; wanted], DeflateDecoder::new(data));
    let mut filled = 0;
    while filled < wanted {
        match inflating.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if filled == 0 => return Err(error),
            Err(_) => break,
        }
    }
    head.truncate(filled);
    Ok(head)
}
