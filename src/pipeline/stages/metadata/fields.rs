//! Where records lie in each format, read into one flat list within bounds.

use touchstone_core::media::Format;

use super::{exif, iptc, png_text, xmp};
use crate::container::{self, marker};

/// Most bytes of one EXIF block, XMP packet, IPTC block or text that are looked at.
pub(super) const LONGEST: usize = 512 * 1024;

/// Most fields of one file that are kept.
const MOST: usize = 1_000;

/// Which kind of record a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
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
pub(super) struct Field {
    pub(super) place: Place,
    /// The standard's name (XMP: without prefix), or the PNG keyword.
    pub(super) name: String,
    pub(super) value: String,
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
    let mut fields = match format {
        Format::Jpeg => jpeg(bytes),
        Format::Png => container::png_chunks(bytes).flat_map(|chunk| png_text::fields(&chunk)).take(MOST).collect(),
        Format::WebP => webp(bytes),
        Format::Tiff => tiff(bytes),
        Format::Gif | Format::Bmp => Vec::new(),
    };
    fields.truncate(MOST);
    fields
}

/// The beginning of a block, as much as is looked at.
pub(super) fn bounded(data: &[u8]) -> &[u8] {
    data.get(..LONGEST).unwrap_or(data)
}

fn jpeg(bytes: &[u8]) -> Vec<Field> {
    container::jpeg_segments(bytes)
        .take_while(|segment| segment.marker != marker::SOS)
        .flat_map(|segment| match segment.marker {
            marker::APP1 => app1(segment.data),
            marker::APP13 => segment.data.strip_prefix(b"Photoshop 3.0\0").map(iptc::fields).unwrap_or_default(),
            marker::COM => vec![Field::new(Place::Comment, "Comment", String::from_utf8_lossy(segment.data))],
            _ => Vec::new(),
        })
        .take(MOST)
        .collect()
}

/// JPEG's first application segment: Exif or XMP, told apart by how it begins.
pub(super) fn app1(data: &[u8]) -> Vec<Field> {
    if let Some(block) = data.strip_prefix(b"Exif\0\0") {
        return exif::fields(block);
    }
    data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0").map(xmp::fields).unwrap_or_default()
}

fn webp(bytes: &[u8]) -> Vec<Field> {
    container::riff_chunks(bytes)
        .flat_map(|chunk| match &chunk.name {
            b"EXIF" => exif::fields(chunk.data),
            b"XMP " => xmp::fields(chunk.data),
            _ => Vec::new(),
        })
        .take(MOST)
        .collect()
}

fn tiff(bytes: &[u8]) -> Vec<Field> {
    const XMP: u16 = 700;
    const IPTC: u16 = 33_723;
    const PHOTOSHOP: u16 = 34_377;
    let beside = container::tiff_entries(bytes).into_iter().flat_map(|(tag, data)| match tag {
        XMP => xmp::fields(data),
        IPTC => iptc::datasets(data),
        PHOTOSHOP => iptc::fields(data),
        _ => Vec::new(),
    });
    exif::tiff_fields(bytes).into_iter().chain(beside).collect()
}
