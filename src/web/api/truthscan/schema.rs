//! The shape of a `/query` answer (rows T5 and T6): what published clients parse, field by field.
//!
//! Fields are never left out once the verdict is final, only null, because typed clients want them there. Our own fields
//! stand beside theirs; none of theirs is renamed.

use serde::{Serialize, Serializer, ser::SerializeTuple};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema, Type, schema::ArrayBuilder, schema::ArrayItems, schema::ObjectBuilder},
};
use uuid::Uuid;

/// How far a document has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    /// It waits.
    Pending,
    /// It is being looked at.
    Analyzing,
    /// The verdict is final.
    Done,
    /// It could not be judged; no credit was taken.
    Failed,
}

/// How far a picture beside the verdict has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PictureStatus {
    /// It is being drawn.
    Pending,
    /// It can be fetched.
    Ready,
    /// It could not be drawn.
    Failed,
}

/// A document, as far as it has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryAnswer {
    /// The document.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    pub(crate) id: Uuid,
    /// How far it has come.
    #[schema(example = "done")]
    pub(crate) status: Progress,
    /// Likelihood of AI, 0–100. Left out until the verdict is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 90.24, minimum = 0, maximum = 100, nullable = false)]
    pub(crate) result: Option<f64>,
    /// The verdict. Left out until it is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) result_details: Option<ResultDetails>,
    /// A short-lived link to the preview, once there is one. Bare, where the organisation's pictures are secure and its key did not
    /// come along: POST there with the key.
    #[schema(required, example = "http://127.0.0.1:8080/preview/77565038-9e3d-4e6a-8c80-e20785be5ee9?expires=1767225600&signature=00ff")]
    pub(crate) preview_url: Option<String>,
    /// Why it failed. Only there when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) error_message: Option<String>,
}

/// The verdict and what it rests on.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ResultDetails {
    /// The file could be read as an image.
    pub(crate) is_valid: Option<bool>,
    /// Where the question was settled: 1 by a record in the file, 2 by a watermark, 3 by the model.
    #[schema(example = 3, minimum = 1, maximum = 3)]
    pub(crate) detection_step: Option<u8>,
    /// `AI Generated`, `AI Edited`, `Digitally Edited` or `Real`.
    #[schema(example = "AI Generated")]
    pub(crate) final_result: Option<&'static str>,
    /// How sure we are of `final_result`, 0–100.
    #[schema(example = 90.24)]
    pub(crate) confidence: Option<f64>,
    /// The same, under its other name.
    #[schema(example = 90.24)]
    pub(crate) final_label_confidence: Option<f64>,
    /// What the records in the file say: a verdict and its reason.
    #[schema(value_type = Option<Vec<String>>, min_items = 2, max_items = 2)]
    pub(crate) metadata: Option<[String; 2]>,
    /// The generator, editor or camera that the records name; the string `null` when they name none.
    #[schema(example = "null")]
    pub(crate) metadata_basic_source: Option<String>,
    /// The visible or invisible watermark: its name, and how sure we are. Null when nobody looked.
    pub(crate) ocr: Option<Scored>,
    /// The model: its answer, and how sure it is. Null when it was not needed.
    pub(crate) ml_model: Option<Scored>,
    /// Always null: no public decoder of that mark exists.
    pub(crate) synthid: Option<Scored>,
    /// What a reader should know beside the verdict.
    pub(crate) warnings: Vec<WarningAnswer>,
    /// How far the heatmap has come; null when none is made.
    pub(crate) heatmap_status: Option<PictureStatus>,
    /// A short-lived link to the heatmap, once it is ready. Bare, where the organisation's pictures are secure and its key did not
    /// come along: POST there with the key.
    pub(crate) heatmap_url: Option<String>,
    /// `analyzing`, then `ready` (`done` for organisations of the older dialect) or `skipped`; null when no analysis was asked for.
    #[schema(example = "ready")]
    pub(crate) analysis_results_status: Option<&'static str>,
    /// The verdict in words, once it is ready.
    pub(crate) analysis_results: Option<AnalysisAnswer>,
    /// The same as `analysis_results_status`, under its other name.
    #[schema(example = "ready")]
    pub(crate) analysis_result_status: Option<&'static str>,
    /// The same as `analysis_results`, under its other name.
    pub(crate) analysis_result: Option<AnalysisAnswer>,
    /// Always null.
    pub(crate) content_moderation: Option<String>,
    /// Always null.
    pub(crate) content_moderation_status: Option<String>,
    /// The score lies too near the threshold to lean on.
    pub(crate) unsure: Option<bool>,
    /// Everything that the verdict rests on, in the order in which it was seen.
    pub(crate) signals: Vec<SignalAnswer>,
    /// Which stages looked.
    pub(crate) stages: Vec<StageAnswer>,
    /// Which weights judged.
    pub(crate) model: Option<ModelAnswer>,
    /// Whose thresholds judged: `generic` or `sheerid`.
    #[schema(example = "generic")]
    pub(crate) profile: Option<&'static str>,
    /// What was judged.
    pub(crate) image: Option<ImageAnswer>,
}

/// A pair `[name, score]`, the score 0–100.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scored(pub(crate) String, pub(crate) f64);

impl Serialize for Scored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.0)?;
        pair.serialize_element(&self.1)?;
        pair.end()
    }
}

impl PartialSchema for Scored {
    fn schema() -> RefOr<Schema> {
        let of = |kind| Schema::from(ObjectBuilder::new().schema_type(kind).build());
        ArrayBuilder::new()
            .items(ArrayItems::False)
            .prefix_items([of(Type::String), of(Type::Number)])
            .min_items(Some(2))
            .max_items(Some(2))
            .description(Some("A name and a score, 0–100."))
            .examples([serde_json::json!(["AI Generated", 90.24])])
            .build()
            .into()
    }
}

impl ToSchema for Scored {}

/// One warning. Which fields there are depends on `type`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct WarningAnswer {
    /// `source_size`, `blur_dark`, `screen_recapture`, `watermark` or `first_frame_only`.
    #[schema(example = "blur_dark")]
    pub(crate) r#type: &'static str,
    /// A word or a sentence for people.
    #[schema(example = "Blurred")]
    pub(crate) label: String,
    /// How sure we are: 0–1 for a watermark, 0–100 for a screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) confidence: Option<f64>,
    /// What was measured of a screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) metrics: Option<ScreenAnswer>,
    /// How many frames or pages the file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) frames: Option<u32>,
}

/// What the screen test measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ScreenAnswer {
    /// The picture looks like a photograph of a screen.
    pub(crate) is_screen: bool,
}

/// One thing that a stage saw.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SignalAnswer {
    /// `metadata`, `provenance`, `watermark`, `quality` or `classifier`.
    #[schema(example = "metadata")]
    pub(crate) stage: &'static str,
    /// A stable name.
    #[schema(example = "png_parameters")]
    pub(crate) code: String,
    /// One sentence for people.
    pub(crate) summary: String,
    /// The likelihood of AI that this alone argues for, 0–100; null when it argues neither way.
    pub(crate) score: Option<f64>,
    /// Its share in the verdict, 0–1.
    pub(crate) weight: f64,
    /// It settles the question on its own.
    pub(crate) decisive: bool,
    /// A record that anybody could have written.
    pub(crate) unsigned_claim: bool,
    /// The generator or program that it names.
    pub(crate) source: Option<String>,
}

/// Whether one stage looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StageAnswer {
    /// Its name.
    #[schema(example = "watermark")]
    pub(crate) stage: &'static str,
    /// `looked`, `skipped` or `could_not_look`.
    #[schema(example = "looked")]
    pub(crate) look: &'static str,
    /// Why it could not.
    pub(crate) reason: Option<String>,
}

/// Which weights judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ModelAnswer {
    /// Their name.
    pub(crate) name: String,
    /// Their version.
    pub(crate) version: String,
}

/// Facts of the file, none of its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ImageAnswer {
    /// By content, not by name.
    #[schema(example = "JPEG")]
    pub(crate) format: &'static str,
    /// In pixels, upright.
    pub(crate) width: u32,
    /// In pixels, upright.
    pub(crate) height: u32,
    /// Frames or pages.
    pub(crate) frames: u32,
    /// Size of the file.
    pub(crate) bytes: u64,
    /// SHA-256 of the file, hex.
    pub(crate) sha256: String,
}

/// The verdict in words.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Analysis)]
pub(crate) struct AnalysisAnswer {
    /// Whether the stages point the same way: `strong`, `moderate`, `weak` or `disagreement`.
    #[schema(example = "moderate")]
    pub(crate) agreement: &'static str,
    /// At most five short tags.
    #[schema(max_items = 5)]
    pub(crate) image_tags: Vec<String>,
    /// The same as `imageTags`, under its other name.
    #[schema(max_items = 5)]
    pub(crate) image_tag: Vec<String>,
    /// The verdict's confidence, 0–100.
    #[schema(example = 90.24, minimum = 0, maximum = 100)]
    pub(crate) confidence: f64,
    /// What speaks for the verdict or against it; each is the `summary` of one of `signals`.
    pub(crate) key_indicators: Vec<String>,
    /// Two to four sentences.
    pub(crate) detailed_reasoning: String,
    /// What sort of picture it is and what became of it.
    pub(crate) visual_patterns: Vec<String>,
    /// Next steps.
    #[schema(min_items = 3, max_items = 5)]
    pub(crate) recommendations: Vec<String>,
}
