//! Where records lie in each format, read into one flat list within bounds.

use touchstone_core::media::Format;

use super::{exif, gathered::Gathered, iptc, png_text, xmp};
use crate::container::{self, Chunk, Segment, heif::Heif, marker};

/// Which kind of record a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Exif,
    Xmp,
    Iptc,
    PngText,
    Comment,
}

impl Place {
    /// As people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Exif => "EXIF",
            Self::Xmp => "XMP",
            Self::Iptc => "IPTC",
            Self::PngText => "PNG text",
            Self::Comment => "file comment",
        }
    }
}

/// One named value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) place: Place,
    /// The standard's name (XMP: without prefix), or the PNG keyword.
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Field {
    pub(super) fn new(place: Place, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { place, name: name.into(), value: value.into() }
    }

    /// Whether it is this field of this record.
    pub(super) fn is(&self, place: Place, name: &str) -> bool {
        self.place == place && self.name == name
    }
}

/// The records of a file as fields. Damaged records give what can be read of them.
pub(super) fn gather(bytes: &[u8], format: Format) -> Vec<Field> {
    let mut gathered = Gathered::new();
    let into = &mut gathered;
    match format {
        Format::Jpeg => {
            let header = container::jpeg_segments(bytes).take_while(|segment| segment.marker != marker::SOS);
            each(header, into, jpeg);
        }
        Format::Png => each(container::png_chunks(bytes), into, png_text::gather),
        Format::WebP => each(container::riff_chunks(bytes), into, webp),
        Format::Tiff => tiff(bytes, into),
        Format::Heic | Format::Heif | Format::Avif => heif(bytes, into),
        Format::Svg => between(bytes, b"<metadata", b"</metadata>", into),
        // The packet of the document itself, where it lies uncompressed, as it should.
        Format::Pdf => between(bytes, b"<x:xmpmeta", b"</x:xmpmeta>", into),
        Format::Gif | Format::Bmp => {}
    }
    gathered.into_fields()
}

/// Reads piece after piece until nothing more would be kept.
fn each<T>(pieces: impl Iterator<Item = T>, into: &mut Gathered, read: impl Fn(&T, &mut Gathered)) {
    for piece in pieces {
        if into.is_full() {
            break;
        }
        read(&piece, into);
    }
}

fn jpeg(segment: &Segment<'_>, into: &mut Gathered) {
    match segment.marker {
        marker::APP1 => app1(segment.data, into),
        marker::APP13 => {
            if let Some(resources) = segment.data.strip_prefix(b"Photoshop 3.0\0") {
                iptc::gather(resources, into);
            }
        }
        marker::COM => into.keep_bytes(Place::Comment, "Comment", segment.data),
        _ => {}
    }
}

/// JPEG's first application segment: Exif or XMP, told apart by how it begins.
pub(super) fn app1(data: &[u8], into: &mut Gathered) {
    if let Some(block) = data.strip_prefix(b"Exif\0\0") {
        exif::gather(block, into);
    } else if let Some(packet) = data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
        xmp::gather(packet, into);
    }
}

fn webp(chunk: &Chunk<'_>, into: &mut Gathered) {
    match &chunk.name {
        b"EXIF" => exif::gather(chunk.data, into),
        b"XMP " => xmp::gather(chunk.data, into),
        _ => {}
    }
}

/// Records are items of their own (ISO/IEC 23008-12 §A.2).
fn heif(bytes: &[u8], into: &mut Gathered) {
    /// Most items that are looked at: each may be the whole file over again.
    const RECORDS: usize = 8;
    let heif = Heif::read(bytes);
    let records = heif.items().iter().filter(|item| matches!(&item.kind, b"Exif" | b"mime")).take(RECORDS);
    each(records, into, |item, into| match (&item.kind, item.content_type.as_slice()) {
        (b"Exif", _) => {
            // Four bytes say how far behind them the block begins.
            if let Some(data) = heif.data(item)
                && let Some((skipped, rest)) = data.split_first_chunk()
                && let Some(block) = usize::try_from(u32::from_be_bytes(*skipped)).ok().and_then(|skipped| rest.get(skipped..))
            {
                exif::gather(block, into);
            }
        }
        (b"mime", b"application/rdf+xml") => {
            if let Some(data) = heif.data(item) {
                xmp::gather(&data, into);
            }
        }
        _ => {}
    });
}

/// The first packet that stands as text in a file.
fn between(bytes: &[u8], start: &[u8], end: &[u8], into: &mut Gathered) {
    let find = |within: &[u8], what: &[u8]| within.windows(what.len()).position(|window| window == what);
    if let Some(packet) = find(bytes, start).and_then(|at| bytes.get(at..)) {
        xmp::gather(packet.get(..find(packet, end).unwrap_or(packet.len())).unwrap_or(packet), into);
    }
}

fn tiff(bytes: &[u8], into: &mut Gathered) {
    const XMP: u16 = 700;
    const IPTC: u16 = 33_723;
    const PHOTOSHOP: u16 = 34_377;
    exif::gather_tiff(bytes, into);
    for entry in container::first_of_each(container::tiff_entries(bytes), &[XMP, IPTC, PHOTOSHOP]) {
        match entry.tag {
            XMP => xmp::gather(entry.data, into),
            IPTC => iptc::gather_datasets(entry.data, into),
            _ => iptc::gather(entry.data, into),
        }
    }
}
