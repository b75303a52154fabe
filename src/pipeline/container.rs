//! The boxes inside an image file: JPEG segments, PNG chunks, RIFF chunks, TIFF directories, GIF blocks, HEIF boxes and items, walked
//! without decoding.
//!
//! Frame counting, record reading and the completeness check share these walkers. They never allocate by what a header claims, never
//! fail and never panic: a box that reaches past the end of the file ends the walk, because half a file is the sender's affair and
//! the decoder's to report. Pixels are never touched here.

mod gif;
pub(crate) mod heif;
mod jpeg;
mod png;
mod riff;
mod tiff;

pub(crate) use self::{
    gif::{frames as gif_frames, is_whole as gif_is_whole},
    jpeg::{Segment, marker, segments as jpeg_segments},
    png::chunks as png_chunks,
    riff::chunks as riff_chunks,
    tiff::{Entry, entries as tiff_entries, exif_entries, first_of_each, pages as tiff_pages},
};

/// A named piece of a PNG, RIFF or HEIF file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chunk<'a> {
    /// Its four-letter name.
    pub(crate) name: [u8; 4],
    /// Its content without name, length and checksum.
    pub(crate) data: &'a [u8],
}
