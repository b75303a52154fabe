//! Everything that one run measured. The names are a promise to scripts; the tables and the card are made from it.

use serde::Serialize;
use touchstone_core::verdict::ModelName;
use touchstone_pipeline::Pipeline;

use super::{
    Image,
    figures::{self, Measured, Score},
    robustness::{self, Held},
    tiers::Tier,
};

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) model: ModelName,
    /// Cores that could be used.
    pub(super) cores: usize,
    /// Pictures that were judged side by side.
    pub(super) threads: usize,
    /// Milliseconds of a build that is not optimised are no figures to quote.
    pub(super) optimised: bool,
    pub(super) thresholds: Thresholds,
    /// Images that were listed.
    pub(super) listed: usize,
    /// Images of those that are in the figures.
    pub(super) judged: usize,
    /// The others.
    pub(super) missing: Vec<Missing>,
    /// Pixels in every delivery, then the product in every delivery.
    pub(super) measured: Vec<Measured>,
    /// Empty unless asked for.
    pub(super) robustness: Vec<Held>,
}

/// Probabilities (0–1) at which words change.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Thresholds {
    pub(super) ai: f64,
    pub(super) unsure_low: f64,
    pub(super) unsure_high: f64,
}

/// An image that could not be judged.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Report {
    /// Computes all figures. There are images of both classes.
    pub(super) fn new(pipeline: &Pipeline, images: &[Image<'_>], tiers: &[Tier], missing: Vec<Missing>) -> Self {
        let card = pipeline.card();
        let tables =
            Score::ALL.iter().flat_map(|score| (0..tiers.len()).map(|tier| figures::measure(images, tier, *score, &card.heads.families)));
        Self {
            model: card.name.clone(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: pipeline.threads(),
            optimised: !cfg!(debug_assertions),
            thresholds: Thresholds {
                ai: card.thresholds.ai,
                unsure_low: card.thresholds.unsure_low,
                unsure_high: card.thresholds.unsure_high,
            },
            listed: images.len() + missing.len(),
            judged: images.len(),
            missing,
            measured: tables.collect(),
            robustness: robustness::summary(images.iter().map(|image| &image.looked)),
        }
    }

    /// The deliveries under one score, from kind to cruel.
    pub(super) fn of(&self, score: Score) -> Vec<&Measured> {
        self.measured.iter().filter(|measured| measured.score == score).collect()
    }
}
