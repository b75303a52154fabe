//! What a model card says once it is read, and how each mistake in one is named.

use super::*;

const CARD: &str = r#"
name = "tiny"
version = "1"
summary = "A card for tests."
license_weights = "Apache-2.0"
license_data = "none"
starting_weights = "none"
positive = "ai"
[[view]]
name = "tiles"
kind = "tiles"
file = "tiles.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
side = 224
most = 12
mean = [127, 127, 127]
std = [128.0, 128.0, 128.0]
heatmap = true
[[view]]
name = "whole"
kind = "whole"
file = "whole.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
side = 224
longest = 320
mean = [127.0, 127.0, 127.0]
std = [128.0, 128.0, 128.0]
[calibration]
bias = -0.5
[calibration.weights]
"tiles.max" = 1.0
"whole.median" = 2.0
[thresholds]
ai = 0.5
unsure_low = 0.4
unsure_high = 0.6
[training]
anything = { may = ["stand", "here"] }
[[measured]]
tier = "clean"
auc = 0.9
"#;

fn parse(text: &str) -> Result<ModelCard, String> {
    ModelCard::parse(text, Path::new("models/tiny"))
}

/// Each mistake (the right line, the wrong one, what must be told), put into the card alone, is refused by name.
fn each_is_named(card: &str, mistakes: &[(&str, &str, &str)]) {
    for (right, wrong, told) in mistakes {
        let text = card.replacen(right, wrong, 1);
        assert_ne!(text, card, "{right} stands in the card");
        let reason = parse(&text).expect_err(wrong);
        assert!(reason.contains(told), "{wrong}: {reason}");
    }
}

#[test]
fn a_card_is_read_into_views_calibration_and_thresholds() {
    let card = parse(CARD).expect("the card is right");
    assert_eq!(card.views[0].cut, Cut::Tiles { side: 224, most: 12, map: 12 });
    assert_eq!(card.views[1].cut, Cut::Whole { side: 224, longest: 320 });
    assert_eq!((card.views[0].heatmap, card.views[1].heatmap, card.measured.len()), (true, false, 1));
    assert_eq!(card.views[0].outputs.names().collect::<Vec<_>>(), ["image_logit", "patch_logits"]);
    assert_eq!(card.views[1].outputs.names().collect::<Vec<_>>(), ["image_logit"], "patches are read for the heatmap alone");
    let features = [("tiles.max".to_owned(), 0.5), ("whole.median".to_owned(), 0.25), ("whole.max".to_owned(), 9.0)].into();
    assert!((card.calibration.logit(&features, 100) - (-0.5 + 0.5 + 2.0 * 0.25)).abs() < 1e-12);
}

/// The card of two views with one network, heads, buckets and all.
const FULL: &str = r#"
name = "full"
version = "1"
summary = "A card for tests."
license_weights = "Apache-2.0"
license_data = "none"
starting_weights = "none"
positive = "ai"
[[view]]
name = "tiles"
kind = "tiles"
file = "net.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
side = 224
most = 6
map = 24
mean = [127.0, 127.0, 127.0]
std = [128.0, 128.0, 128.0]
heatmap = true
[view.outputs]
image = "tiles_logit"
patches = "tiles_patches"
families = ""
[[view]]
name = "frame"
kind = "frame"
file = "net.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
longest = 320
shortest = 128
mean = [127.0, 127.0, 127.0]
std = [128.0, 128.0, 128.0]
heatmap = true
[view.outputs]
families = "frame_families"
[heads]
families = ["flux", "sdxl"]
kinds = ["photo", "art"]
temperature = 2.0
[calibration]
bias = 0.5
[calibration.weights]
"frame.mean" = 1.0
"patch.p90" = 1.0
"kind.art" = -1.0
"stat.kurtosis" = 0.1
[[calibration.bucket]]
name = "small"
longest_to = 512
scale = 0.5
bias = 0.25
[[calibration.bucket]]
name = "large"
scale = 2.0
bias = 0.0
[thresholds]
ai = 0.5
unsure_low = 0.5
unsure_high = 0.5
near_low = 0.3
near_high = 0.7
"#;

#[test]
fn heads_outputs_and_buckets_are_read() {
    let card = parse(FULL).expect("the card is right");
    assert_eq!(card.views[0].cut, Cut::Tiles { side: 224, most: 6, map: 24 });
    assert_eq!(card.views[1].cut, Cut::Frame { longest: 320, shortest: 128 });
    assert_eq!(card.views[0].outputs.names().collect::<Vec<_>>(), ["tiles_logit", "tiles_patches", "kind_logits"], "no families there");
    assert_eq!(card.views[1].outputs.names().collect::<Vec<_>>(), ["image_logit", "patch_logits", "frame_families", "kind_logits"]);
    assert_eq!((card.heads.other, card.heads.temperature, card.thresholds.near_high), (0.35, 2.0, Some(0.7)));
}

#[test]
fn a_picture_is_calibrated_by_the_bucket_of_its_longest_side() {
    let card = parse(FULL).expect("the card is right");
    let features = [("frame.mean".to_owned(), 2.0), ("kind.art".to_owned(), 0.5)].into();
    // z = 0.5 + 2 − 0.5 = 2.
    let logits = [512, 513, 9000].map(|longest| card.calibration.logit(&features, longest));
    assert_eq!(logits, [1.25, 4.0, 4.0]);
}

// X7
#[test]
fn each_mistake_in_a_full_card_is_named() {
    let mistakes = [
        ("map = 24", "map = 5", "map = 6 to 64"),
        ("map = 24", "longest = 24", "takes side, most, map, and no longest"),
        ("shortest = 128", "shortest = 100", "multiples of 32"),
        ("shortest = 128", "shortest = 352", "shortest = 32 to 320"),
        ("shortest = 128", "shortest = 128\nside = 224", "takes longest, shortest, and no side"),
        ("\"frame_families\"", "\"\"", "no view reads them"),
        ("families = [\"flux\", \"sdxl\"]", "", "[heads] lists no families"),
        ("\"sdxl\"", "\"other\"", "\"other\" may not stand there"),
        ("\"sdxl\"", "\"flux\"", "\"flux\" may not stand there"),
        ("temperature = 2.0", "temperature = 0.0", "temperature above 0"),
        ("temperature = 2.0", "rejects = 2.0", "unknown field `rejects`"),
        ("\"kind.art\"", "\"kind.chart\"", "kind.photo, kind.art, stat.half"),
        ("longest_to = 512\n", "", "longest_to must rise"),
        ("scale = 2.0", "scale = 2.0\nlongest_to = 9000", "the last bucket has none"),
        ("scale = 2.0", "scale = -2.0", "scale must be a number above 0"),
        ("near_low = 0.3\n", "", "both near_low and near_high"),
        ("name = \"frame\"", "name = \"stat\"", "none of patch, kind, stat"),
        ("patches = \"tiles_patches\"", "ai = [0]", "ai goes with"),
        ("patches = \"tiles_patches\"", "activation = \"softmax\"", "need ai ="),
        ("patches = \"tiles_patches\"", "activation = \"relu\"", "unknown variant `relu`"),
    ];
    each_is_named(FULL, &mistakes);
}

const PLAIN: &str = r#"
name = "plain"
version = "1"
summary = "A card for tests."
license_weights = "Apache-2.0"
license_data = "none"
starting_weights = "none"
positive = "ai"
[[view]]
name = "picture"
kind = "resized"
file = "vit.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
resize = 256
side = 224
filter = "bicubic"
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
input = "pixel_values"
[view.outputs]
image = "logits"
activation = "softmax"
ai = [1]
[calibration]
bias = 0.0
[calibration.weights]
"picture.mean" = 1.0
[thresholds]
ai = 0.5
unsure_low = 0.4
unsure_high = 0.6
"#;

// X7
#[test]
fn a_plain_classifier_needs_no_patches() {
    let card = parse(PLAIN).expect("the card is right");
    assert_eq!(card.views[0].cut, Cut::Resized { side: 224, shorter: Some(256), filter: Filter::CatmullRom });
    assert_eq!((card.views[0].input.as_str(), card.has_heatmap()), ("pixel_values", false));
    assert_eq!(card.views[0].outputs.activation, Activation::Softmax(vec![1]));
    let mistakes = [
        ("filter = \"bicubic\"", "", "needs filter = \"bilinear\", \"bicubic\" or \"lanczos\""),
        ("filter = \"bicubic\"", "filter = \"box\"", "unknown variant `box`"),
        ("resize = 256", "resize = 200", "resize = 224 to 4096"),
        ("input = \"pixel_values\"", "heatmap = true", "has no patches"),
        ("ai = [1]", "ai = []", "need ai = "),
        ("activation = \"softmax\"", "activation = \"sigmoid\"", "ai goes with"),
        ("\"picture.mean\"", "\"patch.p50\"", "valid: picture.mean, picture.max, picture.min, picture.median, stat."),
    ];
    each_is_named(PLAIN, &mistakes);
}

#[test]
fn each_mistake_is_named() {
    let mistakes = [
        ("[thresholds]", "[edits]\ncontrast = 0.0\ninside = 0.5\noutside = -0.5\n[thresholds]", "[edits] needs a contrast above 0"),
        ("\"tiles.max\" = 1.0", "\"tile.max\" = 1.0", "valid: tiles.mean, tiles.max, tiles.min, tiles.median, whole.mean"),
        ("most = 12", "most = 0", "most = 1 to 64"),
        ("longest = 320", "longest = 100", "longest = 224 to 4096"),
        ("kind = \"whole\"", "kind = \"hole\"", "\"tiles\", \"whole\", \"frame\" or \"resized\""),
        ("heatmap = true", "heatmap = false", "heatmap = true in at least one"),
        ("unsure_low = 0.4", "unsure_low = 0.55", "unsure_low ≤ ai"),
        ("ai = 0.5", "ai = nan", "unsure_low ≤ ai"),
        ("std = [128.0, 128.0, 128.0]\nheatmap", "std = [128.0, 0.0, 128.0]\nheatmap", "std numbers above 0"),
        ("positive = \"ai\"", "positive = \"real\"", "must grow with \"ai\""),
        ("bias = -0.5", "bias = -0.5\nslope = 1", "unknown field `slope`"),
        ("name = \"whole\"", "name = \"tiles\"", "two views are called \"tiles\""),
        ("tiles.onnx", "../tiles.onnx", "plain name"),
    ];
    each_is_named(CARD, &mistakes);
}

#[test]
fn weights_that_are_not_the_cards_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tiles.onnx"), b"other bytes").expect("a file");
    let card = ModelCard::parse(CARD, folder.path()).expect("the card is right");
    let told = card.weights(&card.views[0]).expect_err("another file").to_string();
    assert!(told.contains("tiles.onnx") && told.contains("0000"), "{told}");
    let told = card.weights(&card.views[1]).expect_err("no file").to_string();
    assert!(told.contains("whole.onnx") && told.contains("restore it"), "{told}");
    let told = ModelCard::read(folder.path()).expect_err("no card").to_string();
    assert!(told.contains("model.toml") && told.contains("pipeline.model"), "{told}");
}

#[test]
fn a_card_may_say_when_a_region_means_an_edit() {
    let text = CARD.replace("[thresholds]", "[edits]\ncontrast = 3.0\ninside = 0.5\noutside = -0.5\n[thresholds]");
    assert_eq!(parse(&text).expect("right").edits, Some(crate::region::Edits { contrast: 3.0, inside: 0.5, outside: -0.5 }));
    assert_eq!(parse(CARD).expect("right").edits, None);
}

// T4
#[test]
fn a_card_may_hold_thresholds_for_a_profile() {
    let with = |profile: &str| {
        parse(&CARD.replace("[training]", &format!("[profiles.{profile}]\nai = 0.5\nunsure_low = 0.3\nunsure_high = 0.7\n[training]")))
    };
    let card = with("sheerid").expect("a card");
    assert_eq!((card.thresholds_of(Profile::Sheerid).unsure_low, card.thresholds_of(Profile::Generic).unsure_low), (0.3, 0.4));
    let without = parse(CARD).expect("a card");
    assert_eq!(without.thresholds_of(Profile::Sheerid), without.thresholds_of(Profile::Generic));
    assert!(with("generic").is_err_and(|reason| reason.contains("[profiles] holds generic")));
    assert!(with("passports").is_err_and(|reason| reason.contains("passports")));
}
