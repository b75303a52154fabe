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

#[test]
fn a_card_is_read_into_views_calibration_and_thresholds() {
    let card = parse(CARD).expect("the card is right");
    assert_eq!(card.views[0].cut, Cut::Tiles { most: 12 });
    assert_eq!(card.views[1].cut, Cut::Whole { longest: 320 });
    assert_eq!(card.heatmap_view(), 0);
    assert_eq!(card.measured.len(), 1);
    let probability = card.calibration.probability(&[&[0.5, -3.0], &[1.0, -1.0, -0.5, 2.0]]);
    assert!((probability - calibration::sigmoid(-0.5 + 0.5 + 2.0 * 0.25)).abs() < 1e-12);
}

#[test]
fn each_mistake_is_named() {
    let mistakes = [
        ("\"tiles.max\" = 1.0", "\"tile.max\" = 1.0", "valid: tiles.mean, tiles.max, tiles.min, tiles.median, whole.mean"),
        ("most = 12", "most = 0", "most = 1 to 64"),
        ("longest = 320", "longest = 100", "longest = side to 4096"),
        ("kind = \"whole\"", "kind = \"hole\"", "\"tiles\" or \"whole\""),
        ("heatmap = true", "heatmap = false", "exactly one"),
        ("unsure_low = 0.4", "unsure_low = 0.55", "unsure_low ≤ ai"),
        ("ai = 0.5", "ai = nan", "unsure_low ≤ ai"),
        ("std = [128.0, 128.0, 128.0]\nheatmap", "std = [128.0, 0.0, 128.0]\nheatmap", "std numbers above 0"),
        ("positive = \"ai\"", "positive = \"real\"", "must grow with \"ai\""),
        ("bias = -0.5", "bias = -0.5\nslope = 1", "unknown field `slope`"),
        ("name = \"whole\"", "name = \"tiles\"", "two views are called \"tiles\""),
        ("tiles.onnx", "../tiles.onnx", "plain name"),
    ];
    for (right, wrong, told) in mistakes {
        let text = CARD.replace(right, wrong);
        assert_ne!(text, CARD, "{right} stands in the card");
        let reason = parse(&text).expect_err(wrong);
        assert!(reason.contains(told), "{wrong}: {reason}");
    }
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
