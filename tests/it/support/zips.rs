//! ZIP archives written byte by byte, so that every field can lie. Shared with the unit tests of the archive policy.
#![allow(dead_code, reason = "the suite and the crate's own tests each use a part of it")]

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// The bit of the flags that says: encrypted.
pub(crate) const ENCRYPTED: u16 = 1;
/// The bit of the flags that says: sizes and checksum follow the data.
pub(crate) const DESCRIPTOR: u16 = 8;
/// "Made on Unix", as the directory says it.
const UNIX: u16 = 3 << 8 | 20;

/// One file, as the directory and its own header tell of it.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    /// The name in its own header, where that differs.
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    /// The size that is claimed; in the file's own header too, unless that differs.
    pub(crate) size: u32,
    pub(crate) local_size: Option<u32>,
    /// The Unix mode.
    pub(crate) mode: u32,
    /// The size of the data that is claimed, where that differs.
    pub(crate) compressed: Option<u32>,
    /// Where its header is said to lie, where that differs.
    pub(crate) offset: Option<u32>,
    /// As it lies in the archive.
    pub(crate) data: Vec<u8>,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A raw deflate stream.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

impl File {
    /// As cameras' pictures are packed: as they are.
    pub(crate) fn stored(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let data = bytes.into();
        let size = u32::try_from(data.len()).expect("a small file");
        Self {
            name: name.into(),
            local_name: None,
            method: 0,
            flags: 0,
            crc: crc(&data),
            size,
            local_size: None,
            mode: 0o100_644,
            compressed: None,
            offset: None,
            data,
        }
    }

    pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Self {
        let size = u32::try_from(bytes.len()).expect("a small file");
        Self { method: 8, crc: crc(bytes), size, ..Self::stored(name, deflate(bytes)) }
    }

    /// As programs pack that write without going back: sizes and checksum follow the data.
    pub(crate) fn streamed(name: &str, bytes: &[u8]) -> Self {
        Self { flags: DESCRIPTOR, ..Self::deflated(name, bytes) }
    }

    fn fixed_part(&self, name: &[u8], size: u32, in_header: bool) -> Vec<u8> {
        let later = in_header && self.flags & DESCRIPTOR != 0;
        let or_later = |value: u32| if later { 0 } else { value };
        let mut bytes = Vec::new();
        for half in [20, self.flags, self.method, 0, 0x5A21] {
            bytes.extend(half.to_le_bytes());
        }
        let compressed = self.compressed.unwrap_or(self.data.len() as u32);
        for word in [self.crc, compressed, size] {
            bytes.extend(or_later(word).to_le_bytes());
        }
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes
    }

    fn header(&self) -> Vec<u8> {
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        [&b"PK\x03\x04"[..], &self.fixed_part(name, self.local_size.unwrap_or(self.size), true), name].concat()
    }

    fn directory_entry(&self, offset: u32) -> Vec<u8> {
        let mut bytes = [&b"PK\x01\x02"[..], &UNIX.to_le_bytes(), &self.fixed_part(&self.name, self.size, false)].concat();
        bytes.extend([0; 6]);
        bytes.extend((self.mode << 16).to_le_bytes());
        bytes.extend(self.offset.unwrap_or(offset).to_le_bytes());
        bytes.extend(&self.name);
        bytes
    }
}

/// The archive of these files.
pub(crate) fn archive(files: &[File]) -> Vec<u8> {
    archive_counting(files, files.len() as u16)
}

/// The archive of these files, whose end counts `count` of them.
pub(crate) fn archive_counting(files: &[File], count: u16) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        directory.extend(file.directory_entry(bytes.len() as u32));
        bytes.extend(file.header());
        bytes.extend(&file.data);
        if file.flags & DESCRIPTOR != 0 {
            bytes.extend(b"PK\x07\x08");
            for word in [file.crc, file.data.len() as u32, file.size] {
                bytes.extend(word.to_le_bytes());
            }
        }
    }
    let end = end(count, directory.len() as u32, bytes.len() as u32);
    [bytes, directory, end].concat()
}

/// The record at an archive's end.
pub(crate) fn end(count: u16, directory: u32, offset: u32) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06\0\0\0\0".to_vec();
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend([directory.to_le_bytes(), offset.to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}

/// The same archive with a ZIP64 end that counts and places whatever it likes.
pub(crate) fn with_zip64_end(archive: &[u8], count: u64, directory: u64, offset: u64) -> Vec<u8> {
    let (before, _) = archive.split_at(archive.len() - 22);
    let mut bytes = before.to_vec();
    let place = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [count, count, directory, offset] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(place.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(end(u16::MAX, u32::MAX, u32::MAX));
    bytes
}
