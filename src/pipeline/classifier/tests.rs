//! Other shapes of models through the real runtime: two views of one network with heads, and a plain classifier.

use touchstone_core::submission::Profile;

use super::*;
use crate::{
    Ask, Heatmap, Pipeline, Settings,
    open::OpenError,
    testing::{png, settings, workspace},
};

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const GREEN: [u8; 3] = [0, 255, 0];
const ASK: Ask = Ask { heatmap: Heatmap::Always, always_classify: true, profile: Profile::Generic };

fn of(model: &str) -> Settings {
    Settings { model: workspace("tests/fixtures/models").join(model), ..settings() }
}

fn pipeline(model: &str) -> Pipeline {
    Pipeline::open(&of(model)).expect("the model opens")
}

fn picture(pipeline: &Pipeline, width: u32, height: u32, left: [u8; 3], right: [u8; 3]) -> Picture {
    Picture::decode(png(width, height, left, right), pipeline.limits()).expect("a picture")
}

/// A card of the plain classifier, changed, and why it does not open.
fn refused(right: &str, wrong: &str) -> String {
    let (folder, plain) = (tempfile::tempdir().expect("a folder"), of("plain").model);
    let card = std::fs::read_to_string(plain.join("model.toml")).expect("the fixture");
    assert!(card.contains(right), "{right} stands in the card");
    std::fs::write(folder.path().join("model.toml"), card.replacen(right, wrong, 1)).expect("written");
    std::fs::copy(plain.join("classifier.onnx"), folder.path().join("classifier.onnx")).expect("copied");
    let told = Pipeline::open(&Settings { model: folder.path().to_owned(), ..settings() }).err().expect(wrong);
    assert!(matches!(told, OpenError::WeightsUnfit { .. } | OpenError::CardInvalid { .. }), "{told}");
    told.to_string()
}

#[test]
fn two_views_of_one_network_read_their_own_outputs() {
    let full = pipeline("full");
    let seen = full.classifier().look(&picture(&full, 128, 96, RED, RED)).expect("seen");
    // Normalised red is (1, −1, −1): 4 × 2 on tiles, 2 × 2 on the frame.
    assert_eq!((seen.features["tiles.mean"], seen.features["frame.max"]), (8.0, 4.0));
    assert_eq!((seen.logit, seen.probability), (6.0, sigmoid(6.0)));
    // 4 tiles of 2 × 2 patches at 8, one frame of 8 × 6 patches at 4.
    assert_eq!((seen.patches.patches.len(), seen.features["patch.p90"], seen.features["patch.p50"]), (64, 8.0, 4.0));
    assert_eq!(seen.features["patch.share"], 1.0);
    assert!(statistics::NAMES.iter().all(|name| seen.features.contains_key(&format!("stat.{name}"))));
}

// X1
#[test]
fn heads_name_the_family_and_the_kind_of_picture() {
    let full = pipeline("full");
    let look = |colour| full.classifier().look(&picture(&full, 100, 100, colour, colour)).expect("seen");
    let red = look(RED);
    assert_eq!((red.attribution[0].name.as_str(), red.kind[0].name.as_str()), ("red", "photo"));
    assert!(red.attribution[0].share > 0.99 && (red.attribution.iter().map(|family| family.share).sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(look(GREEN).kind[0].name, "art");
    assert!((red.features["kind.photo"] - red.kind[0].share).abs() < 1e-12);
    let unknown = look([200, 200, 200]);
    assert_eq!((unknown.attribution.len(), unknown.attribution[0].name.as_str()), (1, crate::model::OTHER), "a third each is no family");
}

// T7
#[test]
fn a_map_looks_closer_and_the_verdict_is_the_same_whether_one_was_asked() {
    let full = pipeline("full");
    let large = picture(&full, 256, 256, RED, BLUE);
    assert!(full.classifier().maps_closer(&large) && !full.classifier().maps_closer(&picture(&full, 60, 60, RED, BLUE)));
    let (seen, map) = (full.classifier().look(&large).expect("seen"), full.classifier().map(&large).expect("seen"));
    // 4 and 16 tiles of 4 patches; the frame's 8 × 8.
    assert_eq!((seen.patches.patches.len(), map.patches.len()), (16 + 64, 64 + 64));
    let judge = |heatmap| full.judge(large.bytes.clone(), &Ask { heatmap, ..ASK }).expect("judged");
    let (with, without) = (judge(Heatmap::Always), judge(Heatmap::Never));
    assert_eq!((with.verdict, with.patches), (without.verdict, Some(map)));
}

// X7
#[test]
fn a_plain_classifier_judges_and_has_no_heatmap() {
    let plain = pipeline("plain");
    let seen = plain.classifier().look(&picture(&plain, 90, 70, RED, RED)).expect("seen");
    // fake 2 × 2, real −2 × 2: the softmax's odds are e⁸.
    assert!((seen.logit - 8.0).abs() < 1e-5, "{}", seen.logit);
    let judged = plain.judge(png(90, 70, BLUE, BLUE), &ASK).expect("judged");
    assert!(judged.verdict.ai_likelihood < 0.1 && judged.patches.is_none(), "{:?}", judged.verdict);
    // The centre is seen, 32 of 40 px, and the left half of it is red: neither class wins.
    let half = plain.classifier().look(&picture(&plain, 80, 80, RED, BLUE)).expect("seen");
    assert!(half.logit.abs() < 0.1, "{}", half.logit);
}

// X7
#[test]
fn a_card_that_does_not_fit_its_network_says_which_line_to_change() {
    let mistakes = [
        ("input = \"pixel_values\"", "input = \"pixels\"", &["\"pixel_values\"", "names the input \"pixels\"", "models/README.md"][..]),
        ("image = \"logits\"", "image = \"scores\"", &["outputs [\"logits\"]", "\"scores\""]),
        ("ai = [1]", "ai = [2]", &["it has 2 classes", "ai = [2]"]),
        ("activation = \"softmax\"\nai = [1]", "activation = \"logit\"", &["2 numbers a square, not one"]),
        ("side = 32", "side = 48", &["resize = 48 to 4096"]),
        ("side = 32\nresize = 40", "side = 48", &["view \"picture\"", "48"]),
    ];
    for (right, wrong, told) in mistakes {
        let reason = refused(right, wrong);
        assert!(told.iter().all(|told| reason.contains(told)), "{wrong}: {reason}");
    }
}

#[test]
fn squares_without_a_score_are_an_error_and_no_verdict() {
    struct Silent;
    impl Infer for Silent {
        fn infer(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
            Ok(vec![Scores::default(); batches.len()])
        }
    }
    let full = pipeline("full");
    let classifier = Classifier::new(full.card().clone(), Arc::new(Silent));
    let picture = picture(&full, 64, 64, RED, BLUE);
    for answer in [classifier.look(&picture).map(|_| ()), classifier.map(&picture).map(|_| ())] {
        assert!(matches!(&answer, Err(InferError::Failed(reason)) if reason.contains("without a score")), "{answer:?}");
    }
}
