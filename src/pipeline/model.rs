//! The model's card, `model.toml`: which weights, what they are shown, how their logits become one probability, and where the
//! thresholds lie. Any ONNX classifier can be dropped in by writing this file; nothing about a model is known anywhere else.
//!
//! The card is parsed once into types that cannot be wrong: a view is tiles or a whole, a weight names a feature that exists.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use touchstone_core::verdict::ModelName;

use crate::open::OpenError;

mod calibration;
mod raw;

pub(crate) use calibration::sigmoid;
pub use calibration::{Calibration, Pool};

/// A model that was read from its folder and found consistent.
#[derive(Debug, Clone)]
pub struct ModelCard {
    /// The folder that holds the card and the weights.
    pub folder: PathBuf,
    /// Name and version, as verdicts carry them.
    pub name: ModelName,
    /// One sentence about what it is.
    pub summary: String,
    /// Licence of the weights.
    pub license_weights: String,
    /// Licences of the pictures it was trained on.
    pub license_data: String,
    /// What the training started from.
    pub starting_weights: String,
    /// What it looks at. Never empty; exactly one view draws the heatmap.
    pub views: Vec<View>,
    /// From the views' logits to one probability.
    pub calibration: Calibration,
    /// Where probabilities become words.
    pub thresholds: Thresholds,
    /// How it was trained, free of form.
    pub training: toml::Table,
    /// What it was measured at, free of form.
    pub measured: Vec<toml::Table>,
}

/// One network and the way in which a picture is shown to it.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Unique in the card; features are called `<name>.mean` and so on.
    pub name: String,
    /// The ONNX file, in the card's folder.
    pub file: String,
    /// Lower-case hex SHA-256 of that file.
    pub sha256: String,
    /// Which squares are cut, and from what.
    pub cut: Cut,
    /// Side of a square, in pixels.
    pub side: u32,
    /// Subtracted from R, G and B (0–255).
    pub mean: [f32; 3],
    /// What the difference is divided by.
    pub std: [f32; 3],
    /// Whether the heatmap is drawn from this view's patches.
    pub heatmap: bool,
}

/// How squares are cut out of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At native resolution, on an even grid of at most this many squares.
    Tiles {
        /// 1 or more.
        most: u32,
    },
    /// Three overlapping squares of the whole picture, made at most this long.
    Whole {
        /// In pixels, at least the side.
        longest: u32,
    },
}

/// Probabilities (0–1) at which words change.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on the answer is "AI Generated".
    pub ai: f64,
    /// From here …
    pub unsure_low: f64,
    /// … to here the answer is marked unsure.
    pub unsure_high: f64,
}

impl ModelCard {
    /// Reads `model.toml` in `folder`.
    ///
    /// # Errors
    /// When the file cannot be read or is not consistent.
    pub fn read(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("model.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| OpenError::CardUnreadable { path: path.clone(), source })?;
        Self::parse(&text, folder).map_err(|reason| OpenError::CardInvalid { path, reason })
    }

    /// Reads a card from its text; `Err` is the reason why it is wrong.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let card: raw::Card = toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', " "))?;
        card.check(folder)
    }

    /// The weights of one view, read and checked against the card's SHA-256.
    ///
    /// # Errors
    /// When the file cannot be read or is another one.
    pub fn weights(&self, view: &View) -> Result<Vec<u8>, OpenError> {
        let path = self.folder.join(&view.file);
        let bytes = std::fs::read(&path).map_err(|source| OpenError::WeightsUnreadable { path: path.clone(), source })?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found != view.sha256 {
            return Err(OpenError::WeightsChanged { path, expected: view.sha256.clone(), found });
        }
        Ok(bytes)
    }

    /// Which view draws the heatmap.
    #[must_use]
    pub fn heatmap_view(&self) -> usize {
        self.views.iter().position(|view| view.heatmap).expect("a checked card has one such view")
    }
}

#[cfg(test)]
mod tests;
