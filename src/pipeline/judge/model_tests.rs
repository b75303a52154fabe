//! What a verdict makes of the model's answer: whether it holds (row X2), whom it names (row X1), and a part that stands out (row T6).
//! The model is a pretended one that reads stripes and redness off the pixels, so that every answer can be foreseen.

use std::sync::atomic::{AtomicUsize, Ordering};

use image::{Rgb, RgbImage};

use super::{
    tests::{ASK, generated_by_record},
    *,
};
use crate::{
    infer::{Batch, Infer, Scores},
    model::Heads,
    region::{Edits, GENERATED_REGION},
    testing::settings,
};

/// Sees generation in fine stripes of at least this contrast (mean step between neighbours, in units of 127.5), and in red patches.
struct Pretender {
    contrast: f32,
    calls: Arc<AtomicUsize>,
    /// What the calls after the first end with.
    later: Option<InferError>,
}

const PATCHES: usize = 4;

impl Infer for Pretender {
    fn infer(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        let later = self.calls.fetch_add(1, Ordering::SeqCst) > 0;
        match self.later.clone().filter(|_| later) {
            Some(error) => Err(error),
            None => Ok(batches.iter().map(|batch| self.scores(batch)).collect()),
        }
    }
}

impl Pretender {
    fn scores(&self, batch: &Batch) -> Scores {
        let squares: Vec<&[f32]> = batch.pixels.chunks_exact(batch.square()).collect();
        let steps = |square: &[f32]| square.windows(2).map(|pair| (pair[0] - pair[1]).abs()).sum::<f32>() / square.len() as f32;
        let image = squares.iter().map(|square| if steps(square) > self.contrast { 1.0 } else { -1.0 }).collect();
        let red = |square: &[f32], patch: usize| {
            let (plane, step) = (batch.width * batch.height, batch.width / PATCHES);
            let middle = (patch / PATCHES * step + step / 2) * batch.width + patch % PATCHES * step + step / 2;
            if square[middle] - square[2 * plane + middle] > 0.5 { 4.0 } else { -4.0 }
        };
        // Of the tiles alone, as in the card.
        let drawn = squares.iter().filter(|_| batch.view == 0);
        let patches = drawn.flat_map(|square| (0..PATCHES * PATCHES).map(move |patch| red(square, patch))).collect();
        let each = |logits: [f32; 2]| logits.repeat(squares.len());
        Scores { image, patches, rows: PATCHES, columns: PATCHES, families: each([3.0, 1.0]), kinds: each([0.0, 2.0]) }
    }
}

/// A pipeline around it, whose card was changed, and the count of its calls.
fn pretending(contrast: f32, later: Option<InferError>, change: impl FnOnce(&mut ModelCard)) -> (Pipeline, Arc<AtomicUsize>) {
    let folder = settings().model;
    let text = std::fs::read_to_string(folder.join("model.toml")).expect("the tiny card").replace("\"whole.mean\" = 0.5", "");
    let mut card = ModelCard::parse(&text, &folder).expect("tiles alone");
    change(&mut card);
    let calls = Arc::new(AtomicUsize::new(0));
    let pretender = Pretender { contrast, calls: calls.clone(), later };
    (Pipeline::new(&settings(), 1, Classifier::new(card, Arc::new(pretender))).unwrap(), calls)
}

/// X2's probes run between .3 and .7; the pretender's P is .62 or .38.
fn near(card: &mut ModelCard) {
    (card.thresholds.near_low, card.thresholds.near_high) = (Some(0.3), Some(0.7));
}

fn file(rgb: &RgbImage) -> Bytes {
    let mut bytes = std::io::Cursor::new(Vec::new());
    rgb.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG can be written to memory");
    bytes.into_inner().into()
}

/// Upright stripes one pixel wide, which every reduction blurs and JPEG keeps if they are strong.
fn stripes(strength: u8) -> Bytes {
    file(&RgbImage::from_fn(128, 128, |x, _| Rgb([128 - strength + (x % 2) as u8 * 2 * strength; 3])))
}

fn unstable(judged: &Judged) -> Option<&Signal> {
    judged.verdict.signals().find(|signal| signal.code == probe::UNSTABLE)
}

// X2, T6
#[test]
fn an_answer_that_does_not_survive_a_delivery_is_unsure_and_says_which() {
    let (pipeline, _) = pretending(0.3, None, near);
    let judged = pipeline.judge(stripes(60), &ASK).expect("judged");
    let signal = unstable(&judged).expect("the smaller copy has no stripes");
    assert!(signal.summary.contains("62 in 100 becomes 38 in 100 when made a quarter smaller."), "{}", signal.summary);
    assert_eq!((signal.stage, signal.score, signal.weight), (Stage::Classifier, None, 0.0));
    let verdict = &judged.verdict;
    assert!(verdict.unsure && verdict.label == Label::AiGenerated && (verdict.ai_likelihood - 62.2).abs() < 0.1, "P stays the picture's");

    let (pipeline, _) = pretending(0.01, None, near);
    let both = pipeline.judge(stripes(2), &ASK).expect("judged");
    let summary = &unstable(&both).expect("faint stripes survive neither").summary;
    assert!(summary.contains("saved again as JPEG and") && summary.contains("smaller"), "{summary}");
}

// T4
#[test]
fn a_profile_judges_by_its_own_thresholds_and_the_verdict_names_it() {
    let plain = Thresholds { ai: 0.5, unsure_low: 0.5, unsure_high: 0.5, near_low: None, near_high: None };
    let judge = |of: &[Thresholds], profile| {
        let (pipeline, _) = pretending(0.3, None, |card| {
            card.thresholds = plain;
            card.profiles = of.iter().map(|thresholds| (Profile::Sheerid, *thresholds)).collect();
        });
        let verdict = pipeline.judge(stripes(60), &Ask { profile, ..ASK }).expect("judged").verdict;
        assert_eq!(verdict.profile, profile);
        assert!((verdict.ai_likelihood - 62.2).abs() < 0.1, "the likelihood is the model's, whoever asks");
        (verdict.label, verdict.unsure)
    };
    let stricter = Thresholds { ai: 0.7, unsure_low: 0.6, unsure_high: 0.8, ..plain };
    assert_eq!(judge(&[stricter], Profile::Generic), (Label::AiGenerated, false));
    assert_eq!(judge(&[stricter], Profile::Sheerid), (Label::Real, true));
    assert_eq!(judge(&[], Profile::Sheerid), (Label::AiGenerated, false), "a card without the profile has one set for all");
}

// X2
#[test]
fn an_answer_that_holds_is_not_unsure() {
    let (pipeline, calls) = pretending(0.3, None, near);
    let judged = pipeline.judge(file(&RgbImage::from_pixel(128, 128, Rgb([90; 3]))), &ASK).expect("judged");
    assert_eq!((judged.verdict.label, judged.verdict.unsure, unstable(&judged)), (Label::Real, false, None));
    assert_eq!(calls.load(Ordering::SeqCst), 3, "the picture and its two copies");
}

// X2
#[test]
fn only_an_answer_near_the_threshold_that_decides_is_put_to_the_test() {
    let calls = |bytes, ask: &Ask, change: fn(&mut ModelCard)| {
        let (pipeline, calls) = pretending(0.3, None, change);
        assert_eq!(unstable(&pipeline.judge(bytes, ask).expect("judged")), None);
        calls.load(Ordering::SeqCst)
    };
    let never = Ask { heatmap: Heatmap::Never, always_classify: true, profile: Profile::Generic };
    assert_eq!(calls(stripes(60), &never, |_| ()), 1, "the card names no range");
    assert_eq!(calls(stripes(60), &never, |card| (card.thresholds.near_low, card.thresholds.near_high) = (Some(0.45), Some(0.55))), 1);
    assert_eq!(calls(generated_by_record(), &never, near), 1, "a record decided");
}

// X2
#[test]
fn a_copy_that_the_model_cannot_look_at_is_no_verdict() {
    let told = |error| pretending(0.3, Some(error), near).0.judge(stripes(60), &ASK).expect_err("the same bytes, the same verdict");
    assert!(matches!(told(InferError::Busy), Unjudged::Busy));
    assert!(matches!(told(InferError::Failed("no memory".into())), Unjudged::Classifier(reason) if reason.contains("no memory")));
}

// X1
#[test]
fn families_are_named_only_of_what_is_called_generated_and_kinds_of_every_picture() {
    let heads = |card: &mut ModelCard| {
        let [families, kinds] = [["sdxl", "flux1"], ["photo", "art"]].map(|names| names.map(str::to_owned).to_vec());
        card.heads = Heads { families, kinds, other: 0.35, temperature: 1.0 };
    };
    let (pipeline, _) = pretending(0.3, None, heads);
    let generated = pipeline.judge(stripes(60), &ASK).expect("judged");
    let attribution = &generated.verdict.attribution;
    assert!(attribution[0].name == "sdxl" && attribution.iter().any(|share| share.name == "other"), "{attribution:?}");
    assert!((attribution.iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(generated.verdict.kind[0].name, "art");
    assert_eq!(generated.seen.map(|seen| seen.attribution).as_ref(), Some(attribution));
    let real = pipeline.judge(file(&RgbImage::new(128, 128)), &ASK).expect("judged");
    assert_eq!((real.verdict.label, &real.verdict.attribution[..], real.verdict.kind.len()), (Label::Real, &[][..], 2));
    assert!(!real.seen.expect("it looked").attribution.is_empty(), "what the model saw is kept for measuring");
    let record = pipeline.judge(generated_by_record(), &Ask { heatmap: Heatmap::Never, ..ASK }).expect("judged");
    assert!(record.seen.is_none() && record.verdict.attribution.is_empty() && record.verdict.kind.is_empty(), "the model was not asked");
}

// T6
#[test]
fn a_generated_part_of_a_picture_that_is_not_generated_makes_it_edited() {
    let pasted = file(&RgbImage::from_fn(192, 96, |x, _| Rgb(if (64..112).contains(&x) { [250, 20, 20] } else { [20, 20, 250] })));
    let judge =
        |edits: Option<Edits>| pretending(0.5, None, |card| card.edits = edits).0.judge(pasted.clone(), &ASK).expect("judged").verdict;
    let edited = judge(Some(Edits { contrast: 3.0, inside: 0.5, outside: -0.5 }));
    assert_eq!((edited.label, edited.decided_by, edited.ai_likelihood, edited.unsure), (Label::AiEdited, Stage::Classifier, 90.0, false));
    let region = edited.signals().find(|signal| signal.code == GENERATED_REGION).expect("it is told");
    assert_eq!(region.weight, 1.0);
    let unmoved = judge(Some(Edits { contrast: 9.0, inside: 0.5, outside: -0.5 }));
    assert_eq!((unmoved.label, judge(None).label), (Label::Real, Label::Real));
}
