//! One image, delivered in every tier and judged by the very code that judges uploads.

use std::{collections::BTreeMap, path::Path, time::Instant};

use bytes::Bytes;
use serde::Serialize;
use touchstone_core::{
    submission::Profile,
    verdict::{Label, Share},
};
use touchstone_pipeline::{Ask, Heatmap, Judged, Pipeline, classifier::Seen, probe};

use super::{
    robustness::{Change, Changed},
    statistics::Sample,
    tiers::Tier,
};
use crate::files;

/// What is done with every image.
pub(super) struct Plan<'a> {
    /// Judges.
    pub(super) pipeline: &'a Pipeline,
    /// In which deliveries.
    pub(super) tiers: &'a [Tier],
    /// Whether the picture is also changed to see if the score holds.
    pub(super) robustness: bool,
}

/// What was said of one image.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    /// In the order of [`Plan::tiers`].
    pub(super) tiers: Vec<Observation>,
    /// How the score moved under each change; empty unless asked for.
    pub(super) changed: Vec<Changed>,
}

/// What was said of one image in one delivery. The names are a promise to whoever fits a calibration to `--dump`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Observation {
    /// The delivery.
    pub(super) tier: Tier,
    /// In pixels, as delivered.
    pub(super) width: u32,
    /// In pixels, as delivered.
    pub(super) height: u32,
    /// Size of the delivered file.
    pub(super) bytes: u64,
    /// The model's own probability of "generated", 0–1.
    pub(super) p: f64,
    /// Its calibrated log-odds, before clamping.
    pub(super) logit: f64,
    /// The verdict is marked unsure.
    pub(super) unsure: bool,
    /// The verdict's likelihood of AI, 0–100, with metadata and everything else.
    pub(super) result: f64,
    /// The verdict's label.
    pub(super) final_result: Label,
    /// What the probability was computed from.
    pub(super) features: BTreeMap<String, f64>,
    /// Families by falling share, whatever the label.
    pub(super) attribution: Vec<Share>,
    /// Kinds by falling share.
    pub(super) kind: Vec<Share>,
    /// What it took to judge this delivery, decoding included, a megapixel.
    pub(super) ms_per_megapixel: f64,
    /// What the pixels alone say.
    #[serde(skip)]
    pub(super) pixels: Opinion,
}

/// A score with its label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opinion {
    /// The score, and whether it means AI.
    pub(super) sample: Sample,
    /// Whether it is marked unsure.
    pub(super) unsure: bool,
}

impl Observation {
    /// What the whole program says, with metadata and everything else.
    pub(super) fn product(&self) -> Opinion {
        let flagged = matches!(self.final_result, Label::AiGenerated | Label::AiEdited);
        Opinion { sample: Sample { score: self.result / 100.0, flagged }, unsure: self.unsure }
    }
}

impl Plan<'_> {
    /// Judges a file in every delivery; `Err` is one sentence why that was not possible.
    pub(super) fn look(&self, file: &Path) -> Result<Looked, String> {
        let original = Bytes::from(files::read(file)?);
        let rgb = self.pipeline.decode(original.clone()).map_err(|error| error.to_string())?.rgb;
        let told = |error: touchstone_pipeline::delivery::Undelivered| error.to_string();
        let observe = |tier: &Tier| self.observe(*tier, tier.deliver(&original, &rgb).map_err(told)?);
        let tiers = self.tiers.iter().map(observe).collect::<Result<Vec<_>, String>>()?;
        if !self.robustness {
            return Ok(Looked { tiers, changed: Vec::new() });
        }
        let before = match tiers.iter().find(|seen| seen.tier == Tier::Clean) {
            Some(clean) => clean.pixels,
            None => self.observe(Tier::Clean, original.clone())?.pixels,
        };
        let change = |change: &Change| Ok(Changed { change: *change, before, after: self.judge(change.apply(&rgb).map_err(told)?)?.1 });
        Ok(Looked { tiers, changed: Change::ALL.iter().map(change).collect::<Result<_, String>>()? })
    }

    fn observe(&self, tier: Tier, bytes: Bytes) -> Result<Observation, String> {
        let begun = Instant::now();
        let (judged, pixels) = self.judge(bytes)?;
        let seconds = begun.elapsed().as_secs_f64();
        let Judged { verdict, seen, .. } = judged;
        let seen = seen.ok_or("The model did not look.")?;
        let image = &verdict.image;
        let megapixels = f64::from(image.width) * f64::from(image.height) / 1e6;
        Ok(Observation {
            tier,
            width: image.width,
            height: image.height,
            bytes: image.bytes,
            p: seen.probability,
            logit: seen.logit,
            unsure: verdict.unsure,
            result: verdict.ai_likelihood,
            final_result: verdict.label,
            features: seen.features,
            attribution: seen.attribution,
            kind: seen.kind,
            ms_per_megapixel: seconds * 1e3 / megapixels,
            pixels,
        })
    }

    /// The verdict, and what the pixels alone say.
    fn judge(&self, bytes: Bytes) -> Result<(Judged, Opinion), String> {
        let ask = Ask { heatmap: Heatmap::Never, always_classify: true, profile: Profile::Generic };
        let judged = self.pipeline.judge(bytes, &ask).map_err(|error| error.to_string())?;
        let seen = judged.seen.as_ref().ok_or("The model did not look.")?;
        let pixels = self.pixels(&judged, seen);
        Ok((judged, pixels))
    }

    fn pixels(&self, judged: &Judged, seen: &Seen) -> Opinion {
        let (p, thresholds) = (seen.probability, &self.pipeline.card().thresholds);
        // The verdict's rule. Where a record decided the picture was not looked at again, so there only the band counts.
        let in_band = (thresholds.unsure_low..=thresholds.unsure_high).contains(&p);
        let unstable = judged.verdict.signals().any(|signal| signal.code == probe::UNSTABLE);
        Opinion { sample: Sample { score: p, flagged: p >= thresholds.ai }, unsure: in_band || unstable }
    }
}
