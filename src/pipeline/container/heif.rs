//! HEIF (HEIC, AVIF): boxes, and the items that the `meta` box lists: pictures, their properties, and records beside them.
//!
//! Everything that a file can repeat is counted up to a limit: items, properties, references, extents. An item's bytes never add up
//! to more than the file, however its extents overlap.

use std::borrow::Cow;

mod read;

/// Most items, properties or references of one file that are read.
const MOST: usize = 4_096;

/// Most pieces that one item may lie in.
const MOST_EXTENTS: usize = 64;

/// The identity of Content Credentials in a `uuid` box.
const C2PA: [u8; 16] = [0xD8, 0xFE, 0xC3, 0xD6, 0x1B, 0x0E, 0x48, 0x3C, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7E, 0xC4, 0x81];

/// A box: its four-letter name and its content.
pub(crate) type Box<'a> = super::Chunk<'a>;

/// One thing that the file holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    /// How others refer to it.
    pub(crate) id: u32,
    /// Such as `hvc1`, `av01`, `grid`, `Exif`, `mime`.
    pub(crate) kind: [u8; 4],
    hidden: bool,
    /// For `mime` items.
    pub(crate) content_type: Vec<u8>,
    /// Indexes into the file's properties, from 1, in the order in which they apply.
    properties: Vec<usize>,
    extents: Vec<Extent>,
    /// Whether its extents lie in `idat` and not in the file.
    inside: bool,
}

/// Where a piece of an item lies; a length of 0 reaches to the end.
#[derive(Debug, Clone, Copy)]
struct Extent {
    offset: u64,
    length: u64,
}

/// One item points to another.
#[derive(Debug, Clone, Copy)]
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: u32,
}

/// The items of one file.
#[derive(Debug, Default)]
pub(crate) struct Heif<'a> {
    file: &'a [u8],
    idat: &'a [u8],
    primary: Option<u32>,
    items: Vec<Item>,
    properties: Vec<Box<'a>>,
    references: Vec<Reference>,
}

impl<'a> Heif<'a> {
    /// What can be read of a file's items; a damaged box ends the walk of its list.
    pub(crate) fn read(file: &'a [u8]) -> Self {
        read::file(file)
    }

    /// The item that viewers show.
    pub(crate) fn primary(&self) -> Option<&Item> {
        self.primary.and_then(|id| self.item(id))
    }

    /// An item by its id.
    pub(crate) fn item(&self, id: u32) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// Every item, in the file's order.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// An item's properties in the order in which they apply.
    pub(crate) fn properties(&self, item: &Item) -> impl Iterator<Item = &Box<'a>> {
        item.properties.iter().filter_map(|index| self.properties.get(index.checked_sub(1)?))
    }

    /// What an item points to with references of a kind, in order.
    pub(crate) fn targets(&self, kind: &[u8; 4], from: u32) -> impl Iterator<Item = u32> {
        self.references.iter().filter(move |reference| &reference.kind == kind && reference.from == from).map(|reference| reference.to)
    }

    /// The items that point to one with references of a kind.
    pub(crate) fn sources(&self, kind: &[u8; 4], to: u32) -> impl Iterator<Item = u32> {
        self.references.iter().filter(move |reference| &reference.kind == kind && reference.to == to).map(|reference| reference.from)
    }

    /// An item's bytes; `None` when it reaches past what holds it, or has none.
    pub(crate) fn data(&self, item: &Item) -> Option<Cow<'a, [u8]>> {
        let whole = if item.inside { self.idat } else { self.file };
        let piece = |extent: &Extent| {
            let rest = whole.get(usize::try_from(extent.offset).ok()?..)?;
            if extent.length == 0 { Some(rest) } else { rest.get(..usize::try_from(extent.length).ok()?) }
        };
        if let [extent] = item.extents.as_slice() {
            return piece(extent).map(Cow::Borrowed);
        }
        let mut data = Vec::new();
        for extent in &item.extents {
            let piece = piece(extent)?;
            if data.len() + piece.len() > whole.len() {
                return None;
            }
            data.extend_from_slice(piece);
        }
        (!data.is_empty()).then_some(Cow::Owned(data))
    }

    /// Pictures that stand on their own (neither hidden, nor a part, a thumbnail or an auxiliary of another), or the frames of the
    /// longest track if there are more: a sequence or burst.
    pub(crate) fn frames(&self) -> usize {
        let picture = |item: &&Item| matches!(&item.kind, b"hvc1" | b"av01" | b"grid" | b"iovl" | b"iden" | b"jpeg" | b"unci");
        let alone = |item: &&Item| {
            let id = item.id;
            !self
                .references
                .iter()
                .any(|one| (one.to == id && &one.kind == b"dimg") || (one.from == id && matches!(&one.kind, b"thmb" | b"auxl")))
        };
        let stills = self.items.iter().filter(|item| !item.hidden).filter(picture).filter(alone).count();
        stills.max(read::longest_track(self.file))
    }
}

/// Boxes beside each other, each whole.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Box<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (size, body) = rest.split_first_chunk::<4>()?;
        let (name, mut body) = body.split_first_chunk::<4>()?;
        let length = match u32::from_be_bytes(*size) {
            0 => body.len(),
            1 => {
                let (long, after) = body.split_first_chunk::<8>()?;
                body = after;
                usize::try_from(u64::from_be_bytes(*long)).ok()?.checked_sub(16)?
            }
            size => usize::try_from(size).ok()?.checked_sub(8)?,
        };
        let data = body.get(..length)?;
        rest = &body[length..];
        Some(Box { name: *name, data })
    })
}

/// Whether Content Credentials lie in the file.
pub(crate) fn has_c2pa(file: &[u8]) -> bool {
    boxes(file).take(MOST).any(|one| &one.name == b"uuid" && one.data.starts_with(&C2PA))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        [&u32::try_from(content.len() + 8).expect("short").to_be_bytes(), &name[..], &content].concat()
    }

    /// Two pictures, the second a thumbnail of the first, and a record; the first lies in `idat`, in two pieces.
    fn file() -> Vec<u8> {
        let entry = |id: u8, kind: &[u8; 4]| one(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind, b"\0"]);
        let infos = [entry(1, b"av01"), entry(2, b"av01"), entry(3, b"Exif")].concat();
        let places = [
            &[1, 0, 0, 0, 0x11, 0, 0, 3][..],
            &[0, 1, 0, 1, 0, 0, 0, 2, 4, 2, 0, 3],
            &[0, 2, 0, 0, 0, 0, 0, 1, 4, 4],
            &[0, 3, 0, 0, 0, 0, 0, 1, 200, 4],
        ];
        let properties = one(
            b"iprp",
            &[&one(b"ipco", &[&one(b"irot", &[&[1]]), &one(b"imir", &[&[0]])]), &one(b"ipma", &[&[0; 4], &[0, 0, 0, 1, 0, 1, 2, 0x82, 1]])],
        );
        let meta = one(
            b"meta",
            &[
                &[0; 4],
                &one(b"pitm", &[&[0, 0, 0, 0, 0, 1]]),
                &one(b"iinf", &[&[0, 0, 0, 0, 0, 3], &infos]),
                &one(b"iloc", &[&places.concat()]),
                &one(b"iref", &[&[0; 4], &one(b"thmb", &[&[0, 2, 0, 1, 0, 1]])]),
                &properties,
                &one(b"idat", &[b"abcdef"]),
            ],
        );
        [one(b"ftyp", &[b"avif\0\0\0\0"]), meta].concat()
    }

    #[test]
    fn items_have_their_bytes_properties_and_relations() {
        let file = file();
        let heif = Heif::read(&file);
        let primary = heif.primary().expect("named");
        assert_eq!((primary.id, &primary.kind), (1, b"av01"));
        assert_eq!(heif.data(primary).as_deref(), Some(&b"efabc"[..]), "in the order of its pieces");
        assert_eq!(heif.properties(primary).map(|one| one.name).collect::<Vec<_>>(), [*b"imir", *b"irot"]);
        assert_eq!((heif.sources(b"thmb", 1).collect::<Vec<_>>(), heif.frames()), (vec![2], 1), "a thumbnail is no picture of its own");
        assert_eq!(heif.data(heif.item(2).expect("there")).as_deref(), Some(&b"ftyp"[..]));
        assert_eq!(heif.data(heif.item(3).expect("there")).map(|data| data.len()), Some(4));
    }

    #[test]
    fn no_cut_and_no_flipped_byte_panics_or_grows() {
        let whole = file();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xFF;
            for file in [&flipped[..], &whole[..at]] {
                let heif = Heif::read(file);
                assert!(heif.items().iter().filter_map(|item| heif.data(item)).all(|data| data.len() <= file.len()));
            }
        }
    }
}
