//! What Touchstone says about one image, with everything it rests on. API dialects and bots translate it; none adds to it.

use serde::{Deserialize, Serialize};

use crate::{
    finding::{Finding, Signal, Stage, Warning},
    media::Format,
    submission::Profile,
};

/// The four answers of the contract (row T6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Label {
    /// The whole image was generated.
    #[serde(rename = "AI Generated")]
    AiGenerated,
    /// A camera image, part of which was generated.
    #[serde(rename = "AI Edited")]
    AiEdited,
    /// A camera image changed by ordinary tools.
    #[serde(rename = "Digitally Edited")]
    DigitallyEdited,
    /// A camera image, or other human work.
    #[serde(rename = "Real")]
    Real,
}

impl Label {
    /// The contract's words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiGenerated => "AI Generated",
            Self::AiEdited => "AI Edited",
            Self::DigitallyEdited => "Digitally Edited",
            Self::Real => "Real",
        }
    }

    /// Whether a heatmap is worth drawing (row T7).
    #[must_use]
    pub const fn is_suspicious(self) -> bool {
        !matches!(self, Self::Real)
    }
}

/// What was judged: facts of the file, none of its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// By content, not by name.
    pub format: Format,
    /// Upright, in pixels.
    pub width: u32,
    /// Upright, in pixels.
    pub height: u32,
    /// Frames or pages that were counted.
    pub frames: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// Which weights judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelName {
    /// The folder's name under `models/`.
    pub name: String,
    /// The card's version.
    pub version: String,
}

/// By which rules a picture was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// SHA-256 of the model's weights, lower-case hex.
    pub weights: String,
    /// The version of this program.
    pub pipeline: String,
    /// From this probability on (0–1) the label names AI.
    pub ai: f64,
    /// From here …
    pub unsure_low: f64,
    /// … to here the answer is unsure.
    pub unsure_high: f64,
    /// SHA-256 of the trust list, lower-case hex, where one was installed.
    #[serde(default)]
    pub trust_list: Option<String>,
}

/// The verdict on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer in one of four words.
    pub label: Label,
    /// Likelihood of AI, 0–100.
    pub ai_likelihood: f64,
    /// How sure we are of `label`, 0–100.
    pub confidence: f64,
    /// The score lies too near the threshold to lean on.
    pub unsure: bool,
    /// The stage that settled it.
    pub decided_by: Stage,
    /// What every stage said, in the order in which they looked, weights included.
    pub findings: Vec<Finding>,
    /// What was judged.
    pub image: ImageFacts,
    /// Which weights judged.
    pub model: ModelName,
    /// Whose thresholds judged.
    #[serde(default)]
    pub profile: Profile,
    /// By which rules; `None` in verdicts of before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Which family of generators made it (row X1): by falling share, "other" among them, summing to 1. Empty when the label
    /// names no AI, or the model has no families.
    #[serde(default)]
    pub attribution: Vec<Share>,
    /// What sort of picture it is: photo, portrait, art and so on, by falling share. Empty when the model does not say.
    #[serde(default)]
    pub kind: Vec<Share>,
}

/// A part of the picture that looks generated while the rest of it does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Left edge of the box around it, in pixels of the upright picture.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width of the box.
    pub width: u32,
    /// Height of the box.
    pub height: u32,
    /// Its part of the picture's area, 0–1.
    pub share: f64,
    /// How generated it looks, 0–1: a heat, no calibrated probability.
    pub score: f64,
}

/// One name's part in a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The card's word: a family of generators, or a sort of picture.
    pub name: String,
    /// 0–1.
    pub share: f64,
}

impl Verdict {
    /// Where the pipeline truly stopped (row T6): 1 a record decided, 2 a watermark, 3 the model.
    #[must_use]
    pub const fn detection_step(&self) -> u8 {
        match self.decided_by {
            Stage::Metadata | Stage::Provenance => 1,
            Stage::Watermark => 2,
            Stage::Quality | Stage::Classifier => 3,
        }
    }

    /// Every signal of every stage.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.findings.iter().flat_map(|finding| &finding.signals)
    }

    /// Every warning of every stage.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.findings.iter().flat_map(|finding| &finding.warnings)
    }

    /// What one stage said, if it was in the list at all.
    #[must_use]
    pub fn finding(&self, stage: Stage) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.stage == stage)
    }
}
