//! The only place that combines findings: what every stage said becomes one label, one likelihood, and the weight that each
//! signal had in it. Pure and small, so that a moderator's "why?" can be answered by reading it.
//!
//! The rules, in order:
//! 1. A decisive record (metadata, provenance) settles it; else a decisive watermark does.
//! 2. Else the model's probability P does: "AI Generated" from the card's threshold on.
//! 3. Below the threshold a record that argues for an AI edit makes it "AI Edited", with the stronger of P and its own score. So
//!    does a generated region amid a rest that is not, and that also while P lies less than halfway from the threshold to 1:
//!    a large region lifts P, too.
//! 4. Below the threshold traces of an ordinary editor make it "Digitally Edited"; P stands.
//! 5. Else it is "Real".
//!
//! The likelihood is always the weighted mean of the signals that moved it, and their weights sum to 1. Nothing but a
//! decisive record can lower what the model says: camera EXIF, above all, is copied too easily to count for anything.

use touchstone_core::{
    finding::{Edit, Finding, Signal, Stage},
    verdict::Label,
};

use crate::{classifier::PIXEL_MODEL, model::Thresholds, probe::UNSTABLE, region::GENERATED_REGION};

/// The verdict's core.
#[derive(Debug, Clone, PartialEq)]
pub struct Fused {
    /// The answer.
    pub label: Label,
    /// Likelihood of AI, 0–100.
    pub ai_likelihood: f64,
    /// How sure the label is, 0–100.
    pub confidence: f64,
    /// P decided, and lies in the card's unsure range or does not hold when the picture is saved again or made smaller (row X2).
    pub unsure: bool,
    /// The stage that settled it.
    pub decided_by: Stage,
    /// What came in, with the weights set.
    pub findings: Vec<Finding>,
}

/// A likelihood that is said of an AI edit whose record carries no score of its own.
const UNSCORED_AI_EDIT: f64 = 75.0;

/// Where the pipeline may stop, in order: the stages that speak together at each step.
const DECISIVE: [&[Stage]; 2] = [&[Stage::Provenance, Stage::Metadata], &[Stage::Watermark]];

/// Stages that read what others wrote into the file or onto the picture.
const RECORDS: [Stage; 3] = [Stage::Metadata, Stage::Provenance, Stage::Watermark];

/// The stage whose decisive signal settles the question without the model, if any does. Of a signed and an unsigned record
/// that decide together the signed one is named.
#[must_use]
pub fn decided(findings: &[Finding]) -> Option<Stage> {
    DECISIVE.iter().find_map(|step| step.iter().copied().find(|stage| signals(findings, &[*stage]).any(settles)))
}

/// Combines what every stage said. `None` when nothing decisive was seen and the model did not look.
#[must_use]
pub fn fuse(mut findings: Vec<Finding>, thresholds: &Thresholds) -> Option<Fused> {
    findings.iter_mut().flat_map(|finding| &mut finding.signals).for_each(|signal| signal.weight = 0.0);
    match decided(&findings) {
        Some(stage) => Some(by_record(findings, stage)),
        None => by_model(findings, thresholds),
    }
}

fn by_record(mut findings: Vec<Finding>, decided_by: Stage) -> Fused {
    let step = DECISIVE.iter().copied().find(|step| step.contains(&decided_by)).unwrap_or(&[]);
    let ai_likelihood = share(&mut findings, |signal| (settles(signal) && step.contains(&signal.stage)).then(|| score(signal, 100.0)));
    let only_edits = signals(&findings, step).filter(|signal| settles(signal)).all(|signal| signal.edit == Some(Edit::Ai));
    let label = match ai_likelihood >= 50.0 {
        true if only_edits => Label::AiEdited,
        true => Label::AiGenerated,
        false => Label::Real,
    };
    Fused { label, ai_likelihood, confidence: confidence(label, ai_likelihood), unsure: false, decided_by, findings }
}

fn by_model(mut findings: Vec<Finding>, thresholds: &Thresholds) -> Option<Fused> {
    let model = signals(&findings, &[Stage::Classifier]).find(|signal| signal.code == PIXEL_MODEL)?;
    let percent = model.score.filter(|score| score.is_finite())?.clamp(0.0, 100.0);
    let p = percent / 100.0;
    let argues = |signal: &Signal| ai_edit(signal).filter(|_| p < most_p(signal, thresholds));
    let edited = findings.iter().flat_map(|finding| &finding.signals).filter_map(argues).max_by(f64::total_cmp);
    let label = match edited {
        Some(_) => Label::AiEdited,
        None if p >= thresholds.ai => Label::AiGenerated,
        None if signals(&findings, &RECORDS).any(|signal| signal.edit == Some(Edit::Digital)) => Label::DigitallyEdited,
        None => Label::Real,
    };
    let ai_likelihood = share(&mut findings, |signal| match edited.filter(|record| *record > percent) {
        Some(record) => argues(signal).filter(|score| *score >= record),
        None => (signal.stage == Stage::Classifier && signal.code == PIXEL_MODEL).then_some(percent),
    });
    let unstable = signals(&findings, &[Stage::Classifier]).any(|signal| signal.code == UNSTABLE);
    let unsure = unstable || (thresholds.unsure_low..=thresholds.unsure_high).contains(&p);
    let confidence = confidence(label, ai_likelihood);
    Some(Fused { label, ai_likelihood, confidence, unsure, decided_by: Stage::Classifier, findings })
}

/// What a record or a region argues for, where it argues for an AI edit at all.
fn ai_edit(signal: &Signal) -> Option<f64> {
    let speaks = RECORDS.contains(&signal.stage) || signal.code == GENERATED_REGION;
    (speaks && signal.edit == Some(Edit::Ai)).then(|| score(signal, UNSCORED_AI_EDIT)).filter(|score| *score >= 50.0)
}

/// Below which P such a signal makes the picture an edited one rather than a generated one.
fn most_p(signal: &Signal, thresholds: &Thresholds) -> f64 {
    if signal.code == GENERATED_REGION { (thresholds.ai + 1.0) / 2.0 } else { thresholds.ai }
}

/// Whether a signal settles the question. Traces of an ordinary editor never do: they say nothing about generation.
fn settles(signal: &Signal) -> bool {
    signal.decisive && signal.edit != Some(Edit::Digital)
}

/// Gives every signal for which `says` has a score the same weight, and returns the weighted mean.
fn share(findings: &mut [Finding], says: impl Fn(&Signal) -> Option<f64>) -> f64 {
    let spoken: Vec<f64> = findings.iter().flat_map(|finding| &finding.signals).filter_map(&says).collect();
    let weight = 1.0 / spoken.len().max(1) as f64;
    for signal in findings.iter_mut().flat_map(|finding| &mut finding.signals) {
        signal.weight = if says(signal).is_some() { weight } else { 0.0 };
    }
    (spoken.iter().sum::<f64>() * weight).clamp(0.0, 100.0)
}

fn confidence(label: Label, ai_likelihood: f64) -> f64 {
    match label {
        Label::AiGenerated | Label::AiEdited => ai_likelihood,
        Label::DigitallyEdited | Label::Real => 100.0 - ai_likelihood,
    }
}

fn score(signal: &Signal, unscored: f64) -> f64 {
    signal.score.filter(|score| score.is_finite()).map_or(unscored, |score| score.clamp(0.0, 100.0))
}

fn signals<'a>(findings: &'a [Finding], stages: &'a [Stage]) -> impl Iterator<Item = &'a Signal> {
    findings.iter().flat_map(|finding| &finding.signals).filter(move |signal| stages.contains(&signal.stage))
}

#[cfg(test)]
mod tests;
