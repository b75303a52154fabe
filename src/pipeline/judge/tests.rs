//! The stages together, on the tiny model: which of them run, who decides, and whose fault a failure is.

use super::*;
use crate::{
    infer::{Batch, Infer, Scores},
    settings::Inference,
    testing::{png, settings},
};
use touchstone_core::{finding, verdict::Label};

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const GREY: [u8; 3] = [128, 128, 128];
pub(super) const ASK: Ask = Ask { heatmap: Heatmap::WhenSuspicious, always_classify: false, profile: Profile::Generic };

fn pipeline() -> Pipeline {
    Pipeline::open(&settings()).expect("the tiny model opens")
}

/// A place to run that always answers the same.
struct Broken(InferError);

impl Infer for Broken {
    fn infer(&self, _: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        Err(self.0.clone())
    }
}

fn broken(error: InferError) -> Pipeline {
    let card = ModelCard::read(&settings().model).expect("the tiny card");
    Pipeline::new(&settings(), 1, Classifier::new(card, Arc::new(Broken(error)))).unwrap()
}

/// A PNG that says it was made by Stable Diffusion.
pub(super) fn generated_by_record() -> Bytes {
    let mut image = img_parts::png::Png::from_bytes(png(64, 64, GREY, GREY)).expect("a PNG");
    let text = b"parameters\0a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64, Model: sd15";
    image.chunks_mut().insert(1, img_parts::png::PngChunk::new(*b"tEXt", Bytes::from_static(text)));
    image.encoder().bytes()
}

#[test]
fn the_model_decides_where_no_record_does() {
    let judged = pipeline().judge(png(64, 64, RED, RED), &ASK).expect("judged");
    assert_eq!((judged.verdict.label, judged.verdict.detection_step()), (Label::AiGenerated, 3));
    assert!(judged.verdict.ai_likelihood > 99.0 && !judged.verdict.unsure && judged.patches.is_some());
    let judged = pipeline().judge(png(64, 64, BLUE, BLUE), &ASK).expect("judged");
    assert_eq!(judged.verdict.label, Label::Real);
    assert!(judged.verdict.ai_likelihood < 1.0 && judged.verdict.confidence > 99.0 && judged.patches.is_none());
    assert!(pipeline().judge(png(64, 64, GREY, GREY), &ASK).expect("judged").verdict.unsure);
}

#[test]
fn all_five_stages_are_in_every_verdict_in_order() {
    let stages = |bytes| -> Vec<Stage> {
        pipeline().judge(bytes, &ASK).expect("judged").verdict.findings.iter().map(|finding| finding.stage).collect()
    };
    let all = [Stage::Metadata, Stage::Provenance, Stage::Watermark, Stage::Quality, Stage::Classifier];
    assert_eq!(stages(png(64, 64, RED, BLUE)), all);
    assert_eq!(stages(generated_by_record()), all);
}

// T6
#[test]
fn a_record_that_names_a_generator_stops_before_watermark_and_model() {
    let judged = pipeline().judge(generated_by_record(), &Ask { heatmap: Heatmap::Never, ..ASK }).expect("judged");
    assert_eq!((judged.verdict.label, judged.verdict.detection_step(), judged.patches), (Label::AiGenerated, 1, None));
    let look = |stage| &judged.verdict.finding(stage).expect("present").look;
    assert_eq!([look(Stage::Watermark), look(Stage::Classifier)], [&finding::Look::Skipped; 2]);
    assert_eq!(look(Stage::Quality), &finding::Look::Looked);
}

// T7
#[test]
fn the_model_runs_for_the_map_alone_where_a_record_decided() {
    let judged = pipeline().judge(generated_by_record(), &ASK).expect("judged");
    assert!(judged.patches.is_some());
    assert_eq!(judged.verdict.finding(Stage::Classifier), Some(&Finding::skipped(Stage::Classifier)));
}

#[test]
fn the_model_speaks_without_weight_where_it_was_asked_anyway() {
    let judged = pipeline()
        .judge(generated_by_record(), &Ask { heatmap: Heatmap::Never, always_classify: true, profile: Profile::Generic })
        .expect("judged");
    let signal = judged.verdict.signals().find(|signal| signal.code == classifier::PIXEL_MODEL).expect("it spoke");
    assert_eq!((signal.weight, judged.verdict.detection_step()), (0.0, 1));
    assert!(signal.score.is_some());
}

#[test]
fn without_the_model_there_is_no_verdict_unless_a_record_settles_it() {
    let failed = broken(InferError::Failed("no memory".into()));
    let told = failed.judge(png(64, 64, BLUE, BLUE), &ASK).expect_err("never Real");
    assert!(matches!(&told, Unjudged::Classifier(reason) if reason.contains("no memory")), "{told}");
    let judged = failed.judge(generated_by_record(), &ASK).expect("the record settles it");
    assert_eq!((judged.verdict.label, judged.patches), (Label::AiGenerated, None));
    assert!(matches!(broken(InferError::Busy).judge(png(64, 64, BLUE, BLUE), &ASK), Err(Unjudged::Busy)));
}

#[test]
fn the_same_bytes_give_the_same_verdict_and_patches_whatever_else_runs() {
    let (pipeline, bytes) = (pipeline(), png(300, 200, RED, BLUE));
    let ask = Ask { heatmap: Heatmap::Always, ..ASK };
    let first = pipeline.judge(bytes.clone(), &ask).expect("judged");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let again = pipeline.judge(bytes.clone(), &ask).expect("judged");
                assert_eq!((again.verdict, again.patches), (first.verdict.clone(), first.patches.clone()));
            });
        }
    });
}

#[test]
fn patches_say_where_the_red_is() {
    let judged = pipeline().judge(png(200, 100, BLUE, RED), &Ask { heatmap: Heatmap::Always, ..ASK }).expect("judged");
    let patches = judged.patches.expect("asked for").patches;
    assert!(patches.iter().any(|patch| patch.x >= 100.0 && patch.logit > 7.9));
    assert!(patches.iter().all(|patch| patch.x + patch.width > 100.5 || patch.logit < -7.9), "left of the middle all is blue");
}

#[test]
fn what_is_no_picture_is_the_files_fault() {
    assert!(matches!(pipeline().judge(Bytes::from_static(b"hello"), &ASK), Err(Unjudged::Unreadable(_))));
}

#[test]
fn weights_that_speak_another_language_are_refused_with_what_was_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiny = settings().model;
    let unfit = std::fs::read(tiny.join("unfit.onnx")).expect("the fixture");
    let card = std::fs::read_to_string(tiny.join("model.toml")).expect("the fixture");
    let hash = |bytes: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    let right = std::fs::read(tiny.join("tiles.onnx")).expect("the fixture");
    std::fs::write(folder.path().join("tiles.onnx"), &unfit).expect("written");
    std::fs::copy(tiny.join("whole.onnx"), folder.path().join("whole.onnx")).expect("copied");
    std::fs::write(folder.path().join("model.toml"), card.replace(&hash(&right), &hash(&unfit))).expect("written");
    let told = Pipeline::open(&Settings { model: folder.path().to_owned(), ..settings() }).err().expect("unfit").to_string();
    assert!(told.contains("tiles.onnx") && told.contains("\"heat\"") && told.contains("patch_logits"), "{told}");
    std::fs::write(folder.path().join("tiles.onnx"), &right).expect("written");
    std::fs::write(folder.path().join("model.toml"), card.replace(&hash(&right), &hash(b"no network")).replace("tiles.onnx", "none.onnx"))
        .expect("written");
    std::fs::write(folder.path().join("none.onnx"), b"no network").expect("written");
    let told = Pipeline::open(&Settings { model: folder.path().to_owned(), ..settings() }).err().expect("no ONNX").to_string();
    assert!(told.contains("none.onnx"), "{told}");
}

#[test]
fn threads_are_as_many_as_asked_for() {
    let settings = Settings { inference: Inference::embedded(3, 1), ..settings() };
    assert_eq!(Pipeline::open(&settings).expect("opens").threads(), 3);
}

/// The digest of what the stages say of a fixed file under [`REVISION`].
const SAID: (u32, &str) = (1, "92f6e38578669a35aab9d97748917e1832fe21433a6e4a9ae39036d8f6ee02be");

// V11
#[test]
fn who_changes_what_is_said_of_a_file_counts_the_revision_up() {
    use sha2::{Digest, Sha256};
    // A record settles it, so that no arithmetic of a processor is in it.
    let judged = broken(InferError::Busy).judge(generated_by_record(), &Ask { heatmap: Heatmap::Never, ..ASK }).expect("judged");
    // Its rules hold this program's version.
    let said = serde_json::to_vec(&Verdict { rules: None, ..judged.verdict }).expect("JSON");
    let said = hex::encode(Sha256::digest(said));
    assert_eq!((REVISION, said.as_str()), SAID, "verdicts that were taken over would differ from fresh ones: count REVISION up");
}

// V11
#[test]
fn whatever_a_verdict_depends_on_is_in_the_pipelines_identity() {
    let tiny = || ModelCard::read(&settings().model).expect("the tiny card");
    let of_card = |settings: &Settings, profile, card| {
        let classifier = Classifier::new(card, Arc::new(Broken(InferError::Busy)));
        Pipeline::new(settings, 1, classifier).unwrap().identity(profile)
    };
    let of = |settings: &Settings, profile| of_card(settings, profile, tiny());
    let text = std::fs::read_to_string(settings().model.join("model.toml")).expect("the tiny card");
    let retold = ModelCard::parse(&format!("{text}\n# Calibrated anew.\n"), &settings().model).expect("the tiny card");
    let mut small = settings();
    small.limits.max_side = 100;
    let identities = [
        of(&settings(), Profile::Generic),
        of(&Settings { bypass_watermark: true, ..settings() }, Profile::Generic),
        of(&small, Profile::Generic),
        of_card(&settings(), Profile::Generic, retold),
    ];
    assert_eq!(identities.iter().collect::<std::collections::BTreeSet<_>>().len(), identities.len(), "{identities:?}");
    assert_eq!(identities[0], of(&settings(), Profile::Generic));
}
