//! The classifier stage: the trained model looks at the pixels. Apart from the other stages because it needs a place to run,
//! may be refused when that place is busy, and leaves its local opinions for the heatmap.

use std::sync::Arc;

use touchstone_core::finding::{Finding, Signal, Stage};

use crate::{
    infer::{Batch, Infer, InferError, Scores},
    model::{ModelCard, Thresholds},
    patches::PatchGrid,
    picture::Picture,
    views::{self, Layout},
};

/// The code of the model's signal.
pub const PIXEL_MODEL: &str = "pixel_model";

/// A model with a place to run.
#[derive(Clone)]
pub struct Classifier {
    card: Arc<ModelCard>,
    infer: Arc<dyn Infer>,
}

/// What the model saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Calibrated probability of "generated", 0–1.
    pub probability: f64,
    /// Its local opinions.
    pub patches: PatchGrid,
}

impl Classifier {
    /// Joins a card and a place that runs this card's networks.
    #[must_use]
    pub fn new(card: ModelCard, infer: Arc<dyn Infer>) -> Self {
        Self { card: Arc::new(card), infer }
    }

    /// The model's card.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The squares that one view of the card is shown.
    #[must_use]
    pub fn batch(&self, view: usize, picture: &Picture) -> (Layout, Batch) {
        let card = &self.card.views[view];
        let (layout, pixels) = views::cut(card, &picture.rgb);
        (layout, Batch { view, side: card.side as usize, pixels })
    }

    /// The network's scores of some views' squares.
    ///
    /// # Errors
    /// When the place to run is busy or fails.
    pub fn scores(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        self.infer.infer(batches)
    }

    /// Shows the picture to the model.
    ///
    /// # Errors
    /// When the place to run is busy or fails.
    pub fn look(&self, picture: &Picture) -> Result<Seen, InferError> {
        let (layouts, batches): (Vec<Layout>, Vec<Batch>) = (0..self.card.views.len()).map(|view| self.batch(view, picture)).unzip();
        let scores = self.scores(batches)?;
        let logits: Vec<&[f32]> = scores.iter().map(|scores| scores.image.as_slice()).collect();
        if logits.len() != layouts.len() || logits.iter().any(|logits| logits.is_empty()) {
            return Err(InferError::Failed("some squares came back without a score".into()));
        }
        let probability = self.card.calibration.probability(&logits);
        let heatmap = self.card.heatmap_view();
        Ok(Seen { probability, patches: PatchGrid::new(&layouts[heatmap], &scores[heatmap]) })
    }
}

/// What the model saw, as a finding that a moderator can read.
#[must_use]
pub fn finding(seen: &Seen, thresholds: &Thresholds) -> Finding {
    let percent = seen.probability * 100.0;
    let sentence = if (thresholds.unsure_low..=thresholds.unsure_high).contains(&seen.probability) {
        format!("The pixels do not tell clearly: the model sees a likelihood of {percent:.0} in 100 that the image was generated.")
    } else if seen.probability >= thresholds.ai {
        format!("The pixels look generated: the model sees a likelihood of {percent:.0} in 100.")
    } else {
        format!(
            "The pixels look like a camera's or a person's work: the model sees a likelihood of {percent:.0} in 100 that they were generated."
        )
    };
    let mut finding = Finding::looked(Stage::Classifier);
    finding.signals.push(Signal { score: Some(percent), ..Signal::new(Stage::Classifier, PIXEL_MODEL, sentence) });
    finding
}
