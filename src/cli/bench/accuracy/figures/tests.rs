//! Figures of small sets whose answers can be worked out on paper; builders of such sets for the other tests.

use std::collections::BTreeMap;

use touchstone_core::verdict::Label;

use super::{super::observe::Looked, *};

/// An AI image of a family from a source.
pub(in crate::bench::accuracy) fn ai(family: &str, source: &str) -> Item {
    item(Truth::Ai, family, source)
}

fn item(truth: Truth, group: &str, source: &str) -> Item {
    Item { name: format!("{group}/{source}.png"), file: Ok("x.png".into()), truth, group: group.into(), source: source.into() }
}

/// An image of nobody's with one delivery that scored so; sure from 0.6 on and below 0.4, AI from 0.5 on.
pub(in crate::bench::accuracy) fn image(p: f64) -> (Item, Looked) {
    let label = if p >= 0.5 { Label::AiGenerated } else { Label::Real };
    let unsure = (0.4..=0.6).contains(&p);
    let observation = Observation {
        tier: Tier::Clean,
        width: 100,
        height: 100,
        bytes: 1000,
        p,
        logit: (p / (1.0 - p)).ln(),
        unsure,
        result: p * 100.0,
        final_result: label,
        features: BTreeMap::new(),
        attribution: Vec::new(),
        kind: Vec::new(),
        ms_per_megapixel: p * 100.0,
        pixels: Opinion { sample: Sample { score: p, flagged: p >= 0.5 }, unsure },
    };
    (ai("", ""), Looked { tiers: vec![observation], changed: Vec::new() })
}

/// A set of two families and two real sources, the second of which is small and always flagged.
fn set() -> Vec<(Item, f64)> {
    let mut set = vec![(ai("flux", "a"), 0.9), (ai("flux", "b"), 0.45), (ai("sd", "a"), 0.8), (ai("", ""), 0.7)];
    set.extend([0.1, 0.2, 0.3, 0.55, 0.6].map(|p| (item(Truth::Real, "photo", "ann/photos"), p)));
    set.push((item(Truth::Real, "art", "bob/art"), 0.95));
    set
}

fn measured(set: &[(Item, f64)], score: Score) -> Measured {
    let images: Vec<Image<'_>> = set.iter().map(|(item, p)| Image { item, looked: image(*p).1 }).collect();
    measure(&images, 0, score, &[])
}

#[test]
fn every_group_has_its_rate_and_the_worst_source_is_a_large_one() {
    let found = measured(&set(), Score::Pixels);
    assert_eq!((found.images, found.ai_images, found.real_images), (10, 4, 6));
    let families: Vec<_> = found.family.iter().map(|group| (group.name.as_str(), group.images, group.sources, group.rate)).collect();
    assert_eq!(families, [("flux", 2, 2, Rate::Recall(0.5)), ("sd", 1, 1, Rate::Recall(1.0))], "one image has no family");
    assert_eq!(found.kind.iter().map(|group| group.rate).collect::<Vec<_>>(), [Rate::Flagged(1.0), Rate::Flagged(0.4)]);
    assert_eq!(found.worst_real.as_ref().map(|worst| worst.name.as_str()), Some("ann/photos"), "one picture of bob's proves nothing");
    assert_eq!(found.figures.get("recall").map(|figure| figure.value), Some(0.75));
    assert_eq!(found.figures.get("fpr_on_real").map(|figure| figure.value), Some(0.5));
    assert_eq!(found.figures.get("balanced_accuracy").map(|figure| figure.value), Some(0.625), "the unsure count by the nearer label");
    assert!((found.unsure - 0.3).abs() < 1e-9 && (found.ms_per_megapixel - 57.5).abs() < 1e-9);
}

#[test]
fn a_rate_of_one_in_a_hundred_needs_a_thousand_reals() {
    let with = |reals: usize| {
        let real = (0..reals).map(|n| (item(Truth::Real, "photo", "x"), n as f64 / (2 * reals) as f64));
        measured(&std::iter::once((ai("flux", "a"), 0.9)).chain(real).collect::<Vec<_>>(), Score::Pixels)
    };
    assert!(with(20).figures.get("tpr_at_1_fpr").is_none());
    assert_eq!(with(1000).figures.get("tpr_at_1_fpr").map(|figure| figure.value), Some(1.0));
}

#[test]
fn a_measurement_is_flat_in_json_and_toml() {
    let found = measured(&set(), Score::Product);
    let json = serde_json::to_value(&found).expect("JSON");
    assert_eq!((&json["tier"], &json["score"], &json["recall"]), (&"clean".into(), &"product".into(), &0.75.into()));
    assert_eq!((json["auc_95"].as_array().map(Vec::len), &json["family"][0]["recall"]), (Some(2), &0.5.into()));
    let table: toml::Table = toml::to_string(&found).expect("TOML").parse().expect("a table");
    assert_eq!(table["source"][1]["flagged"].as_float(), Some(1.0));
}
