//! One version of a stored object, read here and there as an archive's parser likes it: each look is a ranged read.

use std::{cell::RefCell, io};

use bytes::Bytes;
use rawzip::ReaderAt;
use tokio::runtime::Handle;
use touchstone_blobs::{Blobs, Stored};

/// Bytes that are read at once where fewer are asked for: an entry's header and the first bytes of its data are one look.
const AHEAD: u64 = 8192;

/// Blocks while it reads: for threads that may. Keeps the last piece, so that a parser's small steps cost one read.
pub(crate) struct Ranges {
    blobs: Blobs,
    object_key: String,
    stored: Stored,
    runtime: Handle,
    last: RefCell<(u64, Bytes)>,
}

impl Ranges {
    /// Must be made within the runtime that the reads shall run on.
    pub(crate) fn new(blobs: Blobs, object_key: String, stored: Stored) -> Self {
        Self { blobs, object_key, stored, runtime: Handle::current(), last: RefCell::new((0, Bytes::new())) }
    }

    /// The bytes of `offset..end`, from the piece at hand or from the store.
    fn piece(&self, offset: u64, end: u64) -> io::Result<Bytes> {
        let mut last = self.last.borrow_mut();
        let (start, bytes) = &*last;
        if offset >= *start && end <= start + bytes.len() as u64 {
            return Ok(bytes.slice((offset - start) as usize..(end - start) as usize));
        }
        let range = offset..end.max(offset + AHEAD).min(self.stored.size);
        let read = self.runtime.block_on(self.blobs.range(&self.object_key, &self.stored.etag, range)).map_err(io::Error::other)?;
        let read = read.ok_or_else(|| io::Error::other(touchstone_blobs::BlobError::Changed(self.object_key.clone())))?;
        let piece = read.slice(..read.len().min((end - offset) as usize));
        *last = (offset, read);
        Ok(piece)
    }
}

impl ReaderAt for Ranges {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() || offset >= self.stored.size {
            return Ok(0);
        }
        let piece = self.piece(offset, offset.saturating_add(buffer.len() as u64).min(self.stored.size))?;
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}
