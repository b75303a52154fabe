//! TIFF and BigTIFF, either byte order: the chain of directories, and the first one's entries.

use std::collections::HashSet;

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
        let Some(next) = layout.directory(at).and_then(|(entries, start)| layout.pointer(start + entries * layout.entry_size())) else {
            break;
        };
        count += 1;
        at = next;
    }
    count
}

/// Tag and raw value of every entry in the first directory, as far as they lie inside the file.
pub(crate) fn entries(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let Some((layout, at)) = Layout::read(bytes) else { return Vec::new() };
    let Some((entries, start)) = layout.directory(at) else { return Vec::new() };
    (0..entries).filter_map(|index| layout.entry(start + index * layout.entry_size())).collect()
}

impl<'a> Layout<'a> {
    /// The layout and where the first directory lies.
    fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let little = bytes.starts_with(b"II");
        let mut layout = Self { bytes, little, big_tiff: false };
        layout.big_tiff = layout.number(2, 2)? == 43;
        let first = layout.pointer(if layout.big_tiff { 8 } else { 4 })?;
        Some((layout, first))
    }

    /// A number of 1–8 bytes.
    fn number(&self, at: usize, size: usize) -> Option<usize> {
        let raw = self.bytes.get(at..at.checked_add(size)?)?;
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

    /// How many entries a directory has, and where they start. The directory must lie inside the file, so the count is bounded by its size.
    fn directory(&self, at: usize) -> Option<(usize, usize)> {
        let size = if self.big_tiff { 8 } else { 2 };
        let entries = self.number(at, size)?;
        let start = at + size;
        let end = start.checked_add(entries.checked_mul(self.entry_size())?)?;
        (end <= self.bytes.len()).then_some((entries, start))
    }

    fn entry(&self, at: usize) -> Option<(u16, &'a [u8])> {
        let tag = u16::try_from(self.number(at, 2)?).ok()?;
        let word = if self.big_tiff { 8 } else { 4 };
        let unit = match self.number(at + 2, 2)? {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let length = self.pointer(at + 4)?.checked_mul(unit)?;
        let place = at + 4 + word;
        let start = if length <= word { place } else { self.pointer(place)? };
        Some((tag, self.bytes.get(start..start.checked_add(length)?)?))
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
        assert_eq!(entries(&file), [(0x0112, &b"\0\x06"[..]), (700, b"<xmp>")]);
        file.truncate(40);
        assert_eq!(entries(&file).len(), 1, "a value past the end is left out");
    }
}
