//! What to do next. Never to hide or delete: a record that anybody can write is no ground for that, and a model is no proof (row X6).

use touchstone_core::{
    analysis::Agreement,
    finding::{Stage, Warning},
    verdict::{Label, Verdict},
};

use super::{blur_dark, distinct, is_screen, rests_on_unsigned};

/// Three to five steps, the most pressing first.
pub(super) fn of(verdict: &Verdict, agreement: Agreement) -> Vec<String> {
    let label = verdict.label;
    let by_model = verdict.decided_by == Stage::Classifier;
    let unsigned = rests_on_unsigned(verdict);
    let small = verdict.warnings().any(|warning| matches!(warning, Warning::SourceSize { .. }));
    let steps = [
        (agreement == Agreement::Disagreement, "Have a person look: the stages point in different ways."),
        (verdict.unsure, "Do not act on this answer alone: it is too near the threshold to lean on."),
        (unsigned, "Do not hide or delete the image on this alone: the claim is unsigned, and anybody can add one."),
        (
            !unsigned && verdict.decided_by == Stage::Provenance,
            "Look up the signer that the Content Credentials name: the claim is as good as that name.",
        ),
        (
            by_model && label == Label::AiGenerated,
            "Look at what the heatmap marks, if one was made: the model is a reason to look closer, no proof.",
        ),
        (label == Label::AiEdited, "Compare with an earlier copy of the image to see which part was changed."),
        (label == Label::DigitallyEdited, "Ask what was edited: an editor's trace is no sign of generation."),
        (label == Label::Real, "Confirm who took the image and when, where much depends on it."),
        (blur_dark(verdict).is_some(), "Look for a sharper and brighter copy, and submit that."),
        (is_screen(verdict), "Submit the file itself rather than a photograph of a screen."),
        (small, "Submit the largest copy that you can find."),
        (verdict.image.frames > 1, "Submit the other frames or pages as images of their own."),
        (true, "Search for the earliest copy of the image, and for who published it."),
        (true, "Ask for the original file: saving an image again removes records and traces."),
        (true, "Keep this file unchanged while the question is open."),
    ];
    distinct(steps.into_iter().filter(|(fits, _)| *fits).map(|(_, step)| step.to_owned()))
}
