//! Reading the boxes of `meta` into items. Field widths differ by the boxes' versions (ISO/IEC 14496-12 §8.11, 23008-12 §9.3).

use super::{Box, Extent, Heif, Item, MOST, MOST_EXTENTS, Reference, boxes};

/// Most lists of associations: there may be one for each width of their fields, which are four.
const MOST_LISTS: usize = 8;

/// Numbers taken from the front of a box's content.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// A big-endian number of `bytes` bytes, 0 to 8.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(number.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn u32(&mut self, bytes: usize) -> Option<u32> {
        u32::try_from(self.number(bytes)?).ok()
    }

    fn name(&mut self) -> Option<[u8; 4]> {
        let (name, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*name)
    }

    /// Version and flags.
    fn full(content: &'a [u8]) -> Option<(u64, u64, Self)> {
        let mut cursor = Self(content);
        Some((cursor.number(1)?, cursor.number(3)?, cursor))
    }
}

pub(super) fn file(file: &[u8]) -> Heif<'_> {
    let mut heif = Heif { file, ..Heif::default() };
    let Some(meta) = boxes(file).take(MOST).find(|one| &one.name == b"meta") else { return heif };
    let children: Vec<Box<'_>> = boxes(meta.data.get(4..).unwrap_or_default()).take(MOST).collect();
    // The standard knows one of each; a file that repeats them would have every list read again.
    let only = |name: &[u8; 4]| children.iter().find(|one| &one.name == name).map_or(&[][..], |one| one.data);
    // Items first: locations and properties are hung on them, whatever the order of the boxes.
    information(only(b"iinf"), &mut heif);
    heif.primary = primary(only(b"pitm"));
    heif.idat = only(b"idat");
    // What a list breaks off at, the rest does without.
    let _ = locations(only(b"iloc"), &mut heif);
    let _ = references(only(b"iref"), &mut heif);
    properties(only(b"iprp"), &mut heif);
    heif
}

fn primary(content: &[u8]) -> Option<u32> {
    let (version, _, mut rest) = Cursor::full(content)?;
    rest.u32(if version == 0 { 2 } else { 4 })
}

fn information(content: &[u8], heif: &mut Heif<'_>) {
    let skipped = if content.first() == Some(&0) { 6 } else { 8 };
    let entries = boxes(content.get(skipped..).unwrap_or_default()).take(MOST);
    heif.items.extend(entries.filter(|one| &one.name == b"infe").filter_map(|one| entry(one.data)));
}

fn entry(content: &[u8]) -> Option<Item> {
    let (version, flags, mut rest) = Cursor::full(content)?;
    let id = rest.u32(match version {
        2 => 2,
        3 => 4,
        _ => return None,
    })?;
    rest.number(2)?;
    let kind = rest.name()?;
    // A name and, for `mime`, a content type, each ended by zero.
    let mut texts = rest.0.split(|byte| *byte == 0).skip(1);
    let content_type = if &kind == b"mime" { texts.next().unwrap_or_default().to_vec() } else { Vec::new() };
    Some(Item { id, kind, hidden: flags & 1 == 1, content_type, ..Item::default() })
}

fn locations(content: &[u8], heif: &mut Heif<'_>) -> Option<()> {
    let (version, _, mut rest) = Cursor::full(content)?;
    let widths = rest.number(2)?;
    let width = |shift: u64| usize::try_from(widths >> shift & 15).unwrap_or(0).min(8);
    let (offset, length, base) = (width(12), width(8), width(4));
    let index = if version == 0 { 0 } else { width(0) };
    let id_width = if version < 2 { 2 } else { 4 };
    for _ in 0..rest.u32(id_width)?.min(MOST as u32) {
        let id = rest.u32(id_width)?;
        let inside = version > 0 && rest.number(2)? & 15 == 1;
        rest.number(2)?;
        let start = rest.number(base)?;
        let count = usize::try_from(rest.number(2)?).ok()?;
        let mut extents = Vec::new();
        for _ in 0..count {
            rest.number(index)?;
            let extent = Extent { offset: start.checked_add(rest.number(offset)?)?, length: rest.number(length)? };
            if extents.len() < MOST_EXTENTS {
                extents.push(extent);
            }
        }
        if let Some(item) = heif.items.iter_mut().find(|item| item.id == id).filter(|_| count <= MOST_EXTENTS) {
            (item.extents, item.inside) = (extents, inside);
        }
    }
    Some(())
}

fn references(content: &[u8], heif: &mut Heif<'_>) -> Option<()> {
    let (version, _, rest) = Cursor::full(content)?;
    let width = if version == 0 { 2 } else { 4 };
    for one in boxes(rest.0).take(MOST) {
        let mut rest = Cursor(one.data);
        let from = rest.u32(width)?;
        for _ in 0..rest.number(2)? {
            let to = rest.u32(width)?;
            if heif.references.len() == MOST {
                return None;
            }
            heif.references.push(Reference { kind: one.name, from, to });
        }
    }
    Some(())
}

fn properties<'a>(content: &'a [u8], heif: &mut Heif<'a>) {
    let parts: Vec<Box<'_>> = boxes(content).take(MOST_LISTS).collect();
    if let Some(all) = parts.iter().find(|one| &one.name == b"ipco") {
        heif.properties = boxes(all.data).take(MOST).collect();
    }
    for one in parts.iter().filter(|one| &one.name == b"ipma") {
        let _ = associations(one.data, heif);
    }
}

fn associations(content: &[u8], heif: &mut Heif<'_>) -> Option<()> {
    let (version, flags, mut rest) = Cursor::full(content)?;
    let (id_width, wide) = (if version == 0 { 2 } else { 4 }, flags & 1 == 1);
    for _ in 0..rest.u32(4)?.min(MOST as u32) {
        let id = rest.u32(id_width)?;
        let count = rest.number(1)?;
        // The highest bit says that a reader must understand the property.
        let (bytes, mask) = if wide { (2, 0x7FFF) } else { (1, 0x7F) };
        let index = |_| usize::try_from(rest.number(bytes)? & mask).ok();
        let indexes = (0..count).map(index).collect::<Option<Vec<_>>>()?;
        if let Some(item) = heif.items.iter_mut().find(|item| item.id == id) {
            item.properties = indexes;
        }
    }
    Some(())
}

/// Samples of the track that has most.
pub(super) fn longest_track(file: &[u8]) -> usize {
    fn inside<'a>(parent: Option<Box<'a>>, name: &'static [u8; 4]) -> Option<Box<'a>> {
        boxes(parent?.data).take(MOST).find(|one| &one.name == name)
    }
    let moov = boxes(file).take(MOST).find(|one| &one.name == b"moov");
    let tracks = moov.map(|moov| boxes(moov.data).take(MOST).filter(|one| &one.name == b"trak")).into_iter().flatten();
    let samples = |track| {
        let table = [b"mdia", b"minf", b"stbl", b"stsz"].into_iter().fold(Some(track), inside)?;
        // Version and flags, the size that all share, the count.
        Some(u32::from_be_bytes(*table.data.get(8..12)?.first_chunk()?))
    };
    tracks.filter_map(samples).max().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}
