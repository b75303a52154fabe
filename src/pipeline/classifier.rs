//! The classifier stage: the trained model looks at the pixels. Apart from the other stages because it needs a place to run,
//! may be refused when that place is busy, and leaves its local opinions for the heatmap.

use std::{collections::BTreeMap, sync::Arc};

use touchstone_core::{
    finding::{Finding, Signal, Stage},
    verdict::Share,
};

use crate::{
    infer::{Batch, Infer, InferError, Scores},
    model::{Cut, ModelCard, Thresholds, features, sigmoid},
    patches::PatchGrid,
    picture::Picture,
    statistics,
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
    /// The same as natural-log odds.
    pub logit: f64,
    /// Every number that a card may weigh, by name: `<view>.mean`, `patch.p50`, `kind.photo`, `stat.kurtosis` and so on.
    pub features: BTreeMap<String, f64>,
    /// Families of generators by falling share, "other" among them, summing to 1, whatever the probability is. Empty without
    /// the head.
    pub attribution: Vec<Share>,
    /// What sort of picture it is, by falling share. Empty without the head.
    pub kind: Vec<Share>,
    /// Its local opinions. Empty where the card has no heatmap.
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
        self.cut(view, self.card.views[view].cut, picture)
    }

    /// The networks' scores of some views' squares.
    ///
    /// # Errors
    /// When the place to run is busy or fails.
    pub fn scores(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        let squares: Vec<usize> = batches.iter().map(Batch::squares).collect();
        let scores = self.infer.infer(batches)?;
        if scores.iter().map(|scores| scores.image.len()).eq(squares) {
            return Ok(scores);
        }
        Err(InferError::Failed("some squares came back without a score".into()))
    }

    /// Shows the picture to the model.
    ///
    /// # Errors
    /// When the place to run is busy or fails.
    pub fn look(&self, picture: &Picture) -> Result<Seen, InferError> {
        let (layouts, batches): (Vec<Layout>, Vec<Batch>) = (0..self.card.views.len()).map(|view| self.batch(view, picture)).unzip();
        let scores = self.scores(batches)?;
        let card = &self.card;
        let patches = PatchGrid::new(layouts.iter().zip(&scores));
        let kind = card.heads.kind(&joined(&scores, |scores| &scores.kinds));
        let features = features::of(&card.views, &scores, &patches, &kind, &statistics::of(picture));
        let logit = card.calibration.logit(&features, picture.rgb.width().max(picture.rgb.height()));
        let attribution = card.heads.attribution(&joined(&scores, |scores| &scores.families));
        Ok(Seen { probability: sigmoid(logit), logit, features, attribution, kind, patches })
    }

    /// Patches for drawing: closer than those of [`Classifier::look`] where the card gives a map more squares.
    ///
    /// # Errors
    /// When the place to run is busy or fails.
    pub fn map(&self, picture: &Picture) -> Result<PatchGrid, InferError> {
        let drawn = self.card.views.iter().enumerate().filter(|(_, view)| view.heatmap);
        let (layouts, batches): (Vec<Layout>, Vec<Batch>) = drawn.map(|(index, view)| self.cut(index, view.cut.for_map(), picture)).unzip();
        Ok(PatchGrid::new(layouts.iter().zip(&self.scores(batches)?)))
    }

    /// Whether [`Classifier::map`] would see more of this picture than [`Classifier::look`].
    #[must_use]
    pub fn maps_closer(&self, picture: &Picture) -> bool {
        let squares = |cut| Layout::new(cut, picture.rgb.width(), picture.rgb.height()).squares;
        self.card.views.iter().any(|view| view.heatmap && squares(view.cut) != squares(view.cut.for_map()))
    }

    fn cut(&self, view: usize, cut: Cut, picture: &Picture) -> (Layout, Batch) {
        let layout = Layout::new(cut, picture.rgb.width(), picture.rgb.height());
        let [width, height] = layout.square.map(|side| side as usize);
        let pixels = views::cut(&self.card.views[view], &layout, &picture.rgb);
        (layout, Batch { view, height, width, pixels })
    }
}

/// A head's logits of all views together.
fn joined(scores: &[Scores], head: impl Fn(&Scores) -> &Vec<f32>) -> Vec<f32> {
    scores.iter().flat_map(head).copied().collect()
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

#[cfg(test)]
mod tests;
