//! A verdict as /v1 tells it (rows V1, V14): the same in an answer, in a batch and in a webhook. No field ever leaves it; a part that was
//! not asked for, or that there is not, is null or empty, and there.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use touchstone_core::{
    finding::{Signal, Stage, Warning},
    refusal::Refusal,
    submission::Asked,
    verdict::{Label, Spot, Verdict},
};
use touchstone_store::{Asset, AssetStatus, DocumentRecord, DocumentStatus, FailureCode};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::road::Road;

/// Why there is no heatmap where nothing is kept.
pub const NOT_STORED: &str = "This organisation stores no pictures";

/// The verdict on one image.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Report {
    /// The detection, for `GET /v1/detections/{id}`.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    pub id: Uuid,
    /// `ai_generated` where `confidence` reaches the threshold that was asked for, else `authentic`.
    pub verdict: Answer,
    /// The likelihood of AI, 0–1, whatever the verdict is: a clear photo never has a high one.
    #[schema(example = 0.978, minimum = 0, maximum = 1)]
    pub confidence: f64,
    /// How sure that makes of `verdict`, 0–1: `confidence`, or 1 less it where the verdict is `authentic`.
    #[schema(example = 0.978, minimum = 0, maximum = 1)]
    pub verdict_confidence: f64,
    /// Shares of the families of generators, `other` among them, summing to 1. Empty unless asked for and generated.
    #[schema(example = json!({"flux1": 0.84, "midjourney": 0.1, "other": 0.06}))]
    pub model_attribution: BTreeMap<String, f64>,
    /// A link to the map of suspicious regions, good for minutes; null unless asked for. GET /v1/detections/{id} gives a fresh one.
    #[schema(example = "https://detect.example.org/heatmap/77565038-9e3d-4e6a-8c80-e20785be5ee9?expires=1795305600&signature=…")]
    pub heatmap_url: Option<String>,
    /// The file holds Content Credentials, whether or not they are valid.
    #[schema(example = false)]
    pub c2pa_manifest_present: bool,
    /// The numbers of forensics; null unless asked for.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub forensics: Option<Value>,
    /// What was sent as `metadata`.
    #[schema(value_type = Option<BTreeMap<String, Value>>, example = json!({"user_id": "u_123"}))]
    pub metadata: Option<Map<String, Value>>,
    /// Parts of the picture that look generated while the rest does not. Empty when none stands out.
    pub regions: Vec<Region>,
    /// Everything that the verdict rests on.
    pub signals: Vec<ReportedSignal>,
    /// The label lies too near the detector's own threshold, or flips under mild resizing or re-encoding: do not lean on it.
    #[schema(example = false)]
    pub unsure: bool,
    /// The detector's own word: `AI Generated`, `AI Edited`, `Digitally Edited` or `Real`. It does not depend on `model_threshold`.
    #[schema(example = "AI Generated")]
    pub label: &'static str,
    /// What else should be known of the picture.
    pub warnings: Vec<ReportedWarning>,
    /// Which weights judged.
    pub model: ReportedModel,
    /// A test key asked: it cost nothing.
    #[schema(example = false)]
    pub test: bool,
    /// The verdict was taken over from the same image, judged before.
    #[schema(example = false)]
    pub cached: bool,
}

/// The two answers of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Made by a generator, wholly or in part.
    AiGenerated,
    /// A camera's, or other human work.
    Authentic,
}

impl Answer {
    /// The answer's name, as it is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiGenerated => "ai_generated",
            Self::Authentic => "authentic",
        }
    }
}

/// A part of the picture that looks generated, in pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Region {
    /// Left edge of the box around it.
    #[schema(example = 96)]
    pub x: u32,
    /// Top edge.
    #[schema(example = 128)]
    pub y: u32,
    /// Width of the box.
    #[schema(example = 256)]
    pub width: u32,
    /// Height of the box.
    #[schema(example = 192)]
    pub height: u32,
    /// Its part of the picture's area, 0–1.
    #[schema(example = 0.12)]
    pub share: f64,
    /// How generated it looks, 0–1.
    #[schema(example = 0.91)]
    pub score: f64,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReportedSignal {
    /// Who saw it: `metadata`, `provenance`, `watermark`, `quality` or `classifier`.
    #[schema(example = "classifier")]
    pub stage: &'static str,
    /// A stable name.
    #[schema(example = "model")]
    pub code: String,
    /// What it means.
    #[schema(example = "The model finds the traces of a generator in it.")]
    pub summary: String,
    /// The likelihood of AI that it argues for, 0–100; null when it argues neither way.
    #[schema(example = 97.8)]
    pub score: Option<f64>,
    /// Its share in the verdict, 0–1.
    #[schema(example = 1.0)]
    pub weight: f64,
    /// It settles the question by itself.
    #[schema(example = false)]
    pub decisive: bool,
    /// A record that anybody could have written: hide or delete nothing on it alone.
    #[schema(example = false)]
    pub unsigned_claim: bool,
}

/// Something that a reader of the verdict should know of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportedWarning {
    /// `source_size`, `blur_dark`, `screen_recapture`, `watermark`, `first_frame_only` or `heatmap_not_stored`.
    #[schema(example = "source_size")]
    pub r#type: &'static str,
    /// What about it.
    #[schema(example = "Small")]
    pub label: String,
}

/// Which weights judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportedModel {
    /// The model's name.
    #[schema(example = "touchstone-2")]
    pub name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// What a link to a picture is worth to whoever is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It opens the picture, for a while.
    Open,
    /// It is the bare address, which takes a key that opens pictures.
    Bare,
}

impl Road {
    /// What there is to tell of a document that was judged, with a fresh link; `None` while it is not, and for one that failed. One that
    /// did not come by /v1 is told as that API tells it when nothing was asked for.
    #[must_use]
    pub fn report(&self, document: &DocumentRecord, links: Links) -> Option<Report> {
        self.report_with(document, None, links)
    }

    /// The same with a heatmap that is in hand and stored nowhere. One that cannot be had any more is warned of.
    #[must_use]
    pub fn report_with(&self, document: &DocumentRecord, heatmap: Option<String>, links: Links) -> Option<Report> {
        let verdict = document.verdict.as_ref().filter(|_| document.status == DocumentStatus::Done)?;
        let drawn = document.heatmap.status == AssetStatus::Ready && document.asked.as_ref().is_some_and(|asked| asked.heatmap);
        let link = || match links {
            Links::Open => self.asset_url(document.id, Asset::Heatmap),
            Links::Bare => self.asset_address(document.id, Asset::Heatmap),
        };
        let heatmap = heatmap.or_else(|| drawn.then(link));
        Some(report(document, verdict, heatmap))
    }

    /// Why a document failed, as its owner is told; `None` for one that did not.
    #[must_use]
    pub fn refusal(&self, document: &DocumentRecord) -> Option<Refusal> {
        let (least, most) = (self.settings().uploads.min_bytes, self.v1().max_image_bytes);
        (document.status == DocumentStatus::Failed).then(|| match document.failure {
            Some(FailureCode::InvalidRequest) => Refusal::Undecodable { reason: document.error_message.clone().unwrap_or_default() },
            Some(FailureCode::ImageUnfetchable) => Refusal::Unfetchable { least, most },
            Some(FailureCode::ImageTooLarge) => Refusal::ImageTooLarge { most, got: None },
            // The log has it under the document's id.
            Some(FailureCode::InternalError) | None => Refusal::Internal { reference: document.id.to_string() },
        })
    }
}

fn report(document: &DocumentRecord, verdict: &Verdict, heatmap_url: Option<String>) -> Report {
    let asked = document.asked.clone().unwrap_or_default();
    let (answer, confidence, verdict_confidence) = weighed(verdict, asked.threshold);
    let unstored = asked.heatmap && heatmap_url.is_none() && document.organization.keeps_nothing();
    Report {
        id: document.id.0,
        verdict: answer,
        confidence,
        verdict_confidence,
        model_attribution: if answer == Answer::AiGenerated { attribution(verdict, &asked) } else { BTreeMap::new() },
        heatmap_url,
        c2pa_manifest_present: verdict.finding(Stage::Provenance).is_some_and(|finding| !finding.signals.is_empty()),
        forensics: document.forensics.clone().filter(|_| asked.forensics),
        metadata: asked.metadata,
        regions: document.regions.iter().map(Region::from).collect(),
        signals: verdict.signals().map(ReportedSignal::from).collect(),
        unsure: verdict.unsure,
        label: verdict.label.name(),
        warnings: verdict.warnings().filter_map(warning).chain(unstored.then(not_stored)).collect(),
        model: ReportedModel { name: verdict.model.name.clone(), version: verdict.model.version.clone() },
        test: document.test,
        cached: document.cached,
    }
}

/// The answer at this threshold, the likelihood of AI, and how sure that makes of the answer, both 0–1.
fn weighed(verdict: &Verdict, threshold: f64) -> (Answer, f64, f64) {
    let confidence = (verdict.ai_likelihood / 100.0).clamp(0.0, 1.0);
    if confidence >= threshold { (Answer::AiGenerated, confidence, confidence) } else { (Answer::Authentic, confidence, 1.0 - confidence) }
}

/// The answer at this threshold, 0–1.
pub(crate) fn answer(verdict: &Verdict, threshold: f64) -> Answer {
    weighed(verdict, threshold).0
}

/// Only what the detector itself says is generated is attributed (row X1).
fn attribution(verdict: &Verdict, asked: &Asked) -> BTreeMap<String, f64> {
    let generated = matches!(verdict.label, Label::AiGenerated | Label::AiEdited);
    let shares = verdict.attribution.iter().filter(|_| asked.attribution && generated);
    shares.map(|share| (share.name.clone(), share.share)).collect()
}

impl From<&Spot> for Region {
    fn from(spot: &Spot) -> Self {
        let Spot { x, y, width, height, share, score } = *spot;
        Self { x, y, width, height, share, score }
    }
}

impl From<&Signal> for ReportedSignal {
    fn from(signal: &Signal) -> Self {
        Self {
            stage: signal.stage.name(),
            code: signal.code.clone(),
            summary: signal.summary.clone(),
            score: signal.score,
            weight: signal.weight,
            decisive: signal.decisive,
            unsigned_claim: signal.unsigned_claim,
        }
    }
}

/// Where nothing is kept but the verdict, a heatmap is only in the one answer that its image was judged for.
fn not_stored() -> ReportedWarning {
    ReportedWarning { r#type: "heatmap_not_stored", label: NOT_STORED.to_owned() }
}

/// That a picture was examined and is no photograph of a screen is no warning.
fn warning(warning: &Warning) -> Option<ReportedWarning> {
    let (r#type, label) = match warning {
        Warning::SourceSize { label } => ("source_size", label),
        Warning::BlurDark { label } => ("blur_dark", label),
        Warning::ScreenRecapture { metrics, .. } if !metrics.is_screen => return None,
        Warning::ScreenRecapture { label, .. } => ("screen_recapture", label),
        Warning::Watermark { label, .. } => ("watermark", label),
        Warning::FirstFrameOnly { label, .. } => ("first_frame_only", label),
    };
    Some(ReportedWarning { r#type, label: label.clone() })
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
