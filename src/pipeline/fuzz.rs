//! One function for each fuzz target of `tests/fuzz`: hostile bytes in, nothing out. The suite replays the targets' corpora through
//! the same functions on stable Rust.
//!
//! Everything runs in this process, so that a fuzzer sees it. A panic inside another crate's decoder is contained where it belongs,
//! as in the server; the fuzzer is told of panics in our own code only (see `tests/fuzz/README.md`).

use std::sync::LazyLock;

use bytes::Bytes;
use image::RgbImage;
use touchstone_core::{media::Format, verdict::ImageFacts};

use crate::{
    decoder::{Decoder, Here},
    picture::Picture,
    settings::Limits,
    stage::Look,
    stages::{metadata::Metadata, provenance::Provenance},
};

/// Small, so that a run sees many files and not a few large ones.
const LIMITS: Limits = Limits { max_side: 2048, max_pixels: 1 << 20, max_memory: 64 << 20, max_frames: 100 };

static HERE: LazyLock<Here> = LazyLock::new(Here::default);
static PROVENANCE: LazyLock<Provenance> = LazyLock::new(|| Provenance::new(None));

/// Any file but a drawing or a document.
pub fn decode(bytes: &[u8]) {
    if !matches!(Format::sniff(bytes), Some(Format::Svg | Format::Pdf)) {
        drop(Picture::decode_with(Bytes::copy_from_slice(bytes), &LIMITS, &*HERE));
    }
}

/// A drawing.
pub fn svg(bytes: &[u8]) {
    drop(HERE.decode(&Bytes::copy_from_slice(bytes), Format::Svg, &LIMITS));
}

/// A document.
pub fn pdf(bytes: &[u8]) {
    drop(HERE.decode(&Bytes::copy_from_slice(bytes), Format::Pdf, &LIMITS));
}

/// The records of a file whose pixels were fine.
pub fn metadata(bytes: &[u8]) {
    let Some(format) = Format::sniff(bytes) else { return };
    let facts = ImageFacts { format, width: 1, height: 1, frames: 1, bytes: bytes.len() as u64, sha256: String::new() };
    let picture = Picture { bytes: Bytes::copy_from_slice(bytes), facts, rgb: RgbImage::new(1, 1) };
    drop(Metadata.look(&picture));
    drop(PROVENANCE.look(&picture));
}
