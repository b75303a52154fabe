//! The reasoning: what the verdict is and what settled it, in that signal's own words, how the other stages stand, and what a reader
//! should hold against it.

use touchstone_core::{
    analysis::Agreement,
    finding::{Finding, Look, Signal, Stage},
    verdict::{Label, Verdict},
};

use super::{
    CAMERA,
    agreement::{self, Direction},
    blur_dark, editor, has, is_screen, rests_on_unsigned,
};
use crate::{probe::UNSTABLE, region::GENERATED_REGION};

/// Four sentences; three where no signal is at hand. The last but one tells how the stages stand, as `agreement` does in a word.
pub(super) fn of(verdict: &Verdict) -> Vec<String> {
    let because = strongest(verdict).map(|signal| signal.summary.clone());
    [Some(opening(verdict)), because, Some(standing(verdict)), Some(caveat(verdict))].into_iter().flatten().collect()
}

fn opening(verdict: &Verdict) -> String {
    let (label, likelihood) = (verdict.label.name(), verdict.ai_likelihood);
    if verdict.unsure {
        return format!("The answer is unsure: {label} is only the likelier reading, with a likelihood of AI of {likelihood:.0} in 100.");
    }
    format!("The verdict is {label}, settled by {}, with a likelihood of AI of {likelihood:.0} in 100.", settled_by(verdict))
}

fn settled_by(verdict: &Verdict) -> &'static str {
    if verdict.label == Label::DigitallyEdited && editor(verdict).is_some() {
        return "an editor's trace in the file";
    }
    match strongest(verdict) {
        Some(signal) if signal.code == GENERATED_REGION => "a region that stands out to the model",
        signal => match signal.map_or(verdict.decided_by, |signal| signal.stage) {
            Stage::Metadata => "a record in the file",
            Stage::Provenance => "its Content Credentials",
            Stage::Watermark => "a generator's mark in the pixels",
            Stage::Quality | Stage::Classifier => "what the model sees in the pixels",
        },
    }
}

/// The signal that the label rests on.
fn strongest(verdict: &Verdict) -> Option<&Signal> {
    if verdict.label == Label::DigitallyEdited {
        return editor(verdict).or_else(|| moved(verdict).next());
    }
    moved(verdict).reduce(|best, next| if rank(next) > rank(best) { next } else { best })
}

/// A signed record speaks before an unsigned one that says as much.
fn rank(signal: &Signal) -> (f64, bool, f64) {
    (signal.weight, !signal.unsigned_claim, signal.score.unwrap_or(0.0))
}

fn moved(verdict: &Verdict) -> impl Iterator<Item = &Signal> {
    verdict.signals().filter(|signal| signal.weight > 0.0)
}

fn standing(verdict: &Verdict) -> String {
    let voices = agreement::voices(verdict);
    let pointing = |wanted| list(voices.iter().filter(|(_, direction)| *direction == wanted).map(|(stage, _)| name(*stage)));
    if agreement::of(verdict, &voices) == Agreement::Disagreement {
        return format!("The stages disagree: {} for AI, {} against it.", pointing(Direction::Ai), pointing(Direction::Other));
    }
    if voices.len() > 1 {
        let alike = if voices.windows(2).all(|pair| pair[0].1 == pair[1].1) { "the same way" } else { "ways that fit together" };
        return format!("Several stages speak, and they point {alike}: {}.", list(voices.iter().map(|(stage, _)| name(*stage))));
    }
    let speaks = |finding: &&Finding| voices.iter().all(|(stage, _)| *stage != finding.stage) && finding.stage != Stage::Quality;
    let others: Vec<&Finding> = verdict.findings.iter().filter(speaks).collect();
    let failed = list(others.iter().filter(|finding| matches!(finding.look, Look::CouldNotLook(_))).map(|finding| name(finding.stage)));
    let silent = list(others.iter().filter(|finding| finding.look == Look::Looked).map(|finding| name(finding.stage)));
    match (failed.is_empty(), silent.is_empty()) {
        (false, _) => format!("Not all could look ({failed}), so that nothing is known from there."),
        (true, false) => format!("Nothing else speaks either way: {silent} found nothing that does."),
        (true, true) => "No other stage was asked.".to_owned(),
    }
}

fn caveat(verdict: &Verdict) -> String {
    let unstable = verdict.signals().find(|signal| signal.code == UNSTABLE).filter(|_| verdict.unsure);
    if let Some(unstable) = unstable {
        return unstable.summary.clone();
    }
    let blurred = blur_dark(verdict).map(str::to_lowercase);
    let by = strongest(verdict);
    let told = match by.map(|signal| signal.stage) {
        Some(Stage::Watermark) if rests_on_unsigned(verdict) => {
            "Anybody can put such a mark onto a photograph, so it is unsigned and no proof."
        }
        Some(Stage::Metadata | Stage::Provenance) if rests_on_unsigned(verdict) => {
            "That record is unsigned: anybody could have written it, so it is no proof."
        }
        Some(Stage::Provenance) if by.is_some_and(|signal| !signal.unsigned_claim && signal.decisive) => {
            "Its signer is trusted, the strongest proof that a file can carry."
        }
        _ if has(verdict, CAMERA) => "The camera's record in the file changes nothing: anybody can copy one.",
        _ if is_screen(verdict) => "It looks like a photograph of a screen, so its pixels tell less than usual.",
        _ if blurred.is_some() => return format!("The picture is {}, so its pixels tell less than usual.", blurred.unwrap_or_default()),
        _ if verdict.label.is_suspicious() => "It is a reason to look closer, and no proof.",
        _ => "Finding nothing does not prove that a camera took it.",
    };
    told.to_owned()
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Metadata => "the file's records",
        Stage::Provenance => "the Content Credentials",
        Stage::Watermark => "the search for marks",
        Stage::Quality => "the picture's quality",
        Stage::Classifier => "the model",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        last => last.map(|(last, _)| (*last).to_owned()).unwrap_or_default(),
    }
}
