//! The analyst: a verdict in words (rows T9 and X4). Pure and deterministic; it adds nothing to the verdict.
//!
//! Every line rests on something that the verdict holds: a signal, a warning, a stage's state, a share, a fact of the file. Key
//! indicators are the signals' own sentences. An optional vision model may add to it ([`wording`]), within the rule stated there.

mod advice;
mod agreement;
mod patterns;
mod reasoning;
#[cfg(test)]
mod tests;
mod vocabulary;
pub mod wording;

use touchstone_core::{
    analysis::Analysis,
    finding::{Edit, Signal, Warning},
    verdict::Verdict,
};

use crate::probe::UNSTABLE;

/// Most tags, indicators, patterns and recommendations.
const MOST: usize = 5;

/// The code of a camera's record, which argues neither way: anybody can copy one.
const CAMERA: &str = "camera_exif";

/// Puts a verdict into words.
#[must_use]
pub fn of(verdict: &Verdict) -> Analysis {
    let agreement = agreement::of(verdict, &agreement::voices(verdict));
    Analysis {
        agreement,
        image_tags: patterns::tags(verdict),
        confidence: verdict.confidence,
        key_indicators: indicators(verdict),
        detailed_reasoning: reasoning::of(verdict).join(" "),
        visual_patterns: patterns::of(verdict),
        recommendations: advice::of(verdict, agreement),
    }
}

/// The signals that moved the verdict, the weightiest first, then those that argue beside it.
fn indicators(verdict: &Verdict) -> Vec<String> {
    let argues = |signal: &&Signal| signal.score.is_some() || signal.edit.is_some() || signal.code == UNSTABLE;
    let (mut moved, beside): (Vec<&Signal>, Vec<&Signal>) = verdict.signals().partition(|signal| signal.weight > 0.0);
    moved.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    distinct(moved.into_iter().chain(beside.into_iter().filter(argues)).map(|signal| signal.summary.clone()))
}

/// The first [`MOST`] different lines.
fn distinct(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if kept.len() < MOST && kept.iter().all(|other| !other.eq_ignore_ascii_case(&line)) {
            kept.push(line);
        }
    }
    kept
}

fn has(verdict: &Verdict, code: &str) -> bool {
    verdict.signals().any(|signal| signal.code == code)
}

/// The traces of an ordinary editor, if there are any.
fn editor(verdict: &Verdict) -> Option<&Signal> {
    verdict.signals().find(|signal| signal.edit == Some(Edit::Digital))
}

/// `Blurred` or `Dark`, if the picture was found so.
fn blur_dark(verdict: &Verdict) -> Option<&str> {
    verdict.warnings().find_map(|warning| if let Warning::BlurDark { label } = warning { Some(label.as_str()) } else { None })
}

fn is_screen(verdict: &Verdict) -> bool {
    verdict.warnings().any(|warning| matches!(warning, Warning::ScreenRecapture { metrics, .. } if metrics.is_screen))
}

/// Whether the signals that settled it could have been written by anybody.
fn rests_on_unsigned(verdict: &Verdict) -> bool {
    let mut moved = verdict.signals().filter(|signal| signal.weight > 0.0).peekable();
    moved.peek().is_some() && moved.all(|signal| signal.unsigned_claim)
}
