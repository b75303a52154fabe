//! `touchstone bench accuracy` on a small set whose truth is plain: the tiny model calls red generated and blue not.

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::support::{Finish, pictures, process::touchstone, root};

/// A picture of one colour with some grain; large enough that every delivery scales it.
fn picture(colour: [u8; 3], seed: u64) -> RgbImage {
    let mut dice = pictures::Dice::new(seed);
    RgbImage::from_fn(1200, 900, |_, _| {
        let grain = dice.below(24) as u8;
        Rgb(colour.map(|level| level.saturating_add(grain)))
    })
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Six red images of two families, six blue ones of two sources; one of each class is coloured like the other.
fn set(folder: &Path) {
    let (red, blue) = ([210, 20, 20], [20, 20, 210]);
    for number in 0..6_u64 {
        let (family, source) = if number < 3 { ("flux", "blog") } else { ("sd", "gallery") };
        let colour = if number == 5 { blue } else { red };
        write(&folder.join(format!("ai/{family}/{source}/{number}.jpg")), &pictures::jpeg_of(&picture(colour, number + 1), 90));
        let source = if number < 5 { "ann" } else { "bob" };
        let colour = if number == 4 { red } else { blue };
        write(&folder.join(format!("real/photo/{source}/{number}.png")), &pictures::png_of(&picture(colour, number + 20)));
    }
}

/// Runs the measurement with the tiny model.
fn bench(arguments: &[&str]) -> Output {
    let data_dir = tempfile::tempdir().unwrap();
    let model = root().join("tests/fixtures/models/tiny");
    touchstone(data_dir.path()).env("TOUCHSTONE__PIPELINE__MODEL", model).args(["bench", "accuracy"]).args(arguments).finish()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn near(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() < 1e-3)
}

// X1, X2
#[test]
fn a_folder_is_measured_in_every_delivery_under_both_scores() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    let output = bench(&[text(folder.path()), "--json", "-", "--robustness"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    assert_eq!((&report["model"]["name"], &report["listed"], &report["judged"]), (&"tiny".into(), &12.into(), &12.into()));
    let measured = report["measured"].as_array().unwrap();
    let told: Vec<String> =
        measured.iter().map(|one| format!("{} {}", one["score"].as_str().unwrap(), one["tier"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        ["pixels clean", "pixels 1024", "pixels web", "pixels hard", "product clean", "product 1024", "product web", "product hard"]
    );
    for one in measured {
        assert_eq!((&one["images"], &one["ai_images"], &one["real_images"]), (&12.into(), &6.into(), &6.into()));
        // Of 36 pairs the two odd pictures lose: each red AI image beats the five blue reals and may lose to the red one.
        assert!(
            near(&one["recall"], 5.0 / 6.0) && near(&one["fpr_on_real"], 1.0 / 6.0) && near(&one["balanced_accuracy"], 5.0 / 6.0),
            "{one}"
        );
        let auc = one["auc"].as_f64().unwrap();
        let interval: Vec<f64> = one["auc_95"].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
        assert!((0.69..=0.98).contains(&auc) && interval[0] <= auc && auc <= interval[1], "{one}");
        assert!(one["tpr_at_1_fpr"].is_null(), "six reals say nothing of one in a hundred");
        assert!(near(&one["family"][1]["recall"], 2.0 / 3.0) && one["family"][1]["name"] == "sd", "{one}");
        assert_eq!((&one["worst_real"]["name"], &one["worst_real"]["images"]), (&"ann".into(), &5.into()), "bob has one picture alone");
        assert_eq!(one["calibration"].as_array().unwrap().iter().map(|bin| bin["images"].as_u64().unwrap()).sum::<u64>(), 12);
        assert!(one["unsure"].is_number() && one["ms_per_megapixel"].as_f64().unwrap() > 0.0 && one["ece"].is_number());
    }
    let changes: Vec<&str> = report["robustness"].as_array().unwrap().iter().map(|held| held["name"].as_str().unwrap()).collect();
    assert_eq!(changes, ["re-encode q60", "resize ×0.5", "centre crop 80 %", "grey", "screenshot border"]);
    let grey = &report["robustness"][3];
    assert!(grey["mean_change"].as_f64().unwrap() > 10.0, "without its colours red is no longer red: {grey}");
}

// X1
#[test]
fn a_manifest_is_measured_and_what_is_missing_is_named() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    set(there.path());
    std::fs::create_dir(here.path().join("ai")).unwrap();
    std::fs::rename(there.path().join("ai/flux"), here.path().join("ai/flux")).unwrap();
    write(&there.path().join("real/photo/bob/cut.png"), &pictures::png(1)[..300]);
    let mut lines = vec!["path,packed,label,family_or_kind,source_repo,note".to_owned()];
    for number in 0..6 {
        let (family, source) = if number < 3 { ("flux", "blog") } else { ("sd", "gallery") };
        lines.push(format!("ai/{family}/{source}/{number}.jpg,no,ai,{family},me/{source},\"a, b\""));
        lines.push(format!("real/photo/{}/{number}.png,yes,real,photo,,", if number < 5 { "ann" } else { "bob" }));
    }
    lines.extend(["real/photo/gone.png,no,real,photo,,".to_owned(), "real/photo/bob/cut.png,no,real,photo,,".to_owned()]);
    let manifest = here.path().join("val.csv");
    write(&manifest, lines.join("\n").as_bytes());
    let dump = here.path().join("dump.jsonl");
    let nowhere = here.path().join("nowhere");
    let places = ["--files", text(&nowhere), "--files", text(there.path())];
    let output = bench(&[&[text(&manifest), "--tiers", "web,clean", "--json", "-", "--dump", text(&dump)], &places[..]].concat());
    assert_eq!(output.status.code(), Some(1), "some are missing");
    let report = json(&output);
    assert_eq!((&report["listed"], &report["judged"]), (&14.into(), &12.into()));
    let missing: Vec<&str> = report["missing"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(missing, ["real/photo/gone.png", "real/photo/bob/cut.png"]);
    assert!(report["missing"].as_array().unwrap().iter().all(|one| one["reason"].as_str().unwrap().len() > 10));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("missing: real/photo/gone.png"), "{told}");
    assert_eq!(report["measured"].as_array().unwrap().len(), 4, "two deliveries under two scores");
    assert_eq!(report["measured"][0]["worst_real"]["name"], "photo", "where no sources are known, kinds stand in");
    dump_lines(&dump);
}

/// One line for each image and delivery, in the manifest's order, with all that a calibration is fitted to.
fn dump_lines(dump: &Path) {
    let lines: Vec<Value> = std::fs::read_to_string(dump).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 24);
    let first = &lines[0];
    assert_eq!((&first["path"], &first["label"], &first["tier"]), (&"ai/flux/blog/0.jpg".into(), &"ai".into(), &"clean".into()));
    assert_eq!((&first["family_or_kind"], &first["source_repo"]), (&"flux".into(), &"me/blog".into()));
    assert_eq!(
        (&lines[1]["path"], &lines[1]["tier"], &lines[1]["width"]),
        (&first["path"], &"web".into(), &768.into()),
        "from kind to cruel"
    );
    for line in &lines {
        let p = line["p"].as_f64().unwrap();
        let logit = line["logit"].as_f64().unwrap();
        assert!((1.0 / (1.0 + (-logit).exp()) - p).abs() < 1e-6, "{line}");
        assert!(line["features"]["tiles.mean"].is_number() && line["features"]["whole.mean"].is_number(), "{line}");
        assert!(line["result"].is_number() && line["final_result"].is_string() && line["unsure"].is_boolean() && line["bytes"].is_u64());
        assert!(line["attribution"].is_array() && line["kind"].is_array() && line["height"].is_u64());
    }
}

// X1, X7
#[test]
fn tables_plots_and_the_models_card_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    set(&images);
    let model = folder.path().join("tiny");
    for file in std::fs::read_dir(root().join("tests/fixtures/models/tiny")).unwrap().map(|entry| entry.unwrap().path()) {
        write(&model.join(file.file_name().unwrap()), &std::fs::read(&file).unwrap());
    }
    let before = std::fs::read_to_string(model.join("model.toml")).unwrap();
    let [markdown, json, plots] = ["told.md", "told.json", "drawn/of/it"].map(|name| folder.path().join(name));
    let outputs = ["--markdown", text(&markdown), "--json", text(&json), "--plots", text(&plots)];
    let measured = |outputs: &[&str]| {
        let output = bench(&[&[text(&images), "--tiers", "clean,hard"], outputs].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(measured(&outputs), std::fs::read_to_string(&markdown).unwrap().trim());
    // Twice: what was measured before gives way.
    measured(&["--card", text(&model)]);
    measured(&["--card", text(&model)]);
    let told = std::fs::read_to_string(&markdown).unwrap();
    for word in ["| pixels", "| product", "ann", "| flux", "Calibration", "ms/MP"] {
        assert!(told.contains(word), "no {word} in {told}");
    }
    assert!(serde_json::from_slice::<Value>(&std::fs::read(&json).unwrap()).unwrap()["measured"].is_array());
    for drawn in [plots, model.join("plots")] {
        for name in ["roc.png", "reliability.png", "families.png"] {
            let plot = image::open(drawn.join(name)).unwrap().into_rgb8();
            let inked = plot.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
            assert!(plot.width() > 400 && inked > 1000, "{name} is {:?} with {inked} pixels of ink", plot.dimensions());
        }
    }
    let after = std::fs::read_to_string(model.join("model.toml")).unwrap();
    assert!(after.starts_with(before.trim_end()), "comments and everything else stay: {after}");
    let card: toml::Table = after.parse().unwrap();
    let measured = card["measured"].as_array().unwrap();
    assert_eq!(measured.len(), 4);
    assert_eq!(
        (measured[0]["score"].as_str(), measured[0]["tier"].as_str(), measured[0]["judged_by"].as_str()),
        (Some("pixels"), Some("clean"), Some("touchstone"))
    );
    assert!(measured[0]["family"][0]["recall"].is_float() && measured[0]["source"][0]["flagged"].is_float());
    let page = std::fs::read_to_string(model.join("card.md")).unwrap();
    let plots: Vec<PathBuf> = page.match_indices("](plots/").map(|(at, _)| model.join(page[at + 2..].split(')').next().unwrap())).collect();
    assert!(plots.len() >= 3 && plots.iter().all(|plot| plot.exists()), "{plots:?}");
    assert!(page.contains("Apache-2.0") && page.contains("| pixels"), "{page}");
}

// X7
#[test]
fn a_card_is_written_only_for_the_model_that_judged() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    let other = root().join("models/touchstone-2");
    let before = std::fs::read(other.join("model.toml")).unwrap();
    let output = bench(&[text(folder.path()), "--tiers", "hard", "--card", text(&other)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tiny"), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(other.join("model.toml")).unwrap(), before);
}

// O6
#[test]
fn a_set_that_cannot_be_measured_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("ai/flux/a.jpg"), &pictures::jpeg(1));
    let output = bench(&[text(folder.path())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("CSV manifest"), "{}", String::from_utf8_lossy(&output.stderr));
    let usage = bench(&[text(folder.path()), "--tiers", "cruel"]);
    assert_eq!(usage.status.code(), Some(2), "a delivery that does not exist is a wrong usage");
}
