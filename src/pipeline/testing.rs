//! For tests: settings that point at the project's tiny model (`tests/fixtures/models/tiny`), and pictures for it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use image::{Rgb, RgbImage};

use crate::settings::{Decoder, Inference, Limits, Provenance, Settings};

#[path = "../../tests/it/support/authority.rs"]
pub(crate) mod authority;

/// A folder of the workspace.
pub(crate) fn workspace(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)
}

/// The tiny model, on the runtime that `make runtime` fetched (or that `ORT_DYLIB_PATH` names).
pub(crate) fn settings() -> Settings {
    Settings {
        model: workspace("tests/fixtures/models/tiny"),
        onnxruntime: std::env::var_os("ORT_DYLIB_PATH").map_or_else(|| workspace("models/runtime/libonnxruntime.so"), PathBuf::from),
        bypass_watermark: false,
        limits: Limits { max_side: 32768, max_pixels: 100_000_000, max_memory: 1 << 29, max_frames: 2000 },
        decoder: Decoder::default(),
        provenance: Provenance::default(),
        inference: Inference::embedded(2, 4),
    }
}

/// A PNG of one colour on the left half and another on the right.
pub(crate) fn png(width: u32, height: u32, left: [u8; 3], right: [u8; 3]) -> Bytes {
    let rgb = RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { left } else { right }));
    let mut bytes = std::io::Cursor::new(Vec::new());
    rgb.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG can be written to memory");
    bytes.into_inner().into()
}
