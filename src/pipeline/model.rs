//! The model's card, `model.toml`: which weights, what they are shown, how their logits become one probability, and where the
//! thresholds lie. Any ONNX classifier can be dropped in by writing this file; nothing about a model is known anywhere else.
//!
//! The card is parsed once into types that cannot be wrong: a view has the sizes that its kind needs, a weight names a feature
//! that exists.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use touchstone_core::{submission::Profile, verdict::ModelName};

use crate::{open::OpenError, region::Edits};

mod calibration;
pub(crate) mod features;
mod heads;
mod raw;
mod raw_view;
mod view;

pub(crate) use calibration::sigmoid;
pub use calibration::{Bucket, Calibration};
pub use heads::{Heads, OTHER};
pub use view::{Activation, Cut, Filter, Head, Outputs, View};

/// A model that was read from its folder and found consistent.
#[derive(Debug, Clone)]
pub struct ModelCard {
    /// The folder that holds the card and the weights.
    pub folder: PathBuf,
    /// SHA-256 of the card's own text.
    pub text_sha256: String,
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
    /// What it looks at. Never empty.
    pub views: Vec<View>,
    /// What else it answers.
    pub heads: Heads,
    /// From the views' logits, and the like, to one probability.
    pub calibration: Calibration,
    /// Where probabilities become words.
    pub thresholds: Thresholds,
    /// Thresholds of profiles that have their own (row T4).
    pub profiles: BTreeMap<Profile, Thresholds>,
    /// When a region means an edit; `None`: never.
    pub edits: Option<Edits>,
    /// How it was trained, free of form.
    pub training: toml::Table,
    /// What it was measured at, free of form.
    pub measured: Vec<toml::Table>,
}

/// Probabilities (0–1) at which words change.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on the answer is "AI Generated".
    pub ai: f64,
    /// From here …
    pub unsure_low: f64,
    /// … to here the answer is marked unsure. A band of one point, at `ai`, is an empty one.
    pub unsure_high: f64,
    /// From here …
    pub near_low: Option<f64>,
    /// … to here the picture is looked at again in other deliveries (row X2). Both or neither.
    pub near_high: Option<f64>,
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
        card.check(folder, hex::encode(Sha256::digest(text)))
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

    /// What the weights are, in one word: the SHA-256 of their file, or of its views' hashes one after the other where there are several.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut files: Vec<&str> = self.views.iter().map(|view| view.sha256.as_str()).collect();
        files.dedup();
        match files[..] {
            [only] => only.to_owned(),
            _ => hex::encode(Sha256::digest(files.concat())),
        }
    }

    /// The thresholds of a profile: its own, or those of all.
    #[must_use]
    pub fn thresholds_of(&self, profile: Profile) -> &Thresholds {
        self.profiles.get(&profile).unwrap_or(&self.thresholds)
    }

    /// Whether there is anything to draw a heatmap from.
    #[must_use]
    pub fn has_heatmap(&self) -> bool {
        self.views.iter().any(|view| view.heatmap)
    }
}

#[cfg(test)]
mod tests;
