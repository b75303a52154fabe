//! The archive's directory, entry by entry: what it claims is checked before a byte of any file is read.

use std::collections::HashSet;

use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};
use touchstone_core::{batch::Method, media::Format};

use super::{Limits, Unusable, name, reason::Reason};

/// The type of a file in its Unix mode, and a regular one. Archives made elsewhere state none.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// How many bytes more than the image the data in the archive may have: deflate adds a little to what it cannot compress.
const DEFLATE_OVERHEAD: u64 = 64 << 10;

/// One line of the directory.
pub(super) struct Listed {
    /// Its name, safe to show.
    pub(super) shown: String,
    /// What it claims to be, if that may be judged.
    pub(super) claim: Result<Claim, Reason>,
}

/// What the directory says about a file that may be judged if it is true.
pub(super) struct Claim {
    pub(super) name: Vec<u8>,
    pub(super) format: Format,
    pub(super) method: Method,
    pub(super) crc32: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    pub(super) header: u64,
    pub(super) has_descriptor: bool,
    pub(super) wayfinder: ZipArchiveEntryWayfinder,
}

/// Reads the whole directory, which must be as long and as large as the archive's end says and no larger than allowed.
pub(super) fn list<R: ReaderAt>(archive: &ZipArchive<R>, limits: &Limits, buffer: &mut [u8]) -> Result<Vec<Listed>, Unusable> {
    if archive.entries_hint() > limits.entries {
        return Err(Unusable::TooManyEntries(limits.entries));
    }
    if archive.eocd_offset().saturating_sub(archive.directory_offset()) > limits.directory_bytes {
        return Err(Unusable::DirectoryTooLarge(limits.directory_bytes));
    }
    let mut names = HashSet::new();
    let mut listed = Vec::new();
    let mut entries = archive.entries(buffer);
    while let Some(record) = entries.next_entry()? {
        if listed.len() as u64 == archive.entries_hint() {
            return Err(Unusable::NotAZip("its directory has more entries than its end counts".into()));
        }
        let name = record.file_path().as_bytes().to_vec();
        let shown = name::shown(&name);
        let claim = if names.insert(name) { claim(&record, archive.directory_offset(), limits) } else { Err(Reason::Duplicate) };
        listed.push(Listed { shown, claim });
    }
    if (listed.len() as u64) < archive.entries_hint() {
        return Err(Unusable::NotAZip("its directory has fewer entries than its end counts".into()));
    }
    Ok(listed)
}

fn claim(record: &ZipFileHeaderRecord<'_>, directory: u64, limits: &Limits) -> Result<Claim, Reason> {
    let path = record.file_path();
    let name = path.as_bytes();
    name::check_path(name)?;
    if !matches!(record.mode().value() & FILE_TYPE, 0 | REGULAR) {
        return Err(Reason::Special);
    }
    let format = name::format(name)?;
    let flags = record.flags();
    if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
        return Err(Reason::Encrypted);
    }
    let method = match record.compression_method() {
        CompressionMethod::STORE => Method::Stored,
        CompressionMethod::DEFLATE => Method::Deflated,
        _ => return Err(Reason::Method),
    };
    let (compressed, size) = (record.compressed_size_hint(), record.uncompressed_size_hint());
    check_sizes(method, compressed, size, limits)?;
    let header = record.local_header_offset();
    if header.checked_add(compressed).is_none_or(|end| end > directory) {
        return Err(Reason::Overlap);
    }
    Ok(Claim {
        name: name.to_vec(),
        format,
        method,
        crc32: record.crc32(),
        compressed,
        size,
        header,
        has_descriptor: flags.has_data_descriptor(),
        wayfinder: record.wayfinder(),
    })
}

fn check_sizes(method: Method, compressed: u64, size: u64, limits: &Limits) -> Result<(), Reason> {
    let (least, most) = (*limits.image_bytes.start(), *limits.image_bytes.end());
    if size < least {
        return Err(Reason::TooSmall(least));
    }
    if size > most {
        return Err(Reason::TooLarge(most));
    }
    match method {
        Method::Stored if compressed != size => Err(Reason::Contradiction),
        Method::Deflated if compressed > size.saturating_add(DEFLATE_OVERHEAD) => Err(Reason::Contradiction),
        Method::Deflated if size / compressed.max(1) > limits.ratio => Err(Reason::Ratio(limits.ratio)),
        _ => Ok(()),
    }
}
