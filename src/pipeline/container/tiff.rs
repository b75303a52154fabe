//! TIFF and BigTIFF, either byte order: the chain of directories, and the entries of the first one and of EXIF's below it.
//!
//! Entries are walked, never collected: a file can repeat one thousands of times, each over the same bytes.

use std::collections::HashSet;

/// The tag that points to EXIF's own directory.
const EXIF: u16 = 0x8769;

/// One entry of a directory: a value that lies inside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) tag: u16,
    /// What its values are, as the format numbers them.
    pub(crate) kind: u16,
    pub(crate) data: &'a [u8],
}

impl Entry<'_> {
    pub(crate) const BYTE: u16 = 1;
    pub(crate) const ASCII: u16 = 2;
    pub(crate) const UNDEFINED: u16 = 7;
}

/// How numbers lie in this file.
#[derive(Clone, Copy)]
struct Layout<'a> {
    bytes: &'a [u8],
    little: bool,
    big_tiff: bool,
}

/// How many pages there are, counted no further than `most + 1`. A chain that comes back on itself ends there.
pub(crate) fn pages(bytes: &[u8], most: u32) -> u32 {
    let Some((layout, mut at)) = Layout::read(bytes) else { return 0 };
    let mut seen = HashSet::new();
    let mut count = 0;
    while count <= most && at != 0 && seen.insert(at) {
        let Some(next) = layout.directory(at).and_then(|(_, end)| layout.pointer(end)) else {
            break;
        };
        count += 1;
        at = next;
    }
    count
}

/// Every entry of the first directory, as far as they lie inside the file.
pub(crate) fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    Layout::read(bytes).into_iter().flat_map(|(layout, at)| layout.entries(at))
}

/// Every entry of the EXIF directory that the first directory's first pointer leads to.
pub(crate) fn exif_entries(bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let below = Layout::read(bytes).and_then(|(layout, at)| {
        let pointer = layout.entries(at).find(|entry| entry.tag == EXIF)?;
        Some((layout, layout.value(pointer.data)?))
    });
    below.into_iter().flat_map(|(layout, at)| layout.entries(at))
}

/// The first entry of each of these tags, and so never more than there are tags.
pub(crate) fn first_of_each<'a>(entries: impl Iterator<Item = Entry<'a>>, tags: &[u16]) -> Vec<Entry<'a>> {
    let mut found: Vec<Entry<'a>> = Vec::new();
    for entry in entries.filter(|entry| tags.contains(&entry.tag)) {
        if found.iter().all(|other| other.tag != entry.tag) {
            found.push(entry);
        }
    }
    found
}

impl<'a> Layout<'a> {
    /// The layout and where the first directory lies.
    fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let little = bytes.starts_with(b"II");
        let mut layout = Self { bytes, little, big_tiff: false };
        layout.big_tiff = match layout.number(2, 2).filter(|_| little || bytes.starts_with(b"MM"))? {
            42 => false,
            43 => true,
            _ => return None,
        };
        let first = layout.pointer(if layout.big_tiff { 8 } else { 4 })?;
        Some((layout, first))
    }

    /// A number of 1–8 bytes.
    fn number(&self, at: usize, size: usize) -> Option<usize> {
        self.value(self.bytes.get(at..at.checked_add(size)?)?)
    }

    /// The number that these bytes are; none if it is larger than any.
    fn value(&self, raw: &[u8]) -> Option<usize> {
        let raw = (raw.len() <= 8).then_some(raw)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        let number = if self.little { raw.iter().rev().fold(0, add) } else { raw.iter().fold(0, add) };
        usize::try_from(number).ok()
    }

    fn pointer(&self, at: usize) -> Option<usize> {
        self.number(at, if self.big_tiff { 8 } else { 4 })
    }

    const fn entry_size(&self) -> usize {
        if self.big_tiff { 20 } else { 12 }
    }

    /// Where a directory's entries start and, as its count says, end: that may be past the end of the file.
    fn directory(&self, at: usize) -> Option<(usize, usize)> {
        let size = if self.big_tiff { 8 } else { 2 };
        let entries = self.number(at, size)?;
        let start = at + size;
        Some((start, start.checked_add(entries.checked_mul(self.entry_size())?)?))
    }

    /// The entries of the directory here that lie inside the file.
    fn entries(self, at: usize) -> impl Iterator<Item = Entry<'a>> {
        let (start, end) = self.directory(at).unwrap_or_default();
        let whole = self.bytes.get(start..end.min(self.bytes.len())).unwrap_or_default().len() / self.entry_size();
        (0..whole).filter_map(move |index| self.entry(start + index * self.entry_size()))
    }

    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let tag = u16::try_from(self.number(at, 2)?).ok()?;
        let word = if self.big_tiff { 8 } else { 4 };
        let kind = u16::try_from(self.number(at + 2, 2)?).ok()?;
        let unit = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let length = self.pointer(at + 4)?.checked_mul(unit)?;
        let place = at + 4 + word;
        let start = if length <= word { place } else { self.pointer(place)? };
        Some(Entry { tag, kind, data: self.bytes.get(start..start.checked_add(length)?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian TIFF of empty directories: the one at each offset points to the next.
    fn chain(links: &[u32]) -> Vec<u8> {
        let mut file = b"II\x2A\0\x08\0\0\0".to_vec();
        for next in links {
            file.extend([0, 0]);
            file.extend(next.to_le_bytes());
        }
        file
    }

    #[test]
    fn pages_are_counted_and_loops_end() {
        assert_eq!(pages(&chain(&[14, 20, 0]), 100), 3);
        assert_eq!(pages(&chain(&[14, 8]), 100), 2);
        assert_eq!(pages(&chain(&[14, 20, 26, 0]), 2), 3);
        assert_eq!(pages(&chain(&[4_000_000_000]), 100), 1);
    }

    #[test]
    fn values_are_found_in_place_and_elsewhere() {
        let mut file = b"MM\0\x2A\0\0\0\x08\0\x02".to_vec();
        file.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        file.extend(b"\x02\xBC\0\x01\0\0\0\x05\0\0\0\x26");
        file.extend(b"\0\0\0\0<xmp>");
        let values: Vec<_> = entries(&file).map(|entry| (entry.tag, entry.data)).collect();
        assert_eq!(values, [(0x0112, &b"\0\x06"[..]), (700, b"<xmp>")]);
        file.truncate(40);
        assert_eq!(entries(&file).count(), 1, "a value past the end is left out");
        file.truncate(30);
        assert_eq!(entries(&file).count(), 1, "an entry past the end is left out");
        file[..4].copy_from_slice(b"MMMM");
        assert_eq!(entries(&file).count(), 0, "no TIFF");
    }

    #[test]
    fn exif_lies_one_directory_below_and_repeated_entries_count_once() {
        let mut file = b"II\x2A\0\x08\0\0\0\x02\0".to_vec();
        for (tag, at) in [(EXIF, 38_u32), (EXIF, 8)] {
            file.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
            file.extend([1_u32.to_le_bytes(), at.to_le_bytes()].concat());
        }
        file.extend([0; 4]);
        file.extend(b"\x03\0");
        for text in [b"one\0", b"two\0", b"six\0"] {
            file.extend(b"\x86\x92\x02\0\x04\0\0\0");
            file.extend(text);
        }
        assert_eq!(exif_entries(&file).count(), 3);
        let first = first_of_each(exif_entries(&file), &[0x9286, 0x9287]);
        assert_eq!(first, [Entry { tag: 0x9286, kind: Entry::ASCII, data: b"one\0" }]);
    }

    #[test]
    fn a_directory_that_claims_more_entries_than_there_are_bytes_is_walked_to_the_end_of_the_file() {
        let mut file = b"II\x2B\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
        file.extend((u64::MAX / 32).to_le_bytes());
        file.extend(b"\xBC\x02\x01\0\x01\0\0\0\0\0\0\0<\0\0\0\0\0\0\0");
        assert_eq!(entries(&file).count(), 1);
        assert_eq!(pages(&file, 10), 0);
    }
}
