//! The numbers that a card may weigh: what the views' squares said, what their patches said, what kind of picture it is, and the
//! picture's own statistics. One list of names, so that a misspelt weight is found when the card is read.

use std::collections::BTreeMap;

use touchstone_core::verdict::Share;

use super::{Heads, View};
use crate::{infer::Scores, patches::PatchGrid, statistics};

/// How the logits of a view's squares become one number.
const POOLS: [&str; 4] = ["mean", "max", "min", "median"];

/// What is told of all patches together: three percentiles of their logits, and the share of those above 0.
const PATCHES: [&str; 4] = ["p10", "p50", "p90", "share"];

/// First parts of names that no view may bear.
pub(super) const RESERVED: [&str; 3] = ["patch", "kind", "stat"];

/// Every feature of a card: `<view>.mean`, `.max`, `.min`, `.median`; `patch.p10`, … where there are patches; `kind.<name>`
/// and `stat.<name>`.
pub(super) fn names(views: &[View], heads: &Heads) -> Vec<String> {
    let of = |group: &str, names: &[&str]| names.iter().map(|name| format!("{group}.{name}")).collect::<Vec<_>>();
    let kinds: Vec<&str> = heads.kinds.iter().map(String::as_str).collect();
    let patches: &[&str] = if views.iter().any(|view| view.heatmap) { &PATCHES } else { &[] };
    let views = views.iter().flat_map(|view| of(&view.name, &POOLS));
    views.chain(of("patch", patches)).chain(of("kind", &kinds)).chain(of("stat", &statistics::NAMES)).collect()
}

/// A card's features of one picture; `kind` as the heads told it.
pub(crate) fn of(
    views: &[View],
    scores: &[Scores],
    patches: &PatchGrid,
    kind: &[Share],
    statistics: &[(&'static str, f64)],
) -> BTreeMap<String, f64> {
    let mut features = BTreeMap::new();
    let mut add = |group: &str, name: &str, value: f64| {
        features.insert(format!("{group}.{name}"), value);
    };
    for (view, scores) in views.iter().zip(scores) {
        for (name, value) in POOLS.into_iter().zip(pooled(sorted(scores.image.iter()))) {
            add(&view.name, name, value);
        }
    }
    if !patches.patches.is_empty() {
        for (name, value) in PATCHES.into_iter().zip(spread(sorted(patches.patches.iter().map(|patch| &patch.logit)))) {
            add("patch", name, value);
        }
    }
    kind.iter().for_each(|kind| add("kind", &kind.name, kind.share));
    statistics.iter().for_each(|(name, value)| add("stat", name, *value));
    features
}

fn sorted<'a>(logits: impl Iterator<Item = &'a f32>) -> Vec<f64> {
    let mut sorted: Vec<f64> = logits.map(|logit| f64::from(*logit)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// In the order of [`POOLS`].
fn pooled(sorted: Vec<f64>) -> [f64; 4] {
    let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
    [mean, percentile(&sorted, 1.0), percentile(&sorted, 0.0), percentile(&sorted, 0.5)]
}

/// In the order of [`PATCHES`].
fn spread(sorted: Vec<f64>) -> [f64; 4] {
    let above = sorted.iter().filter(|logit| **logit > 0.0).count();
    [percentile(&sorted, 0.1), percentile(&sorted, 0.5), percentile(&sorted, 0.9), above as f64 / sorted.len().max(1) as f64]
}

/// Between the two nearest values, as NumPy's default does it; 0 of nothing.
fn percentile(sorted: &[f64], at: f64) -> f64 {
    let place = at * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(below), Some(above)) => below + (above - below) * place.fract(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_pooled_and_patches_told_by_percentiles() {
        assert_eq!(pooled(sorted([2.0, -1.0, 1.0, -0.5].iter())), [0.375, 2.0, -1.0, 0.25]);
        assert_eq!(pooled(sorted([3.0].iter())), [3.0; 4]);
        // 0 to 10: the tenth part of the way lies at 1.
        assert_eq!(spread((0..=10).map(f64::from).collect()), [1.0, 5.0, 9.0, 10.0 / 11.0]);
    }
}
