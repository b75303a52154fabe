//! Rows X4 and T9, over everything that the stages can say together: no line without something in the verdict that it rests on.

use touchstone_core::{
    analysis::Agreement,
    finding::{Finding, Look, ScreenMetrics, Stage},
    media::Format,
    submission::Profile,
    verdict::{ImageFacts, Label, ModelName, Share},
};

use super::*;
use crate::{
    classifier::PIXEL_MODEL,
    fuse::{self, Fused},
    model::Thresholds,
    region::GENERATED_REGION,
};

const CARD: Thresholds = Thresholds { ai: 0.5, unsure_low: 0.45, unsure_high: 0.55, near_low: None, near_high: None };

fn signal(stage: Stage, code: &str, score: Option<f64>) -> Signal {
    Signal { score, ..Signal::new(stage, code, format!("What {code} says.")) }
}

fn says(signals: &[Signal]) -> Finding {
    Finding { signals: signals.to_vec(), ..Finding::looked(signals[0].stage) }
}

fn record(stage: Stage, code: &str, score: f64, edit: Option<Edit>, unsigned_claim: bool) -> Signal {
    Signal { decisive: score >= 90.0, unsigned_claim, edit, source: Some("Somebody".into()), ..signal(stage, code, Some(score)) }
}

fn editor_trace() -> Signal {
    Signal { edit: Some(Edit::Digital), unsigned_claim: true, ..signal(Stage::Metadata, "editor_software", None) }
}

fn camera() -> Signal {
    Signal { unsigned_claim: true, ..signal(Stage::Metadata, CAMERA, None) }
}

fn metadata() -> Vec<Finding> {
    let generator = record(Stage::Metadata, "png_parameters", 98.0, None, true);
    let part = record(Stage::Metadata, "credit", 90.0, Some(Edit::Ai), true);
    let weak = record(Stage::Metadata, "digital_source_type", 70.0, Some(Edit::Ai), true);
    vec![
        Finding::looked(Stage::Metadata),
        Finding::could_not_look(Stage::Metadata, "damaged"),
        says(&[camera()]),
        says(&[camera(), editor_trace()]),
        says(&[generator]),
        says(&[part, camera()]),
        says(&[weak]),
    ]
}

fn provenance() -> Vec<Finding> {
    let claim = |unsigned| record(Stage::Provenance, "c2pa_claim", 99.0, None, unsigned);
    vec![
        Finding::looked(Stage::Provenance),
        says(&[claim(true)]),
        says(&[claim(false)]),
        says(&[signal(Stage::Provenance, "c2pa_invalid", None)]),
    ]
}

fn watermark() -> Vec<Finding> {
    let mut mark = says(&[record(Stage::Watermark, "gemini_sparkle", 95.0, None, true)]);
    mark.warnings.push(Warning::Watermark { label: "Gemini".into(), confidence: 0.95 });
    vec![Finding::looked(Stage::Watermark), Finding::skipped(Stage::Watermark), mark]
}

fn quality() -> Vec<Finding> {
    let screen = |is_screen| Warning::ScreenRecapture { label: "screen".into(), metrics: ScreenMetrics { is_screen }, confidence: 99.0 };
    let mut bad = says(&[signal(Stage::Quality, "jpeg_quality", None), signal(Stage::Quality, "double_compression", None)]);
    bad.warnings = vec![Warning::SourceSize { label: "Small".into() }, Warning::BlurDark { label: "Blurred".into() }, screen(false)];
    let mut screened = Finding::looked(Stage::Quality);
    screened.warnings = vec![screen(true), Warning::FirstFrameOnly { frames: 3, label: "The file has 3 frames or pages.".into() }];
    vec![Finding::looked(Stage::Quality), bad, screened]
}

fn model() -> Vec<Finding> {
    let scores = [3.0, 48.0, 55.0, 70.0, 97.0].map(|score| says(&[signal(Stage::Classifier, PIXEL_MODEL, Some(score))]));
    let mut unstable = scores[3].clone();
    unstable.signals.push(signal(Stage::Classifier, UNSTABLE, None));
    let mut region = scores[0].clone();
    region.signals.push(Signal { edit: Some(Edit::Ai), ..signal(Stage::Classifier, GENERATED_REGION, Some(85.0)) });
    let others = [unstable, region, Finding::skipped(Stage::Classifier), Finding::could_not_look(Stage::Classifier, "no runtime")];
    scores.into_iter().chain(others).collect()
}

fn verdict(findings: Vec<Finding>) -> Option<Verdict> {
    let frames = if findings.iter().any(|finding| matches!(finding.warnings.last(), Some(Warning::FirstFrameOnly { .. }))) { 3 } else { 1 };
    let looked = findings.last().is_some_and(|finding| finding.look == Look::Looked);
    let shares = |names: [&str; 2]| {
        let share = |(name, share): (&str, f64)| Share { name: name.into(), share };
        if looked { names.into_iter().zip([0.6, 0.4]).map(share).collect() } else { Vec::new() }
    };
    let Fused { label, ai_likelihood, confidence, unsure, decided_by, findings } = fuse::fuse(findings, &CARD)?;
    let generated = matches!(label, Label::AiGenerated | Label::AiEdited);
    Some(Verdict {
        attribution: if generated { shares(["dalle_mini", "other"]) } else { Vec::new() },
        kind: shares(["portrait", "photo"]),
        image: ImageFacts { format: Format::Jpeg, width: 640, height: 480, frames, bytes: 5000, sha256: "00".into() },
        model: ModelName { name: "m".into(), version: "1".into() },
        profile: Profile::Generic,
        rules: None,
        label,
        ai_likelihood,
        confidence,
        unsure,
        decided_by,
        findings,
    })
}

/// Every combination that ends in a verdict.
pub(super) fn verdicts() -> Vec<Verdict> {
    let mut all = Vec::new();
    for metadata in metadata() {
        for provenance in provenance() {
            for watermark in watermark() {
                for quality in quality() {
                    let before = [metadata.clone(), provenance.clone(), watermark.clone(), quality];
                    all.extend(model().into_iter().filter_map(|model| verdict(before.iter().cloned().chain([model]).collect())));
                }
            }
        }
    }
    assert!(all.len() > 1500, "{}", all.len());
    all
}

/// A phrase that the analyst may use, and what must be in the verdict when it does.
type Ground = (&'static str, fn(&Verdict) -> bool);

const GROUNDS: &[Ground] = &[
    ("The verdict is AI Generated,", |v| v.label == Label::AiGenerated && !v.unsure),
    ("The verdict is AI Edited,", |v| v.label == Label::AiEdited && !v.unsure),
    ("The verdict is Digitally Edited,", |v| v.label == Label::DigitallyEdited && !v.unsure),
    ("The verdict is Real,", |v| v.label == Label::Real && !v.unsure),
    ("The answer is unsure:", |v| v.unsure),
    ("an editor's trace", |v| editor(v).is_some()),
    ("settled by a region", |v| moved(v, |signal| signal.code == GENERATED_REGION)),
    ("settled by a record", |v| moved(v, |signal| signal.stage == Stage::Metadata)),
    ("settled by its Content Credentials", |v| moved(v, |signal| signal.stage == Stage::Provenance)),
    ("settled by a generator's mark", |v| moved(v, |signal| signal.stage == Stage::Watermark)),
    ("settled by what the model sees", |v| moved(v, |signal| signal.stage == Stage::Classifier)),
    ("The stages disagree:", |v| v.findings.iter().filter(|finding| !finding.signals.is_empty()).count() > 1),
    ("point in different ways", |v| v.findings.iter().filter(|finding| !finding.signals.is_empty()).count() > 1),
    ("Several stages speak", |v| v.findings.iter().filter(|finding| !finding.signals.is_empty()).count() > 1),
    ("Not all could look", |v| v.findings.iter().any(|finding| matches!(finding.look, Look::CouldNotLook(_)))),
    ("Nothing else speaks either way", |v| v.findings.iter().any(|finding| finding.look == Look::Looked)),
    ("No other stage was asked", |v| v.findings.iter().any(|finding| finding.look == Look::Skipped)),
    ("unsigned", |v| moved(v, |signal| signal.unsigned_claim)),
    ("Its signer is trusted", |v| moved(v, |signal| signal.stage == Stage::Provenance && !signal.unsigned_claim)),
    ("Look up the signer", |v| moved(v, |signal| signal.stage == Stage::Provenance && !signal.unsigned_claim)),
    ("The camera's record", |v| has(v, CAMERA)),
    ("photograph of a screen", is_screen),
    ("The picture is blurred", |v| blur_dark(v) == Some("Blurred")),
    ("sharper and brighter copy", |v| blur_dark(v).is_some()),
    ("It is a reason to look closer", |v| v.label != Label::Real),
    ("does not prove that a camera took it", |v| v.label == Label::Real),
    ("Sort of picture: portrait (60 %).", |v| !v.kind.is_empty()),
    ("Of known generators it resembles dalle mini", |v| !v.attribution.is_empty()),
    ("The file is small", |v| v.warnings().any(|warning| matches!(warning, Warning::SourceSize { .. }))),
    ("largest copy", |v| v.warnings().any(|warning| matches!(warning, Warning::SourceSize { .. }))),
    ("The file has 3 frames", |v| v.image.frames == 3),
    ("other frames or pages", |v| v.image.frames == 3),
    ("The model was not asked", |v| v.finding(Stage::Classifier).is_some_and(|finding| finding.look != Look::Looked)),
    ("It measures 640 × 480 pixels.", |_| true),
    ("Do not act on this answer alone", |v| v.unsure),
    ("the model is a reason to look closer", |v| v.label == Label::AiGenerated && v.decided_by == Stage::Classifier),
    ("which part was changed", |v| v.label == Label::AiEdited),
    ("Confirm who took the image", |v| v.label == Label::Real),
    ("Search for the earliest copy", |_| true),
    ("Ask for the original file", |_| true),
    ("Keep this file unchanged", |_| true),
];

fn moved(verdict: &Verdict, is: fn(&Signal) -> bool) -> bool {
    verdict.signals().any(|signal| signal.weight > 0.0 && is(signal))
}

/// A line is a signal's own, or one whose every known phrase has its ground.
fn is_grounded(line: &str, verdict: &Verdict) -> bool {
    let phrases: Vec<&Ground> = GROUNDS.iter().filter(|(phrase, _)| line.contains(phrase)).collect();
    verdict.signals().any(|signal| signal.summary == line) || !phrases.is_empty() && phrases.iter().all(|(_, holds)| holds(verdict))
}

#[test]
fn every_line_rests_on_something_in_the_verdict() {
    // X4
    for verdict in verdicts() {
        let analysis = of(&verdict);
        for indicator in &analysis.key_indicators {
            assert!(verdict.signals().any(|signal| &signal.summary == indicator), "{indicator}: {verdict:?}");
        }
        let sentences = reasoning::of(&verdict);
        for line in sentences.iter().chain(&analysis.visual_patterns).chain(&analysis.recommendations) {
            assert!(is_grounded(line, &verdict), "{line}: {verdict:?}");
        }
    }
}

#[test]
fn every_analysis_has_the_contracts_shape() {
    // T9
    for verdict in verdicts() {
        let analysis = of(&verdict);
        let sentences = reasoning::of(&verdict);
        assert!((2..=4).contains(&sentences.len()) && sentences.iter().all(|sentence| sentence.ends_with('.')), "{sentences:?}");
        assert!((1..=5).contains(&analysis.image_tags.len()) && analysis.image_tags.iter().all(|tag| tag.len() <= 30), "{analysis:?}");
        assert!((3..=5).contains(&analysis.recommendations.len()), "{analysis:?}");
        assert!((1..=5).contains(&analysis.key_indicators.len()) && (1..=5).contains(&analysis.visual_patterns.len()), "{analysis:?}");
        assert_eq!((analysis.confidence, &of(&verdict)), (verdict.confidence, &analysis));
    }
}

#[test]
fn what_moved_the_verdict_is_named_first() {
    for verdict in verdicts() {
        let weight =
            |line: &String| verdict.signals().filter(|signal| &signal.summary == line).map(|signal| signal.weight).fold(0.0, f64::max);
        let weights: Vec<f64> = of(&verdict).key_indicators.iter().map(weight).collect();
        assert!(weights[0] > 0.0 && weights.is_sorted_by(|one, next| one >= next), "{weights:?}");
    }
}

#[test]
fn unsure_answers_say_so_unsigned_claims_are_called_unsigned_and_nothing_is_to_be_deleted() {
    // X2, X6
    for verdict in verdicts() {
        let analysis = of(&verdict);
        let (reasoning, steps) = (&analysis.detailed_reasoning, analysis.recommendations.join(" "));
        assert_eq!(reasoning.contains("The answer is unsure"), verdict.unsure, "{reasoning}");
        assert_eq!(analysis.agreement == Agreement::Strong, analysis.agreement == Agreement::Strong && !verdict.unsure);
        assert!(!rests_on_unsigned(&verdict) || reasoning.contains("unsigned") && steps.contains("unsigned"), "{reasoning} {steps}");
        assert!(!steps.replace("Do not hide or delete", "").contains("delete"), "{steps}");
    }
}

#[test]
fn a_cameras_record_changes_no_word_of_agreement_or_indicators() {
    // X6
    let with = |record: Finding, score| {
        let model = says(&[signal(Stage::Classifier, PIXEL_MODEL, Some(score))]);
        of(&verdict(vec![record, model]).expect("the model looked"))
    };
    for score in [3.0, 52.0, 97.0] {
        let (bare, camera) = (with(Finding::looked(Stage::Metadata), score), with(says(&[camera()]), score));
        assert_eq!((bare.agreement, bare.key_indicators, bare.confidence), (camera.agreement, camera.key_indicators, camera.confidence));
    }
}

#[test]
fn agreement_compares_the_stages_with_one_another() {
    let model = |score| says(&[signal(Stage::Classifier, PIXEL_MODEL, Some(score))]);
    let record = || says(&[record(Stage::Metadata, "png_parameters", 98.0, None, true)]);
    let part = || says(&[super::tests::record(Stage::Metadata, "digital_source_type", 70.0, Some(Edit::Ai), true)]);
    let mut blurred = Finding::looked(Stage::Quality);
    blurred.warnings.push(Warning::BlurDark { label: "Blurred".into() });
    let cases = [
        (vec![record(), model(97.0)], Agreement::Strong),
        (vec![record(), model(3.0)], Agreement::Disagreement),
        (vec![record(), model(52.0)], Agreement::Moderate),
        (vec![record(), Finding::skipped(Stage::Classifier)], Agreement::Moderate),
        (vec![Finding::looked(Stage::Metadata), model(97.0)], Agreement::Moderate),
        (vec![Finding::looked(Stage::Metadata), model(3.0)], Agreement::Moderate),
        (vec![Finding::looked(Stage::Metadata), model(65.0)], Agreement::Weak),
        (vec![Finding::looked(Stage::Metadata), model(52.0)], Agreement::Weak),
        (vec![blurred.clone(), model(97.0)], Agreement::Weak),
        (vec![record(), blurred, Finding::skipped(Stage::Classifier)], Agreement::Moderate),
        // A part that was generated in a picture that as a whole was not: no contradiction.
        (vec![part(), model(3.0)], Agreement::Weak),
    ];
    for (findings, expected) in cases {
        let verdict = verdict(findings).expect("a verdict");
        assert_eq!(of(&verdict).agreement, expected, "{verdict:?}");
    }
}
