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
    /// ONNX Runtime does not accept the weights, or their inputs and outputs are not the ones this pipeline speaks.
    #[error(
        "the weights {path} cannot be used: {reason}. Expected: input \"pixels\" [N,3,side,side], outputs \"image_logit\" [N] and \
         \"patch_logits\" [N,rows,columns], all float32"
    )]
    WeightsUnfit {
        /// The weights.
        path: PathBuf,
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
    /// The system gave no threads.
    #[error("cannot start an inference thread. Lower pipeline.inference.threads, or raise the limit on processes")]
    Threads(#[source] std::io::Error),
}
