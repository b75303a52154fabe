//! A batch as the two texts want it: TruthScan's `results` (row T12) and Undetectable's `items` (row U1). Pure translation; what is
//! said of one image is [`super::answer`]'s.

use serde::Serialize;
use touchstone_core::{batch::Skipped, ids::DocumentId};
use touchstone_moderation::{Asset, BatchRecord, DocumentRecord};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    answer::{self, progress},
    schema::{Progress, QueryAnswer, ResultDetails, Scored},
};

/// A batch, as far as it has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// The batch.
    #[schema(example = "3b81fb24-dd23-40e7-ae95-82f823f44098")]
    id: Uuid,
    /// How far it has come: `done` when every image has ended, `failed` when none could be judged.
    #[schema(example = "analyzing")]
    status: Progress,
    /// Its images, in the archive's order.
    results: Vec<BatchImage>,
    /// What was not judged, and cost nothing.
    skipped: Vec<SkippedImage>,
}

/// One image of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchImage {
    /// The image; `/query`, `/heatmap/{id}` and `/preview/{id}` take it too.
    #[schema(example = "4600c7e5-00ec-469d-9117-ff20e0f1c1fa")]
    id: Uuid,
    /// How far it has come.
    #[schema(example = "done")]
    status: Progress,
    /// Likelihood of AI, 0–100. Null until the verdict is final.
    #[schema(example = 44.0006, minimum = 0, maximum = 100)]
    result: Option<f64>,
    /// The verdict. Null until it is final.
    result_details: Option<ResultDetails>,
    /// Its name in the archive.
    #[schema(example = "photo1.jpg")]
    filename: String,
    /// A short-lived link to the preview, once there is one.
    preview_url: Option<String>,
    /// Why it failed. Only there when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_message: Option<String>,
}

/// A file of the archive that was not judged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkippedImage {
    /// Its name in the archive.
    #[schema(example = "document.pdf")]
    filename: String,
    /// Always `failed`.
    #[schema(example = "failed")]
    status: Progress,
    /// Always null.
    result: Option<f64>,
    /// Why.
    result_details: SkippedReason,
}

/// Why a file was not judged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkippedReason {
    /// In a sentence.
    #[schema(example = "PDF not supported in bulk")]
    reason: String,
}

/// A batch in the shape of the older text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkQueryAnswer {
    /// The batch.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// How far it has come: `done` when every image has ended, `failed` when none could be judged.
    #[schema(example = "done")]
    status: Progress,
    /// The highest likelihood of AI among the images so far, 0–100; null until one has a verdict.
    #[schema(example = 90.23, minimum = 0, maximum = 100)]
    result: Option<f64>,
    /// Its images, in the archive's order.
    items: Vec<BulkItem>,
    /// What was not judged, and cost nothing.
    skipped: Vec<BulkSkipped>,
}

/// One image of a batch, in the shape of the older text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkItem {
    /// Its name in the archive.
    #[schema(example = "image1.jpg")]
    filename: String,
    /// Likelihood of AI, 0–100. Null until the verdict is final.
    #[schema(example = 90.23, minimum = 0, maximum = 100)]
    result: Option<f64>,
    /// `AI Generated`, `AI Edited`, `Digitally Edited` or `Real`.
    #[schema(example = "AI Generated")]
    final_result: Option<&'static str>,
    /// How sure we are of `final_result`, 0–100.
    #[schema(example = 90.23)]
    confidence: Option<f64>,
    /// Where the question was settled: 1 by a record in the file, 2 by a watermark, 3 by the model.
    #[schema(example = 3, minimum = 1, maximum = 3)]
    detection_step: Option<u8>,
    /// What the records in the file say: a verdict and its reason.
    #[schema(value_type = Option<Vec<String>>, min_items = 2, max_items = 2)]
    metadata: Option<[String; 2]>,
    /// The watermark and how sure we are.
    ocr: Option<Scored>,
    /// The model's answer and how sure it is.
    ml_model: Option<Scored>,
    /// Why it failed; null when it did not.
    error: Option<String>,
}

/// A file of the archive that was not judged, in the shape of the older text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkSkipped {
    /// Its name in the archive.
    #[schema(example = "document.pdf")]
    filename: String,
    /// Why, in a sentence.
    #[schema(example = "PDF not supported in bulk")]
    reason: String,
}

/// The answer of `/query`. `link` makes a fresh link to one of an image's pictures.
pub(crate) fn results(batch: &BatchRecord, link: impl Fn(DocumentId, Asset) -> String) -> BatchAnswer {
    BatchAnswer {
        id: batch.id.0,
        status: progress(batch.status()),
        results: batch.members.iter().map(|member| image(member, &link)).collect(),
        skipped: batch.skipped.iter().map(skipped).collect(),
    }
}

fn image(document: &DocumentRecord, link: impl Fn(DocumentId, Asset) -> String) -> BatchImage {
    let QueryAnswer { id, status, result, result_details, preview_url, error_message } =
        answer::of(document, |asset| link(document.id, asset));
    BatchImage { id, status, result, result_details, filename: filename(document), preview_url, error_message }
}

fn skipped(file: &Skipped) -> SkippedImage {
    let result_details = SkippedReason { reason: file.reason.clone() };
    SkippedImage { filename: file.filename.clone(), status: Progress::Failed, result: None, result_details }
}

/// The answer of `/bulk-upload/query`.
pub(crate) fn items(batch: &BatchRecord) -> BulkQueryAnswer {
    let items: Vec<BulkItem> = batch.members.iter().map(item).collect();
    BulkQueryAnswer {
        id: batch.id.0,
        status: progress(batch.status()),
        result: items.iter().filter_map(|item| item.result).reduce(f64::max),
        items,
        skipped: batch
            .skipped
            .iter()
            .map(|Skipped { filename, reason }| BulkSkipped { filename: filename.clone(), reason: reason.clone() })
            .collect(),
    }
}

fn item(document: &DocumentRecord) -> BulkItem {
    // This shape has no place for links.
    let QueryAnswer { result, result_details, error_message, .. } = answer::of(document, |_| String::new());
    let details = result_details.unwrap_or_default();
    BulkItem {
        filename: filename(document),
        result,
        final_result: details.final_result,
        confidence: details.confidence,
        detection_step: details.detection_step,
        metadata: details.metadata,
        ocr: details.ocr,
        ml_model: details.ml_model,
        error: error_message,
    }
}

fn filename(document: &DocumentRecord) -> String {
    document.member.as_ref().map(|member| member.file_name.clone()).unwrap_or_default()
}
