//! What sort of picture it is and what became of it: tags, and sentences on the whole rather than on one cue.

use touchstone_core::{
    finding::{Look, Stage, Warning},
    verdict::Verdict,
};

use super::{CAMERA, blur_dark, distinct, editor, has, is_screen};

/// Share from which a sort of picture is worth a tag.
const LIKELY: f64 = 0.3;

/// The family that stands for all that the model does not know.
const OTHER: &str = "other";

/// Remarks of the quality stage that say what became of the file.
const HISTORY: [&str; 2] = ["jpeg_quality", "double_compression"];

/// At most five; at least the file's format.
pub(super) fn tags(verdict: &Verdict) -> Vec<String> {
    let facts = &verdict.image;
    let kinds = verdict.kind.iter().filter(|kind| kind.share >= LIKELY).take(2).map(|kind| plain(&kind.name));
    let seen = [
        blur_dark(verdict).map(str::to_lowercase),
        is_screen(verdict).then(|| "photo of a screen".to_owned()),
        editor(verdict).map(|_| "edited".to_owned()),
        has(verdict, CAMERA).then(|| "camera record".to_owned()),
        (facts.frames > 1).then(|| "several frames".to_owned()),
        Some(facts.format.name().to_lowercase()),
    ];
    distinct(kinds.chain(seen.into_iter().flatten()))
}

/// At least one, since the size is always known.
pub(super) fn of(verdict: &Verdict) -> Vec<String> {
    let history = verdict.signals().filter(|signal| HISTORY.contains(&signal.code.as_str())).map(|signal| signal.summary.clone());
    let size = format!("It measures {} × {} pixels.", verdict.image.width, verdict.image.height);
    let lines = kind(verdict).into_iter().chain(family(verdict)).chain(verdict.warnings().filter_map(warning)).chain(history);
    distinct(lines.chain(unseen(verdict)).chain([size]))
}

fn kind(verdict: &Verdict) -> Option<String> {
    let kind = verdict.kind.first()?;
    Some(format!("Sort of picture: {} ({:.0} %).", plain(&kind.name), kind.share * 100.0))
}

fn family(verdict: &Verdict) -> Option<String> {
    let family = verdict.attribution.first()?;
    Some(match family.name == OTHER {
        true => "It resembles no single generator that the model knows.".to_owned(),
        false => {
            format!("Of known generators it resembles {} most ({:.0} %), which is a guess.", plain(&family.name), family.share * 100.0)
        }
    })
}

fn warning(warning: &Warning) -> Option<String> {
    match warning {
        Warning::SourceSize { .. } => Some("The file is small, so it holds few traces.".to_owned()),
        Warning::BlurDark { label } => Some(format!("The picture is {}.", label.to_lowercase())),
        Warning::ScreenRecapture { metrics, .. } => metrics.is_screen.then(|| "It looks like a photograph of a screen.".to_owned()),
        // The stage's signal says it, among the key indicators.
        Warning::Watermark { .. } => None,
        Warning::FirstFrameOnly { label, .. } => Some(label.clone()),
    }
}

fn unseen(verdict: &Verdict) -> Option<String> {
    let looked = verdict.finding(Stage::Classifier).is_some_and(|finding| finding.look == Look::Looked);
    (!looked).then(|| "The model was not asked about the pixels, or could not look.".to_owned())
}

/// A card's word for people.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}
