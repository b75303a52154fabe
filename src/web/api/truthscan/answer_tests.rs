//! The translation of rows T5, T6 and T9, on documents as the store gives them.

use serde_json::{Value, json};
use touchstone_core::{
    analysis::Agreement,
    credit::Credits,
    finding::ScreenMetrics,
    ids::{DocumentId, OrganizationId},
    media::Format,
    organization::{Organization, Retention},
    plan::Plan,
    submission::{Options, Profile},
    time::Timestamp,
    verdict::{ImageFacts, ModelName},
};
use touchstone_moderation::{AssetRecord, DocumentKind, Settlement};

use super::*;

fn looked(stage: Stage, signals: Vec<Signal>, warnings: Vec<Warning>) -> Finding {
    Finding { signals, warnings, ..Finding::looked(stage) }
}

fn classified(score: f64) -> Finding {
    let signal = Signal { score: Some(score), weight: 1.0, ..Signal::new(Stage::Classifier, "model", "The model says so.") };
    looked(Stage::Classifier, vec![signal], vec![])
}

fn verdict(label: Label, decided_by: Stage, findings: Vec<Finding>) -> Verdict {
    Verdict {
        label,
        ai_likelihood: 90.2,
        confidence: 90.2,
        unsure: false,
        decided_by,
        findings,
        image: ImageFacts { format: Format::Jpeg, width: 640, height: 480, frames: 1, bytes: 5000, sha256: "00".into() },
        model: ModelName { name: "touchstone-2".into(), version: "1.0".into() },
        profile: Profile::Sheerid,
        rules: None,
        attribution: Vec::new(),
        kind: Vec::new(),
    }
}

fn document(status: DocumentStatus, verdict: Option<Verdict>) -> DocumentRecord {
    let none = AssetRecord { status: AssetStatus::None, object_key: None, content_type: None };
    DocumentRecord {
        id: DocumentId::random(),
        organization: Organization {
            id: OrganizationId::random(),
            name: "n".into(),
            dialect: Dialect::Truthscan,
            plan: Plan::Pro,
            metered: false,
            private_queries: false,
            heatmap_for_real: false,
            secure_assets: false,
            stripe_customer_id: None,
            retention: Retention::Standard,
        },
        kind: DocumentKind::Image,
        project: None,
        batch: None,
        asked: None,
        source_url: None,
        member: None,
        object_key: "uploads/x".into(),
        object_etag: "e".into(),
        options: Options { preview: true, heatmap: None, analysis: true, profile: Profile::Generic },
        test: false,
        email: Some("somebody@example.org".into()),
        user_agent: Some("agent".into()),
        status,
        verdict,
        error_message: None,
        failure: None,
        regions: Vec::new(),
        forensics: None,
        cached: false,
        heatmap: none.clone(),
        preview: none,
        analysis: AnalysisRecord::Skipped,
        charged: Credits::default(),
        settlement: Settlement::Reserved,
        created_at: Timestamp(0),
        finished_at: None,
        forgotten: None,
    }
}

fn json(document: &DocumentRecord) -> Value {
    let link = |asset| format!("https://here/{}", if asset == Asset::Heatmap { "heatmap" } else { "preview" });
    serde_json::to_value(of(document, link)).expect("JSON")
}

fn done(verdict: Verdict) -> Value {
    json(&document(DocumentStatus::Done, Some(verdict)))
}

#[test]
fn nothing_of_a_verdict_is_told_before_it_is_final() {
    // T5
    for (status, name) in [(DocumentStatus::Pending, "pending"), (DocumentStatus::Analyzing, "analyzing")] {
        let early = document(status, Some(verdict(Label::Real, Stage::Classifier, vec![])));
        assert_eq!(json(&early), json!({"id": early.id, "status": name, "preview_url": null}));
    }
}

#[test]
fn no_answer_holds_an_error_an_email_or_a_user_agent() {
    // T5
    let text = done(verdict(Label::Real, Stage::Classifier, vec![classified(9.8)])).to_string();
    for secret in ["somebody@example.org", "agent\"", "\"error\""] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn the_model_speaks_when_it_settled_the_question() {
    // T6
    let findings = vec![looked(Stage::Metadata, vec![], vec![]), looked(Stage::Watermark, vec![], vec![]), classified(90.2)];
    let answer = done(verdict(Label::AiGenerated, Stage::Classifier, findings));
    let details = &answer["result_details"];
    assert_eq!(answer["result"], 90.2);
    assert_eq!(details["detection_step"], 3);
    assert_eq!(details["final_result"], "AI Generated");
    assert_eq!(details["ml_model"], json!(["AI Generated", 90.2]));
    assert_eq!(details["ocr"], json!(["OCR did not detect AI", 0.0]));
    assert_eq!(details["metadata"][0], "No Information Detected for Real/AI");
    assert_eq!(details["metadata_basic_source"], "null");
    assert_eq!(details["synthid"], Value::Null);
    assert_eq!(details["is_valid"], true);
    assert_eq!(details["profile"], "sheerid", "T4: whoever reads it knows whose thresholds judged");
}

#[test]
fn a_real_image_is_told_how_real_it_is() {
    let answer = done(verdict(Label::Real, Stage::Classifier, vec![classified(10.0)]));
    assert_eq!(answer["result_details"]["ml_model"], json!(["Real", 90.0]));
}

#[test]
fn the_models_word_follows_the_verdict_whatever_its_threshold_is() {
    // T6: a card's threshold may lie on either side of 50.
    let cases = [
        (Label::AiGenerated, 30.0, json!(["AI Generated", 30.0])),
        (Label::Real, 60.0, json!(["Real", 40.0])),
        // A record told of the edit; the model by itself found nothing.
        (Label::AiEdited, 60.0, json!(["Real", 40.0])),
    ];
    for (label, score, told) in cases {
        let answer = done(verdict(label, Stage::Classifier, vec![classified(score)]));
        assert_eq!(answer["result_details"]["ml_model"], told, "{label:?}");
    }
}

#[test]
fn a_record_that_settles_leaves_watermark_and_model_null() {
    // T6: step 1
    let record = Signal {
        score: Some(99.0),
        decisive: true,
        source: Some("Stable Diffusion".into()),
        ..Signal::new(Stage::Metadata, "png_parameters", "The file holds generation parameters.")
    };
    let camera = Signal { source: Some("Canon".into()), ..Signal::new(Stage::Metadata, "exif_camera", "EXIF names a camera.") };
    // The model ran for the heatmap alone.
    let findings = vec![looked(Stage::Metadata, vec![camera, record], vec![]), Finding::skipped(Stage::Watermark), classified(20.0)];
    let answer = done(verdict(Label::AiGenerated, Stage::Metadata, findings));
    let details = &answer["result_details"];
    assert_eq!(details["detection_step"], 1);
    assert_eq!(details["metadata"], json!(["AI Generated", "The file holds generation parameters."]));
    assert_eq!(details["metadata_basic_source"], "Stable Diffusion");
    assert_eq!((&details["ocr"], &details["ml_model"]), (&Value::Null, &Value::Null));
    assert_eq!(details["signals"].as_array().expect("signals").len(), 3);
    assert_eq!(details["stages"][1], json!({"stage": "watermark", "look": "skipped", "reason": null}));
}

#[test]
fn a_watermark_is_named_in_ocr_exactly_when_it_is_warned_of() {
    // T6: step 2
    let mark = Warning::Watermark { label: "Gemini".into(), confidence: 0.95 };
    let answer = done(verdict(Label::AiGenerated, Stage::Watermark, vec![looked(Stage::Watermark, vec![], vec![mark])]));
    let details = &answer["result_details"];
    assert_eq!(details["detection_step"], 2);
    assert_eq!(details["ocr"], json!(["Gemini", 95.0]));
    assert_eq!(details["warnings"], json!([{"type": "watermark", "label": "Gemini", "confidence": 0.95}]));
    assert_eq!(details["ml_model"], Value::Null);
}

#[test]
fn a_stage_that_did_not_look_says_nothing() {
    let findings = vec![Finding::could_not_look(Stage::Metadata, "damaged"), Finding::skipped(Stage::Watermark), classified(60.0)];
    let details = done(verdict(Label::AiGenerated, Stage::Classifier, findings))["result_details"].clone();
    assert_eq!(details["ocr"], Value::Null);
    assert!(details["metadata"][1].as_str().expect("a reason").contains("damaged"));
    assert_eq!(details["stages"][0], json!({"stage": "metadata", "look": "could_not_look", "reason": "damaged"}));
}

#[test]
fn edits_are_told_apart() {
    for (edit, word) in [(Edit::Ai, "AI Edited"), (Edit::Digital, "Digitally Edited")] {
        let record = Signal { edit: Some(edit), ..Signal::new(Stage::Provenance, "c2pa_edit", "An edit was recorded.") };
        let answer = done(verdict(Label::DigitallyEdited, Stage::Provenance, vec![looked(Stage::Provenance, vec![record], vec![])]));
        assert_eq!(answer["result_details"]["metadata"][0], word);
    }
}

#[test]
fn warnings_keep_the_contracts_shapes() {
    // T6, real-clients.md 2.4
    let screen = Warning::ScreenRecapture { label: "screen".into(), metrics: ScreenMetrics { is_screen: false }, confidence: 99.99 };
    let all = vec![Warning::BlurDark { label: "Blurred".into() }, screen, Warning::FirstFrameOnly { frames: 3, label: "3 frames".into() }];
    let answer = done(verdict(Label::Real, Stage::Classifier, vec![looked(Stage::Quality, vec![], all)]));
    assert_eq!(
        answer["result_details"]["warnings"],
        json!([
            {"type": "blur_dark", "label": "Blurred"},
            {"type": "screen_recapture", "label": "screen", "confidence": 99.99, "metrics": {"is_screen": false}},
            {"type": "first_frame_only", "label": "3 frames", "frames": 3},
        ])
    );
}

#[test]
fn pictures_are_linked_when_they_are_ready() {
    // T7, T8
    let mut ready = document(DocumentStatus::Done, Some(verdict(Label::Real, Stage::Classifier, vec![])));
    assert_eq!(json(&ready)["result_details"]["heatmap_status"], Value::Null);
    ready.heatmap.status = AssetStatus::Pending;
    assert_eq!(json(&ready)["result_details"]["heatmap_status"], "pending");
    assert_eq!(json(&ready)["result_details"]["heatmap_url"], Value::Null);
    ready.heatmap.status = AssetStatus::Ready;
    ready.preview.status = AssetStatus::Ready;
    let answer = json(&ready);
    assert_eq!(answer["result_details"]["heatmap_url"], "https://here/heatmap");
    assert_eq!(answer["preview_url"], "https://here/preview");
}

fn analysis_words() -> Analysis {
    Analysis {
        agreement: Agreement::Strong,
        image_tags: vec!["photo".into()],
        confidence: 92.0,
        key_indicators: vec!["The model says so.".into()],
        detailed_reasoning: "It is so. It is clear.".into(),
        visual_patterns: vec!["It is blurred.".into()],
        recommendations: vec!["Look closer.".into(), "Ask.".into(), "Wait.".into()],
    }
}

#[test]
fn an_analysis_is_told_in_both_spellings_and_is_an_object_exactly_when_it_is_ready() {
    // T9, U3; real-clients.md 2.6 traps 3 and 10: `failed` or `pending` would keep the official client polling.
    let words = json!({
        "agreement": "strong", "imageTags": ["photo"], "imageTag": ["photo"], "confidence": 92.0, "keyIndicators": ["The model says so."],
        "detailedReasoning": "It is so. It is clear.", "visualPatterns": ["It is blurred."], "recommendations": ["Look closer.", "Ask.", "Wait."],
    });
    let cases = [
        (AnalysisRecord::None, Value::Null, Value::Null, Value::Null),
        (AnalysisRecord::Analyzing, json!("analyzing"), json!("analyzing"), Value::Null),
        (AnalysisRecord::Skipped, json!("skipped"), json!("skipped"), Value::Null),
        (AnalysisRecord::Ready(analysis_words()), json!("ready"), json!("done"), words),
    ];
    let mut document = document(DocumentStatus::Done, Some(verdict(Label::Real, Stage::Classifier, vec![])));
    for (record, truthscan, undetectable, told) in cases {
        document.analysis = record;
        for (dialect, status) in [(Dialect::Truthscan, truthscan), (Dialect::Undetectable, undetectable)] {
            document.organization.dialect = dialect;
            let details = json(&document)["result_details"].clone();
            assert_eq!((&details["analysis_results_status"], &details["analysis_result_status"]), (&status, &status));
            assert_eq!((&details["analysis_results"], &details["analysis_result"]), (&told, &told));
        }
    }
}

#[test]
fn a_failed_document_says_why() {
    // T6
    let mut failed = document(DocumentStatus::Failed, None);
    failed.error_message = Some("The image is cut off.".into());
    let answer = json(&failed);
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["error_message"], "The image is cut off.");
    assert_eq!(answer["result_details"]["is_valid"], false);
    assert!(answer.get("result").is_none() && answer.get("error").is_none());
}
