//! Which finding decides a verdict, over everything that the stages can say together.

use super::*;

const CARD: Thresholds = Thresholds { ai: 0.5, unsure_low: 0.4, unsure_high: 0.6, near_low: None, near_high: None };

fn signal(stage: Stage, code: &str, score: Option<f64>, decisive: bool, edit: Option<Edit>) -> Signal {
    Signal { score, decisive, edit, ..Signal::new(stage, code, "…") }
}

fn says(signal: Signal) -> Finding {
    Finding { signals: vec![signal.clone()], ..Finding::looked(signal.stage) }
}

fn model(percent: f64) -> Finding {
    says(signal(Stage::Classifier, PIXEL_MODEL, Some(percent), false, None))
}

fn camera() -> Finding {
    says(signal(Stage::Metadata, "camera_exif", Some(5.0), false, None))
}

/// Every kind of thing that a record stage may say, and nothing.
fn records(stage: Stage) -> Vec<Finding> {
    let mut all = vec![Finding::looked(stage), Finding::skipped(stage), Finding::could_not_look(stage, "damaged")];
    for score in [None, Some(0.0), Some(60.0), Some(97.0), Some(100.0), Some(f64::NAN), Some(1e300)] {
        for decisive in [false, true] {
            for edit in [None, Some(Edit::Ai), Some(Edit::Digital)] {
                all.push(says(signal(stage, "record", score, decisive, edit)));
            }
        }
    }
    all
}

/// The model saw a region that stands out, beside its opinion of the whole.
fn with_region(percent: f64, score: f64) -> Finding {
    let mut finding = model(percent);
    finding.signals.push(signal(Stage::Classifier, GENERATED_REGION, Some(score), false, Some(Edit::Ai)));
    finding
}

/// Everything the stages can say together, over a coarse table of model scores (and no model).
fn everything() -> Vec<Vec<Finding>> {
    let mut models = vec![Finding::could_not_look(Stage::Classifier, "no runtime"), model(f64::NAN), model(f64::INFINITY)];
    models.extend([-1.0, 0.0, 12.5, 40.0, 49.9, 50.0, 60.0, 99.9, 100.0, 101.0].map(model));
    models.extend([3.0, 49.9, 60.0, 80.0].map(|percent| with_region(percent, 70.0)));
    let mut all = Vec::new();
    for metadata in records(Stage::Metadata) {
        for watermark in records(Stage::Watermark) {
            for model in &models {
                all.push(vec![metadata.clone(), Finding::looked(Stage::Provenance), watermark.clone(), model.clone()]);
            }
        }
    }
    all
}

#[test]
fn every_verdict_is_a_number_whose_weights_and_label_agree() {
    let mut judged = 0;
    for findings in everything() {
        let Some(fused) = fuse(findings.clone(), &CARD) else {
            assert!(decided(&findings).is_none(), "something decisive always gives a verdict");
            continue;
        };
        judged += 1;
        let Fused { label, ai_likelihood, confidence, .. } = fused;
        assert!((0.0..=100.0).contains(&ai_likelihood) && (0.0..=100.0).contains(&confidence), "{findings:?}");
        let signals: Vec<&Signal> = fused.findings.iter().flat_map(|finding| &finding.signals).collect();
        assert!((signals.iter().map(|signal| signal.weight).sum::<f64>() - 1.0).abs() < 1e-9, "{findings:?}");
        let is_ai = matches!(label, Label::AiGenerated | Label::AiEdited);
        assert!(!is_ai || ai_likelihood >= 50.0, "{label:?} at {ai_likelihood}: {findings:?}");
        assert!(is_ai || ai_likelihood < 50.0, "{label:?} at {ai_likelihood}: {findings:?}");
        assert_eq!(confidence, if is_ai { ai_likelihood } else { 100.0 - ai_likelihood });
    }
    assert!(judged > 10_000, "{judged}");
}

#[test]
fn camera_exif_never_changes_a_verdict() {
    for findings in everything() {
        let mut with = findings.clone();
        with.insert(0, camera());
        let core = |fused: Fused| (fused.label, fused.ai_likelihood, fused.confidence, fused.unsure, fused.decided_by);
        assert_eq!(fuse(with, &CARD).map(core), fuse(findings, &CARD).map(core));
    }
}

#[test]
fn a_decisive_record_settles_it_before_a_watermark_and_the_model() {
    let record = says(signal(Stage::Metadata, "png_parameters", Some(97.0), true, None));
    let mark = says(signal(Stage::Watermark, "gemini_sparkle", Some(95.0), true, None));
    let fused = fuse(vec![record, mark.clone(), model(3.0)], &CARD).expect("decided");
    assert_eq!((fused.label, fused.decided_by, fused.ai_likelihood, fused.unsure), (Label::AiGenerated, Stage::Metadata, 97.0, false));
    assert_eq!(fused.findings.iter().map(|finding| finding.signals[0].weight).collect::<Vec<_>>(), [1.0, 0.0, 0.0]);
    let fused = fuse(vec![mark, Finding::could_not_look(Stage::Classifier, "busy")], &CARD).expect("decided");
    assert_eq!((fused.decided_by, fused.ai_likelihood), (Stage::Watermark, 95.0));
}

#[test]
fn two_decisive_records_share_the_weight_and_the_signed_one_is_named() {
    let unsigned = says(signal(Stage::Metadata, "iptc_source_type", Some(90.0), true, None));
    let signed = says(signal(Stage::Provenance, "c2pa_ai", Some(100.0), true, None));
    let fused = fuse(vec![unsigned, signed], &CARD).expect("decided");
    assert_eq!((fused.decided_by, fused.ai_likelihood, fused.findings[0].signals[0].weight), (Stage::Provenance, 95.0, 0.5));
}

#[test]
fn the_model_decides_when_nothing_else_does() {
    let label = |percent| fuse(vec![camera(), model(percent)], &CARD).map(|fused| (fused.label, fused.unsure));
    assert_eq!(label(93.0), Some((Label::AiGenerated, false)));
    assert_eq!(label(50.0), Some((Label::AiGenerated, true)));
    assert_eq!(label(41.0), Some((Label::Real, true)));
    assert_eq!(label(7.0), Some((Label::Real, false)));
}

#[test]
fn edits_count_only_where_the_model_sees_no_generated_picture() {
    let ai = says(signal(Stage::Provenance, "c2pa_composite", Some(80.0), false, Some(Edit::Ai)));
    let digital = says(signal(Stage::Metadata, "photoshop", None, false, Some(Edit::Digital)));
    let fused = |findings| fuse(findings, &CARD).expect("the model looked");
    assert_eq!(fused(vec![ai.clone(), digital.clone(), model(90.0)]).label, Label::AiGenerated);
    let edited = fused(vec![ai, digital.clone(), model(20.0)]);
    assert_eq!(
        (edited.label, edited.ai_likelihood, edited.confidence, edited.decided_by),
        (Label::AiEdited, 80.0, 80.0, Stage::Classifier)
    );
    let edited = fused(vec![digital, model(20.0)]);
    assert_eq!((edited.label, edited.ai_likelihood, edited.confidence), (Label::DigitallyEdited, 20.0, 80.0));
}

// T6
#[test]
fn a_generated_region_makes_an_edit_of_a_picture_that_as_a_whole_is_not_clearly_generated() {
    let fused = |percent| fuse(vec![with_region(percent, 70.0)], &CARD).expect("the model looked");
    let weights = |fused: &Fused| fused.findings[0].signals.iter().map(|signal| signal.weight).collect::<Vec<_>>();
    let low = fused(20.0);
    assert_eq!((low.label, low.ai_likelihood, low.decided_by, weights(&low)), (Label::AiEdited, 70.0, Stage::Classifier, vec![0.0, 1.0]));
    let mild = fused(74.0);
    assert_eq!((mild.label, mild.ai_likelihood, weights(&mild)), (Label::AiEdited, 74.0, vec![1.0, 0.0]));
    let high = fused(76.0);
    assert_eq!((high.label, high.ai_likelihood, weights(&high)), (Label::AiGenerated, 76.0, vec![1.0, 0.0]));
}

// X2
#[test]
fn an_unstable_answer_is_unsure_and_otherwise_what_it_was() {
    let mut finding = model(93.0);
    finding.signals.push(signal(Stage::Classifier, UNSTABLE, None, false, None));
    let fused = fuse(vec![finding], &CARD).expect("the model looked");
    assert_eq!((fused.label, fused.ai_likelihood, fused.unsure), (Label::AiGenerated, 93.0, true));
    let record = says(signal(Stage::Metadata, "png_parameters", Some(97.0), true, None));
    assert!(!fuse(vec![record, fused.findings[0].clone()], &CARD).expect("decided").unsure, "a record decided");
}

#[test]
fn without_the_model_and_without_anything_decisive_there_is_no_verdict() {
    assert_eq!(fuse(vec![camera(), Finding::could_not_look(Stage::Classifier, "no runtime")], &CARD), None);
    assert_eq!(fuse(Vec::new(), &CARD), None);
}
