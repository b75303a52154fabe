//! What is told about one file. The names of the JSON are a promise to scripts.

use std::path::Path;

use serde::Serialize;
use touchstone_core::{
    analysis::Analysis,
    finding::{Signal, Warning},
    verdict::{ImageFacts, Label, ModelName, Share, Verdict},
};

/// One file: a verdict, or the reason why there is none.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) path: String,
    /// Likelihood of AI, 0–100.
    pub(super) result: Option<f64>,
    pub(super) final_result: Option<Label>,
    /// How sure `final_result` is, 0–100.
    pub(super) confidence: Option<f64>,
    /// 1 a record decided, 2 a watermark, 3 the model.
    pub(super) detection_step: Option<u8>,
    pub(super) unsure: Option<bool>,
    /// Which families of generators it looks like, shares summing to 1; empty unless it looks generated (row X1).
    pub(super) attribution: Vec<Share>,
    /// What sort of picture it is, shares summing to 1.
    pub(super) kind: Vec<Share>,
    /// The verdict in words.
    pub(super) analysis: Option<Analysis>,
    pub(super) signals: Vec<Signal>,
    pub(super) warnings: Vec<Warning>,
    pub(super) image: Option<ImageFacts>,
    pub(super) model: Option<ModelName>,
    /// The heatmap that was written.
    pub(super) heatmap: Option<String>,
    pub(super) error: Option<String>,
}

impl Row {
    pub(super) fn failed(path: &Path, error: String) -> Self {
        Self {
            path: path.display().to_string(),
            result: None,
            final_result: None,
            confidence: None,
            detection_step: None,
            unsure: None,
            attribution: Vec::new(),
            kind: Vec::new(),
            analysis: None,
            signals: Vec::new(),
            warnings: Vec::new(),
            image: None,
            model: None,
            heatmap: None,
            error: Some(error),
        }
    }

    pub(super) fn judged(path: &Path, verdict: Verdict, heatmap: Option<Result<&Path, String>>) -> Self {
        let (heatmap, error) = match heatmap {
            None => (None, None),
            Some(Ok(target)) => (Some(target.display().to_string()), None),
            Some(Err(reason)) => (None, Some(reason)),
        };
        Self {
            path: path.display().to_string(),
            result: Some(verdict.ai_likelihood),
            final_result: Some(verdict.label),
            confidence: Some(verdict.confidence),
            detection_step: Some(verdict.detection_step()),
            unsure: Some(verdict.unsure),
            attribution: verdict.attribution.clone(),
            kind: verdict.kind.clone(),
            analysis: Some(touchstone_pipeline::analysis::of(&verdict)),
            signals: verdict.signals().cloned().collect(),
            warnings: verdict.warnings().cloned().collect(),
            image: Some(verdict.image),
            model: Some(verdict.model),
            heatmap,
            error,
        }
    }
}
