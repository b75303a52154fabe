//! File formats: which extension means which content type, and what the first bytes of a file say it really is.
//!
//! Names lie, bytes do not: an upload is accepted by its extension (the client must know early) and believed by its magic.

mod sniff;

use serde::{Deserialize, Serialize};

/// An image format that Touchstone can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, in any wrapper (JFIF, Exif).
    Jpeg,
    /// PNG, animated or not.
    Png,
    /// WebP, lossy, lossless or animated.
    WebP,
    /// GIF, animated or not.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF, either byte order, one page or many.
    Tiff,
    /// HEIF that holds HEVC pictures, as phones write it.
    Heic,
    /// HEIF whose brand names no codec. Names and files mix it up with HEIC freely.
    Heif,
    /// HEIF that holds AV1 pictures.
    Avif,
    /// A drawing; it is rasterised before it is judged.
    Svg,
    /// A document; its first picture is judged, or its first page.
    Pdf,
}

/// Every image extension that is accepted, lower case, with its format. The order is the one shown to users.
pub const IMAGE_EXTENSIONS: [(&str, Format); 14] = [
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("jfif", Format::Jpeg),
    ("png", Format::Png),
    ("webp", Format::WebP),
    ("heic", Format::Heic),
    ("heif", Format::Heif),
    ("avif", Format::Avif),
    ("gif", Format::Gif),
    ("bmp", Format::Bmp),
    ("tiff", Format::Tiff),
    ("tif", Format::Tiff),
    ("svg", Format::Svg),
    ("pdf", Format::Pdf),
];

/// How many leading bytes [`Format::sniff`] needs to decide: a drawing may begin with a long comment.
pub const SNIFF_BYTES: usize = 8 * 1024;

impl Format {
    /// The format that a file extension names, any letter case; `None` when it is not accepted.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        IMAGE_EXTENSIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(extension)).map(|(_, format)| *format)
    }

    /// The format that the first bytes of a file show; `None` when they fit none. [`SNIFF_BYTES`] bytes are enough.
    #[must_use]
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'I', b'I', 0x2A | 0x2B, 0x00, ..] | [b'M', b'M', 0x00, 0x2A | 0x2B, ..] => Some(Self::Tiff),
            [b'B', b'M', ..] => Some(Self::Bmp),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => sniff::heif(head),
            _ => sniff::text(head),
        }
    }

    /// Whether a file of the format `found` may carry this format's extension. Phones and tools name HEIF files either way.
    #[must_use]
    pub fn agrees_with(self, found: Self) -> bool {
        let heif = |format| matches!(format, Self::Heic | Self::Heif);
        self == found || (heif(self) && heif(found))
    }

    /// The one content type that an upload of this format must carry.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Heic => "image/heic",
            Self::Heif => "image/heif",
            Self::Avif => "image/avif",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
        }
    }

    /// The name people use, in upper case where it is an abbreviation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Heic => "HEIC",
            Self::Heif => "HEIF",
            Self::Avif => "AVIF",
            Self::Svg => "SVG",
            Self::Pdf => "PDF",
        }
    }
}

/// What an upload may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadKind {
    /// One image.
    Image(Format),
    /// A ZIP archive of images.
    Zip,
}

impl UploadKind {
    /// The kind that a file name's extension stands for; `None` when the name has none or it is not accepted.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        if extension.eq_ignore_ascii_case("zip") {
            return Some(Self::Zip);
        }
        Format::from_extension(extension).map(Self::Image)
    }

    /// The content type that the upload must carry.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Image(format) => format.content_type(),
            Self::Zip => "application/zip",
        }
    }
}

/// The accepted extensions as a sentence part: `jpg, jpeg, … and tif`.
#[must_use]
pub fn accepted_extensions() -> String {
    let names: Vec<&str> = IMAGE_EXTENSIONS.iter().map(|(name, _)| *name).collect();
    let (last, rest) = names.split_last().expect("the table is not empty");
    format!("{} and {last}", rest.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_the_kind_whatever_their_case() {
        assert_eq!(UploadKind::from_file_name("a.b.JFIF"), Some(UploadKind::Image(Format::Jpeg)));
        assert_eq!(UploadKind::from_file_name("photos.Zip"), Some(UploadKind::Zip));
        // T15: the two differ by extension alone.
        let content_type = |name| UploadKind::from_file_name(name).map(UploadKind::content_type);
        assert_eq!((content_type("a.HEIC"), content_type("a.heif")), (Some("image/heic"), Some("image/heif")));
        assert_eq!(UploadKind::from_file_name("noextension"), None);
        assert_eq!(UploadKind::from_file_name("song.mp3"), None);
    }

    #[test]
    fn bytes_are_believed_over_names() {
        assert_eq!(Format::sniff(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0"), Some(Format::Jpeg));
        assert_eq!(Format::sniff(b"RIFF\x10\0\0\0WEBPVP8 "), Some(Format::WebP));
        assert_eq!(Format::sniff(b"RIFF\x10\0\0\0WAVEfmt "), None);
        assert_eq!(Format::sniff(b""), None);
    }
}
