//! The pipeline's section of the configuration. `config.toml` is the manual: every key there, its default and one sentence.

use std::{collections::BTreeMap, path::PathBuf, thread};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

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
    /// The child process that decodes the formats with young or unbounded decoders.
    pub decoder: Decoder,
    /// Whose Content Credentials are trusted.
    pub provenance: Provenance,
    /// How much inference runs at once.
    pub inference: Inference,
}

/// `[pipeline.limits]`: what decoding one picture may cost. A picture over a limit is refused by name of the limit.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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

/// `[pipeline.decoder]`: what decoding one HEIC, HEIF, AVIF, SVG or PDF file may take of the machine (see [`crate::decoder`]).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    /// Seconds of processor time. By the clock it may take three times as long.
    pub seconds: u64,
    /// Bytes of memory, beside the program itself.
    pub memory: u64,
    /// The program to start; empty: the one that runs.
    pub program: PathBuf,
}

/// `[pipeline.provenance]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The trust list; empty: `trust-list.pem` in `data_dir`. Without such a file nobody is trusted.
    pub trust_list: PathBuf,
}

impl Default for Decoder {
    /// As the manual has it.
    fn default() -> Self {
        Self { seconds: 15, memory: 512 << 20, program: PathBuf::new() }
    }
}

/// `[pipeline.inference]`: where the networks run, and the bounded queue before them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// In this process, or on a server.
    pub backend: Backend,
    /// Pictures that are worked on side by side, each with one thread; 0: one for each core.
    pub threads: usize,
    /// Requests that may wait for a thread; one more is refused.
    pub queue: usize,
    /// The server, where the backend is remote.
    pub remote: Remote,
}

/// Where the networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// ONNX Runtime in this process.
    Embedded,
    /// A server that speaks the Open Inference Protocol, version 2.
    Remote,
}

/// `[pipeline.inference.remote]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// The server's base address; the protocol's paths (`/v2/…`) follow it.
    pub url: String,
    /// View name → model name on the server, or `name/versions/V`. Without one: `<card's name>-<view's name>`.
    pub models: BTreeMap<String, String>,
    /// Seconds that one request may take.
    pub timeout_seconds: u64,
    /// Sent as a bearer token; empty: none.
    pub token: SecretString,
}

/// `[analysis]`: a vision model that may add to the written analysis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// An OpenAI-compatible server, up to and with its version: `https://host/v1`. Empty: none is asked.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// Sent as a bearer token; empty: none.
    pub api_key: SecretString,
    /// Seconds that one request may take; never longer than the analysis' deadline leaves.
    pub timeout_seconds: u64,
    /// Requests at once; beyond, the analyst's own words are final at once.
    pub at_once: usize,
    /// Requests a day (UTC), over all nodes; 0: no limit.
    pub max_per_day: u64,
    /// Longest side of the picture that is sent, in pixels.
    pub max_side: u32,
    /// Most tokens of an answer.
    pub max_tokens: u32,
}

impl Inference {
    /// In this process, on so many threads with such a queue.
    #[must_use]
    pub fn embedded(threads: usize, queue: usize) -> Self {
        Self { backend: Backend::Embedded, threads, queue, remote: Remote::default() }
    }

    /// How many pictures are worked on side by side; never 0.
    #[must_use]
    pub fn sessions(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}
