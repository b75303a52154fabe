//! Whether the stages point the same way.
//!
//! A stage that found nothing has no voice: records and marks are stripped by every messenger, so silence says nothing. Quality
//! never points anywhere, but it tells when the pixels are seen too badly.

use touchstone_core::{
    analysis::Agreement,
    finding::{Edit, Finding, Look, Signal, Stage},
    verdict::{Label, Verdict},
};

use super::{blur_dark, is_screen};
use crate::{classifier::PIXEL_MODEL, region::GENERATED_REGION};

/// Confidence, 0–100, from which a single voice is clear.
const CLEAR: f64 = 75.0;

/// How far from 50 the model's score lies, at least, where it speaks beside what settled the question.
const AUDIBLE: f64 = 10.0;

/// Which way a stage points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The whole was generated.
    Ai,
    /// A part was generated, which contradicts neither of the others.
    Part,
    /// It was not generated.
    Other,
}

/// One stage's voice.
pub(super) type Voice = (Stage, Direction);

/// The stages that point somewhere, in their order.
pub(super) fn voices(verdict: &Verdict) -> Vec<Voice> {
    let looked = verdict.findings.iter().filter(|finding| finding.look == Look::Looked);
    looked.filter_map(|finding| Some((finding.stage, direction(verdict, finding)?))).collect()
}

fn direction(verdict: &Verdict, finding: &Finding) -> Option<Direction> {
    match finding.stage {
        Stage::Quality => None,
        Stage::Classifier => classifier(verdict, finding),
        Stage::Metadata | Stage::Provenance | Stage::Watermark => {
            let argues = finding.signals.iter().filter_map(|signal| Some((signal.score.unwrap_or(0.0), points(signal)?)));
            argues.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, direction)| direction)
        }
    }
}

fn points(signal: &Signal) -> Option<Direction> {
    match (signal.edit, signal.score) {
        (Some(Edit::Ai), _) => Some(Direction::Part),
        (None, Some(score)) if score > 50.0 => Some(Direction::Ai),
        (None, Some(score)) if score < 50.0 => Some(Direction::Other),
        _ => None,
    }
}

/// Where the model decides, its direction is the label's, wherever the card's threshold lies.
fn classifier(verdict: &Verdict, finding: &Finding) -> Option<Direction> {
    let score = finding.signals.iter().find(|signal| signal.code == PIXEL_MODEL)?.score?;
    if verdict.decided_by != Stage::Classifier {
        let beyond = score - 50.0;
        return (beyond.abs() >= AUDIBLE).then_some(if beyond > 0.0 { Direction::Ai } else { Direction::Other });
    }
    Some(match verdict.label {
        Label::AiGenerated => Direction::Ai,
        Label::AiEdited if finding.signals.iter().any(|signal| signal.code == GENERATED_REGION) => Direction::Part,
        _ => Direction::Other,
    })
}

/// What the voices make together.
pub(super) fn of(verdict: &Verdict, voices: &[Voice]) -> Agreement {
    let points = |wanted| voices.iter().any(|(_, direction)| *direction == wanted);
    let seen_badly = blur_dark(verdict).is_some() || is_screen(verdict);
    let (is_alone, alike) = (voices.len() < 2, voices.windows(2).all(|pair| pair[0].1 == pair[1].1));
    if points(Direction::Ai) && points(Direction::Other) {
        Agreement::Disagreement
    } else if verdict.unsure || voices.is_empty() || verdict.decided_by == Stage::Classifier && seen_badly {
        Agreement::Weak
    } else if alike && !is_alone {
        Agreement::Strong
    } else if verdict.confidence >= CLEAR {
        Agreement::Moderate
    } else {
        Agreement::Weak
    }
}
