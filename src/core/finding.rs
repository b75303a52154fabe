//! What one stage of the pipeline says about one picture, in one shape that a moderator can read.

use serde::{Deserialize, Serialize};

/// The stages, in the order in which they look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Records in the file: EXIF, XMP, IPTC, PNG text.
    Metadata,
    /// Content Credentials (C2PA).
    Provenance,
    /// Visible and invisible generator marks.
    Watermark,
    /// Blur, darkness, size, screen recapture: how much the pixels can tell at all.
    Quality,
    /// The trained model.
    Classifier,
}

impl Stage {
    /// The word used in JSON, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Provenance => "provenance",
            Self::Watermark => "watermark",
            Self::Quality => "quality",
            Self::Classifier => "classifier",
        }
    }
}

/// One thing that a stage saw. Every sentence shown to a person comes from one of these (row X4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Who saw it.
    pub stage: Stage,
    /// A stable name for machines, such as `png_parameters` or `gemini_sparkle`.
    pub code: String,
    /// One sentence for people.
    pub summary: String,
    /// The likelihood of AI, 0–100, that this signal alone argues for; `None` when it argues neither way.
    pub score: Option<f64>,
    /// Its share in the verdict, 0–1. Set by fusion alone; 0 until then.
    #[serde(default)]
    pub weight: f64,
    /// It settles the question on its own (a record or a mark that names a generator).
    #[serde(default)]
    pub decisive: bool,
    /// A record that anybody could have written: it may decide a verdict, but nothing is hidden or deleted on it alone (row X6).
    #[serde(default)]
    pub unsigned_claim: bool,
    /// What the signal says about edits, if anything.
    #[serde(default)]
    pub edit: Option<Edit>,
    /// The generator or program that it names.
    #[serde(default)]
    pub source: Option<String>,
}

/// A claim that an existing picture was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Part of the picture was generated.
    Ai,
    /// Changed by ordinary tools.
    Digital,
}

impl Signal {
    /// A signal that argues neither way; the `with`-style fields are set by the stage.
    #[must_use]
    pub fn new(stage: Stage, code: &str, summary: impl Into<String>) -> Self {
        Self {
            stage,
            code: code.to_owned(),
            summary: summary.into(),
            score: None,
            weight: 0.0,
            decisive: false,
            unsigned_claim: false,
            edit: None,
            source: None,
        }
    }
}

/// Something about the picture that a reader of the verdict should know. Serialised as the contract's heterogeneous list (row T6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Warning {
    /// Below 50 KB, or the longest side below 150 px.
    SourceSize {
        /// Always `Small`.
        label: String,
    },
    /// Too blurred or too dark to judge well.
    BlurDark {
        /// `Blurred` or `Dark`.
        label: String,
    },
    /// Whether the picture is a photograph of a screen. Said whenever it was examined; the truth is in `metrics`.
    ScreenRecapture {
        /// Always `screen`.
        label: String,
        /// What was measured.
        metrics: ScreenMetrics,
        /// How sure the stage is of `metrics.is_screen`, 0–100.
        confidence: f64,
    },
    /// A generator's mark was seen.
    Watermark {
        /// The mark's class, such as `Gemini`.
        label: String,
        /// 0–1.
        confidence: f64,
    },
    /// The file has several frames or pages and only the first was judged.
    FirstFrameOnly {
        /// How many there are, as far as they were counted.
        frames: u32,
        /// One sentence.
        label: String,
    },
}

/// What the screen-recapture test measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScreenMetrics {
    /// The picture looks like a photograph of a screen.
    pub is_screen: bool,
}

/// Whether a stage did its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// It looked; its signals say what it saw, none if it saw nothing.
    Looked,
    /// It was not asked: an earlier stage had settled the question, or it is switched off.
    Skipped,
    /// It tried and could not, for this reason.
    CouldNotLook(String),
}

/// All that one stage says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Who speaks.
    pub stage: Stage,
    /// Whether it could look at all.
    pub look: Look,
    /// What it saw.
    pub signals: Vec<Signal>,
    /// What a reader should know beside the verdict.
    pub warnings: Vec<Warning>,
}

impl Finding {
    /// The stage looked and saw nothing (signals may be pushed afterwards).
    #[must_use]
    pub const fn looked(stage: Stage) -> Self {
        Self { stage, look: Look::Looked, signals: Vec::new(), warnings: Vec::new() }
    }

    /// The stage was not asked.
    #[must_use]
    pub const fn skipped(stage: Stage) -> Self {
        Self { stage, look: Look::Skipped, signals: Vec::new(), warnings: Vec::new() }
    }

    /// The stage tried and could not look.
    #[must_use]
    pub fn could_not_look(stage: Stage, reason: impl Into<String>) -> Self {
        Self { stage, look: Look::CouldNotLook(reason.into()), signals: Vec::new(), warnings: Vec::new() }
    }
}
