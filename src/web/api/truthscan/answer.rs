//! From a document to the answer of `/query`: pure translation, no judgement of its own.
//!
//! Every sentence comes from a signal of the pipeline; where the contract wants a word that we have no signal for, it gets
//! the contract's own word for "nothing found".

use touchstone_core::{
    analysis::Analysis,
    finding::{Edit, Finding, Look, Signal, Stage, Warning},
    organization::Dialect,
    verdict::{Label, Verdict},
};
use touchstone_moderation::{AnalysisRecord, Asset, AssetStatus, DocumentRecord, DocumentStatus, report::NOT_STORED};

use super::schema::{
    AnalysisAnswer, ImageAnswer, ModelAnswer, PictureStatus, Progress, QueryAnswer, ResultDetails, Scored, ScreenAnswer, SignalAnswer,
    StageAnswer, WarningAnswer,
};

/// The contract's words when the records in a file say nothing either way.
const NO_RECORD: &str = "No Information Detected for Real/AI";

/// The contract's word when no watermark was found.
const NO_WATERMARK: &str = "OCR did not detect AI";

/// The answer to `/query` for one document. `link` makes a fresh link to one of its pictures.
pub(crate) fn of(document: &DocumentRecord, link: impl Fn(Asset) -> String) -> QueryAnswer {
    let ready = |asset| (document.asset(asset).status == AssetStatus::Ready).then(|| link(asset));
    let verdict = document.verdict.as_ref().filter(|_| document.status == DocumentStatus::Done);
    let mut result_details = match document.status {
        DocumentStatus::Pending | DocumentStatus::Analyzing => None,
        DocumentStatus::Done => verdict.map(details),
        DocumentStatus::Failed => Some(ResultDetails { is_valid: Some(false), ..ResultDetails::default() }),
    };
    if let Some(details) = &mut result_details {
        details.heatmap_status = picture_status(document.heatmap.status);
        details.heatmap_url = ready(Asset::Heatmap);
        if verdict.is_some() && document.options.heatmap.is_some() && document.organization.keeps_nothing() {
            details.warnings.push(not_stored());
        }
        (details.analysis_results_status, details.analysis_results) = analysis(&document.analysis, document.organization.dialect);
        (details.analysis_result_status, details.analysis_result) = (details.analysis_results_status, details.analysis_results.clone());
    }
    QueryAnswer {
        id: document.id.0,
        status: progress(document.status),
        result: verdict.map(|verdict| verdict.ai_likelihood),
        result_details,
        preview_url: ready(Asset::Preview),
        error_message: document.error_message.clone().filter(|_| document.status == DocumentStatus::Failed),
    }
}

/// A status in the contract's words.
pub(super) const fn progress(status: DocumentStatus) -> Progress {
    match status {
        DocumentStatus::Pending => Progress::Pending,
        DocumentStatus::Analyzing => Progress::Analyzing,
        DocumentStatus::Done => Progress::Done,
        DocumentStatus::Failed => Progress::Failed,
    }
}

const fn picture_status(status: AssetStatus) -> Option<PictureStatus> {
    match status {
        // There is nothing to fetch any more, either.
        AssetStatus::None | AssetStatus::Removed => None,
        AssetStatus::Pending => Some(PictureStatus::Pending),
        AssetStatus::Ready => Some(PictureStatus::Ready),
        AssetStatus::Failed => Some(PictureStatus::Failed),
    }
}

/// Rows T9 and U3: null only when it was switched off, an object exactly when it is ready.
fn analysis(record: &AnalysisRecord, dialect: Dialect) -> (Option<&'static str>, Option<AnalysisAnswer>) {
    match (record, dialect) {
        (AnalysisRecord::None, _) => (None, None),
        (AnalysisRecord::Analyzing, _) => (Some("analyzing"), None),
        (AnalysisRecord::Skipped, _) => (Some("skipped"), None),
        (AnalysisRecord::Ready(words), Dialect::Truthscan) => (Some("ready"), Some(in_words(words))),
        (AnalysisRecord::Ready(words), Dialect::Undetectable) => (Some("done"), Some(in_words(words))),
    }
}

fn in_words(words: &Analysis) -> AnalysisAnswer {
    let Analysis { agreement, image_tags, confidence, key_indicators, detailed_reasoning, visual_patterns, recommendations } =
        words.clone();
    AnalysisAnswer {
        agreement: agreement.name(),
        image_tag: image_tags.clone(),
        image_tags,
        confidence,
        key_indicators,
        detailed_reasoning,
        visual_patterns,
        recommendations,
    }
}

/// A final verdict in the contract's words; the pictures are filled in by the caller.
fn details(verdict: &Verdict) -> ResultDetails {
    ResultDetails {
        is_valid: Some(true),
        detection_step: Some(verdict.detection_step()),
        final_result: Some(verdict.label.name()),
        confidence: Some(verdict.confidence),
        final_label_confidence: Some(verdict.confidence),
        metadata: Some(metadata(verdict)),
        metadata_basic_source: Some(basic_source(verdict)),
        ocr: ocr(verdict),
        ml_model: ml_model(verdict),
        warnings: verdict.warnings().map(warning).collect(),
        unsure: Some(verdict.unsure),
        signals: verdict.signals().map(signal).collect(),
        stages: verdict.findings.iter().map(stage).collect(),
        model: Some(ModelAnswer { name: verdict.model.name.clone(), version: verdict.model.version.clone() }),
        profile: Some(verdict.profile.name()),
        image: Some(image(verdict)),
        ..ResultDetails::default()
    }
}

/// The signals of the records in the file: its own fields, and signed Content Credentials.
fn records(verdict: &Verdict) -> impl Iterator<Item = &Signal> {
    verdict.signals().filter(|signal| matches!(signal.stage, Stage::Metadata | Stage::Provenance))
}

/// What the records say: a verdict and its reason. The signal that settled the question speaks first, then the one that
/// argues most for AI, then any that tells of an edit, then whatever was seen.
fn metadata(verdict: &Verdict) -> [String; 2] {
    let speaks = |signal: &&Signal| (signal.decisive, record_says(signal) != NO_RECORD, signal.score.unwrap_or(0.0));
    let strongest = records(verdict).reduce(|best, next| if speaks(&next) > speaks(&best) { next } else { best });
    match strongest {
        Some(signal) => [record_says(signal).to_owned(), signal.summary.clone()],
        None => [NO_RECORD.to_owned(), nothing_recorded(verdict)],
    }
}

fn record_says(signal: &Signal) -> &'static str {
    match (signal.edit, signal.score) {
        (Some(Edit::Ai), _) => "AI Edited",
        (Some(Edit::Digital), _) => "Digitally Edited",
        (None, Some(score)) if score > 50.0 => "AI Generated",
        (None, Some(score)) if score < 50.0 => "Not AI Generated",
        (None, _) => NO_RECORD,
    }
}

fn nothing_recorded(verdict: &Verdict) -> String {
    match verdict.finding(Stage::Metadata).map(|finding| &finding.look) {
        Some(Look::CouldNotLook(reason)) => format!("The records in the file could not be read: {reason}"),
        _ => "No record in the file names a generator, an editor or a camera".to_owned(),
    }
}

/// Who the records name, the settling one first; the string `null` when they name nobody.
fn basic_source(verdict: &Verdict) -> String {
    let named = records(verdict).filter(|signal| signal.source.is_some());
    let first = named.reduce(|best, next| if next.decisive && !best.decisive { next } else { best });
    first.and_then(|signal| signal.source.clone()).unwrap_or_else(|| "null".to_owned())
}

/// The watermark. Taken from the stage's warning, so that the two always agree (row T6).
fn ocr(verdict: &Verdict) -> Option<Scored> {
    let finding = verdict.finding(Stage::Watermark).filter(|finding| finding.look == Look::Looked)?;
    let seen = finding.warnings.iter().filter_map(|warning| match warning {
        Warning::Watermark { label, confidence } => Some(Scored(label.clone(), confidence * 100.0)),
        _ => None,
    });
    let surest = seen.reduce(|best, next| if next.1 > best.1 { next } else { best });
    Some(surest.unwrap_or_else(|| Scored(NO_WATERMARK.to_owned(), 0.0)))
}

/// The model's own answer, only when it settled the question; how sure it is of that answer, 0–100. Where its threshold lies
/// is the pipeline's to know: beyond it the verdict is "AI Generated", and below it never.
fn ml_model(verdict: &Verdict) -> Option<Scored> {
    if verdict.detection_step() != 3 {
        return None;
    }
    let finding = verdict.finding(Stage::Classifier).filter(|finding| finding.look == Look::Looked)?;
    let score = finding.signals.iter().find_map(|signal| signal.score)?;
    Some(match verdict.label == Label::AiGenerated {
        true => Scored("AI Generated".to_owned(), score),
        false => Scored("Real".to_owned(), 100.0 - score),
    })
}

fn warning(warning: &Warning) -> WarningAnswer {
    let plain = |r#type, label: &String| WarningAnswer { r#type, label: label.clone(), confidence: None, metrics: None, frames: None };
    match warning {
        Warning::SourceSize { label } => plain("source_size", label),
        Warning::BlurDark { label } => plain("blur_dark", label),
        Warning::ScreenRecapture { label, metrics, confidence } => WarningAnswer {
            metrics: Some(ScreenAnswer { is_screen: metrics.is_screen }),
            confidence: Some(*confidence),
            ..plain("screen_recapture", label)
        },
        Warning::Watermark { label, confidence } => WarningAnswer { confidence: Some(*confidence), ..plain("watermark", label) },
        Warning::FirstFrameOnly { frames, label } => WarningAnswer { frames: Some(*frames), ..plain("first_frame_only", label) },
    }
}

/// Where nothing is kept but the verdict there is no heatmap to ask for.
fn not_stored() -> WarningAnswer {
    WarningAnswer { r#type: "heatmap_not_stored", label: NOT_STORED.into(), confidence: None, metrics: None, frames: None }
}

fn signal(signal: &Signal) -> SignalAnswer {
    SignalAnswer {
        stage: signal.stage.name(),
        code: signal.code.clone(),
        summary: signal.summary.clone(),
        score: signal.score,
        weight: signal.weight,
        decisive: signal.decisive,
        unsigned_claim: signal.unsigned_claim,
        source: signal.source.clone(),
    }
}

fn stage(finding: &Finding) -> StageAnswer {
    let (look, reason) = match &finding.look {
        Look::Looked => ("looked", None),
        Look::Skipped => ("skipped", None),
        Look::CouldNotLook(reason) => ("could_not_look", Some(reason.clone())),
    };
    StageAnswer { stage: finding.stage.name(), look, reason }
}

fn image(verdict: &Verdict) -> ImageAnswer {
    let facts = &verdict.image;
    ImageAnswer {
        format: facts.format.name(),
        width: facts.width,
        height: facts.height,
        frames: facts.frames,
        bytes: facts.bytes,
        sha256: facts.sha256.clone(),
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
