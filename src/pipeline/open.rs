//! Why the pipeline cannot start. Read by the operator, so every sentence names the file and the way out.

use std::path::PathBuf;

/// What [`crate::Pipeline::open`] ends with when it cannot judge anything.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The model's card is not there or not readable.
    #[error("cannot read the model card {path}. Set pipeline.model to a folder that holds model.toml")]
    CardUnreadable {
        /// The card.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The card is no TOML, or says something that cannot be.
    #[error("the model card {path} is wrong: {reason}. models/README.md describes the card")]
    CardInvalid {
        /// The card.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A file that the card names is not there or not readable.
    #[error("cannot read the weights {path}. The card beside it names this file: restore it, or correct the card")]
    WeightsUnreadable {
        /// The weights.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The weights are not the ones that the card was written for.
    #[error("the weights {path} have SHA-256 {found}, but the card says {expected}. Restore the file, or write a card for these weights")]
    WeightsChanged {
        /// The weights.
        path: PathBuf,
        /// Lower-case hex of the card.
        expected: String,
        /// Lower-case hex of the file.
        found: String,
    },
    /// ONNX Runtime does not accept the weights, or what goes in and comes out is not what the card says.
    #[error(
        "the weights {path} cannot be used: {reason}. Correct the card beside it; models/README.md describes [[view]] and [view.outputs]"
    )]
    WeightsUnfit {
        /// The weights.
        path: PathBuf,
        /// What did not fit.
        reason: String,
    },
    /// `[pipeline.inference.remote]` says something that cannot be.
    #[error("pipeline.inference.remote.{key} {reason}")]
    RemoteSettings {
        /// The setting.
        key: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The inference server is not there, not ready, or refuses us.
    #[error("the inference server {url} is of no use: {reason}. Start it, or correct pipeline.inference.remote (url, token)")]
    RemoteUnready {
        /// What was asked.
        url: String,
        /// What came of it.
        reason: String,
    },
    /// The server has another model than the card says.
    #[error(
        "the inference server's model {url} does not fit the card: {reason}. Correct the server's model, pipeline.inference.remote.models \
         (view = \"model\"), or the card"
    )]
    RemoteUnfit {
        /// The model's address on the server.
        url: String,
        /// What did not fit.
        reason: String,
    },
    /// No usable ONNX Runtime library was found.
    #[error("no usable ONNX Runtime library was found. Run `make runtime`, which fetches it. Tried:{}", tried.iter().map(|(place, why)| format!("\n  {}: {why}", place.display())).collect::<String>())]
    RuntimeMissing {
        /// Every place that was tried, in order, and why it did not do.
        tried: Vec<(PathBuf, String)>,
    },
    /// The library was found but would not start.
    #[error("the ONNX Runtime library {path} does not start: {reason}. Run `make runtime` to fetch the version that is known to work")]
    RuntimeBroken {
        /// The library.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// A trust list is installed, and it is broken.
    #[error(transparent)]
    TrustList(#[from] crate::trust_list::Unusable),
    /// The system gave no threads.
    #[error("cannot start an inference thread. Lower pipeline.inference.threads, or raise the limit on processes")]
    Threads(#[source] std::io::Error),
}
