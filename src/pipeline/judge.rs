//! One picture's way through the stages: records, watermark, quality, model, fusion. Blocking and deterministic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use serde_json::json;
use touchstone_core::{
    finding::{Finding, Signal, Stage},
    submission::Profile,
    verdict::{Label, Rules, Verdict},
};

pub use crate::open::OpenError;
use crate::{
    Settings,
    classifier::{self, Classifier, Seen},
    decoder::Undecoded,
    fuse::{self, Fused},
    infer::{self, InferError, Workers},
    lab::Lab,
    model::{ModelCard, Thresholds},
    patches::PatchGrid,
    picture::{Picture, Unreadable},
    probe,
    region::Region,
    settings::Limits,
    stage::Look,
    stages::{metadata::Metadata, quality::Quality, watermark::Watermark},
};

/// Counts up with every change of this crate after which the same bytes may get another verdict, or the same one in other words, although
/// model and settings are the same. Releases count by themselves: their version is among the rules.
const REVISION: u32 = 1;

/// Everything needed to judge. Cheap to clone; clones share the model and its threads.
#[derive(Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

struct Inner {
    lab: Lab,
    threads: usize,
    classifier: Classifier,
    /// In the order in which they look. Those before the watermark speak at step 1.
    stages: Vec<Box<dyn Look>>,
    bypass_watermark: bool,
}

/// When the patches for a heatmap are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heatmap {
    /// No heatmap will be drawn.
    Never,
    /// When the label is anything but "Real"; the model then looks even where a record had decided.
    WhenSuspicious,
    /// Whatever the label.
    Always,
}

/// What is asked beside the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// When [`Judged::patches`] is wanted.
    pub heatmap: Heatmap,
    /// Have the model speak also where something decisive stopped earlier; its signal then has weight 0.
    pub always_classify: bool,
    /// Whose thresholds turn the model's probability into words.
    pub profile: Profile,
}

/// A picture and its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What to say.
    pub verdict: Verdict,
    /// The decoded picture, for whatever is drawn from it.
    pub picture: Picture,
    /// For the heatmap: present when it was asked for and the label is of the asked kind, unless the model could not look at
    /// a picture that a record had already settled.
    pub patches: Option<PatchGrid>,
    /// What the model saw, where it was asked for an opinion.
    pub seen: Option<Seen>,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    /// The file's fault; the message is for whoever sent it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Ours, and passing: try again later.
    #[error("every place in the inference queue is taken")]
    Busy,
    /// Ours: nothing decisive was seen and the model could not look. Never to be told as "Real".
    #[error("the classifier could not look: {0}")]
    Classifier(String),
    /// Ours: the process that decodes this format could not be run.
    #[error("the decoder could not be run: {0}")]
    Decoder(String),
}

impl From<Undecoded> for Unjudged {
    fn from(error: Undecoded) -> Self {
        match error {
            Undecoded::Unreadable(why) => Self::Unreadable(why),
            Undecoded::Failed(why) => Self::Decoder(why),
        }
    }
}

impl Pipeline {
    /// Reads the model and starts its threads, in this process whatever the settings' backend is.
    ///
    /// # Errors
    /// When the card, the weights or the runtime library are missing or wrong.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        Self::open_on(settings, infer::embedded)
    }

    /// Reads the model and has `start` start the threads that run it, in this process or elsewhere.
    ///
    /// # Errors
    /// When the card is missing or wrong, and what `start` ends with.
    pub fn open_on(
        settings: &Settings,
        start: impl FnOnce(&Settings, &ModelCard) -> Result<Workers, OpenError>,
    ) -> Result<Self, OpenError> {
        let card = ModelCard::read(&settings.model)?;
        let workers = start(settings, &card)?;
        Self::new(settings, workers.threads(), Classifier::new(card, Arc::new(workers)))
    }

    /// A pipeline around a classifier that runs `threads` pictures side by side, wherever it runs.
    ///
    /// # Errors
    /// When the installed trust list cannot be used.
    pub fn new(settings: &Settings, threads: usize, classifier: Classifier) -> Result<Self, OpenError> {
        let lab = Lab::open(settings)?;
        let provenance = Box::new(lab.provenance().clone());
        let stages: Vec<Box<dyn Look>> = vec![Box::new(Metadata), provenance, Box::new(Watermark), Box::new(Quality)];
        Ok(Self { inner: Arc::new(Inner { lab, threads, classifier, stages, bypass_watermark: settings.bypass_watermark }) })
    }

    /// Decodes a file and judges it.
    ///
    /// # Errors
    /// See [`Unjudged`].
    pub fn judge(&self, bytes: Bytes, ask: &Ask) -> Result<Judged, Unjudged> {
        self.judge_picture(self.decode(bytes)?, ask)
    }

    /// Decodes a file of any accepted format; some formats in a child process.
    ///
    /// # Errors
    /// When the file cannot be read, and when the child cannot be run.
    pub fn decode(&self, bytes: Bytes) -> Result<Picture, Undecoded> {
        self.inner.lab.decode(bytes)
    }

    /// Judges a picture that is decoded already.
    ///
    /// # Errors
    /// See [`Unjudged`]; never `Unreadable` nor `Decoder`.
    pub fn judge_picture(&self, picture: Picture, ask: &Ask) -> Result<Judged, Unjudged> {
        let mut findings = self.look(&picture);
        let thresholds = self.card().thresholds_of(ask.profile);
        let decided = fuse::decided(&findings).is_some();
        let classified = (!decided || ask.always_classify).then(|| self.inner.classifier.look(&picture));
        findings.push(self.classified(&picture, decided, classified.as_ref(), thresholds)?);
        let fused = fuse::fuse(findings, thresholds);
        let fused = fused.ok_or_else(|| Unjudged::Classifier(why(classified.as_ref())))?;
        let patches = self.patches(&picture, ask.heatmap, &fused, classified.as_ref())?;
        let seen = classified.and_then(Result::ok);
        Ok(Judged { verdict: self.verdict(fused, ask.profile, &picture, seen.as_ref()), picture, patches, seen })
    }

    /// The part of a judged picture that looks generated while the rest does not, by the card's rule; `None` when none does, and when the
    /// model was not asked.
    #[must_use]
    pub fn region(&self, judged: &Judged) -> Option<Region> {
        let (edits, rgb) = (self.card().edits?, &judged.picture.rgb);
        Region::hottest(rgb.width(), rgb.height(), &judged.seen.as_ref()?.patches).filter(|region| region.stands_out(edits))
    }

    /// Everything of this pipeline that a verdict under this profile depends on, in one line: where it is the same, so is the verdict on the
    /// same bytes.
    #[must_use]
    pub fn identity(&self, profile: Profile) -> String {
        let (card, inner) = (self.card(), &self.inner);
        // The whole card, word for word: more of it decides than its thresholds.
        let card = (&card.name.name, &card.name.version, &card.text_sha256);
        json!([REVISION, card, self.rules(profile), inner.lab.limits(), inner.bypass_watermark]).to_string()
    }

    /// The model's card.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        self.inner.classifier.card()
    }

    /// How many pictures the model works on at the same time.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.inner.threads
    }

    /// What decoding may cost.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.inner.lab.limits()
    }

    /// The stages before the classifier, in order. For measuring; [`Pipeline::judge`] runs them as the rules say.
    #[must_use]
    pub fn stages(&self) -> &[Box<dyn Look>] {
        &self.inner.stages
    }

    /// The classifier. For measuring and for drawing a heatmap anew.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.inner.classifier
    }

    /// Everything but the model: a decisive record makes the watermark stage needless, quality always looks for its warnings.
    fn look(&self, picture: &Picture) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::with_capacity(self.inner.stages.len() + 1);
        for stage in &self.inner.stages {
            let skip = stage.stage() == Stage::Watermark && (self.inner.bypass_watermark || fuse::decided(&findings).is_some());
            findings.push(if skip { Finding::skipped(stage.stage()) } else { guarded(stage.as_ref(), picture) });
        }
        findings
    }

    /// What the model says: its score, a region that stands out, and, where it is the model that decides, whether that holds.
    fn classified(
        &self,
        picture: &Picture,
        decided: bool,
        seen: Option<&Result<Seen, InferError>>,
        thresholds: &Thresholds,
    ) -> Result<Finding, Unjudged> {
        match seen {
            None => Ok(Finding::skipped(Stage::Classifier)),
            Some(Ok(seen)) => {
                let mut finding = classifier::finding(seen, thresholds);
                let region = self.card().edits.and_then(|edits| {
                    Region::hottest(picture.rgb.width(), picture.rgb.height(), &seen.patches).and_then(|region| region.signal(edits))
                });
                finding.signals.extend(region);
                if !decided {
                    finding.signals.extend(self.unstable(picture, seen.probability, thresholds)?);
                }
                Ok(finding)
            }
            Some(Err(InferError::Busy)) => Err(Unjudged::Busy),
            Some(Err(InferError::Failed(reason))) => Ok(Finding::could_not_look(Stage::Classifier, reason)),
        }
    }

    /// Row X2, for a probability in the card's near range.
    fn unstable(&self, picture: &Picture, p: f64, thresholds: &Thresholds) -> Result<Option<Signal>, Unjudged> {
        let Thresholds { ai, near_low: Some(low), near_high: Some(high), .. } = *thresholds else { return Ok(None) };
        if !(low..=high).contains(&p) {
            return Ok(None);
        }
        probe::unstable(&self.inner.classifier, picture, p, ai, self.inner.lab.limits()).map_err(|error| match error {
            InferError::Busy => Unjudged::Busy,
            InferError::Failed(reason) => Unjudged::Classifier(reason),
        })
    }

    fn verdict(&self, fused: Fused, profile: Profile, picture: &Picture, seen: Option<&Seen>) -> Verdict {
        let Fused { label, ai_likelihood, confidence, unsure, decided_by, findings } = fused;
        // X1: nothing is attributed that is not said to be generated.
        let generated = matches!(label, Label::AiGenerated | Label::AiEdited);
        let attribution = seen.filter(|_| generated).map(|seen| seen.attribution.clone()).unwrap_or_default();
        let kind = seen.map(|seen| seen.kind.clone()).unwrap_or_default();
        let (image, model) = (picture.facts.clone(), self.card().name.clone());
        let rules = Some(self.rules(profile));
        Verdict { label, ai_likelihood, confidence, unsure, decided_by, findings, image, model, profile, rules, attribution, kind }
    }

    fn rules(&self, profile: Profile) -> Rules {
        let Thresholds { ai, unsure_low, unsure_high, .. } = *self.card().thresholds_of(profile);
        let trust_list = self.inner.lab.trust_list().map(|list| list.sha256.clone());
        Rules { weights: self.card().sha256(), pipeline: env!("CARGO_PKG_VERSION").to_owned(), ai, unsure_low, unsure_high, trust_list }
    }

    /// The patches, if they are wanted; the model looks for the map alone where it had not looked yet (row T7).
    fn patches(
        &self,
        picture: &Picture,
        heatmap: Heatmap,
        fused: &Fused,
        seen: Option<&Result<Seen, InferError>>,
    ) -> Result<Option<PatchGrid>, Unjudged> {
        let wanted = match heatmap {
            Heatmap::Never => false,
            Heatmap::WhenSuspicious => fused.label.is_suspicious(),
            Heatmap::Always => true,
        };
        let classifier = &self.inner.classifier;
        if !wanted || !self.card().has_heatmap() {
            return Ok(None);
        }
        let patches = match seen {
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(seen)) if !classifier.maps_closer(picture) => Ok(seen.patches.clone()),
            _ => classifier.map(picture),
        };
        match patches {
            Ok(patches) => Ok(Some(patches)),
            Err(InferError::Busy) => Err(Unjudged::Busy),
            Err(InferError::Failed(reason)) => {
                tracing::warn!(reason, "the model failed on the heatmap's squares; the verdict stands");
                Ok(seen.and_then(|seen| seen.as_ref().ok()).map(|seen| seen.patches.clone()))
            }
        }
    }
}

/// Parsers of other people run inside a stage; a panic of theirs on a crooked file must not cost the verdict.
fn guarded(stage: &dyn Look, picture: &Picture) -> Finding {
    catch_unwind(AssertUnwindSafe(|| stage.look(picture))).unwrap_or_else(|_| {
        tracing::error!(stage = stage.stage().name(), sha256 = picture.facts.sha256, "a stage panicked");
        Finding::could_not_look(stage.stage(), "the stage failed on this file")
    })
}

fn why(seen: Option<&Result<Seen, InferError>>) -> String {
    match seen {
        Some(Err(error)) => error.to_string(),
        Some(Ok(seen)) => format!("its probability is {}", seen.probability),
        None => "it was not asked".into(),
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
