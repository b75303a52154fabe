//! The pipeline's section of the configuration. `config.toml` is the manual: every key there, its default and one sentence.

use std::path::PathBuf;

use serde::Deserialize;

/// `[pipeline]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Folder of the model: `model.toml` and the files it names.
    pub model: PathBuf,
    /// The ONNX Runtime library; empty: looked for in the places that the manual lists.
    pub onnxruntime: PathBuf,
    /// Do not look for watermarks (`ocr` is null in answers).
    pub bypass_watermark: bool,
    /// What a picture may cost.
    pub limits: Limits,
    /// How much inference runs at once.
    pub inference: Inference,
}

/// `[pipeline.limits]`: what decoding one picture may cost. A picture over a limit is refused by name of the limit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest allowed side, in pixels.
    pub max_side: u32,
    /// Most pixels of one frame (width × height).
    pub max_pixels: u64,
    /// Most bytes that a decoder may allocate for one picture.
    pub max_memory: u64,
    /// Frames or pages are counted up to this number; a file with more is refused.
    pub max_frames: u32,
}

/// `[pipeline.inference]`: owner threads and the bounded queue before them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// Sessions that run side by side, each with one thread; 0: one for each core.
    pub threads: usize,
    /// Requests that may wait for a session; one more is refused.
    pub queue: usize,
}
