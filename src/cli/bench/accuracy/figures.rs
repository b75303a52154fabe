//! All figures of one delivery under one score, in the shape that the JSON report and the model's card share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::{
    Image,
    attribution::Attribution,
    bootstrap,
    observe::{Observation, Opinion},
    set::{Item, Truth},
    statistics::{self, Bin, Sample},
    tiers::Tier,
};
use crate::bench::order::median;

/// A rate of one image in a hundred says something from so many reals on.
const REALS_FOR_ONE_PERCENT: usize = 1000;
/// A source of fewer images is not called the worst.
const LEAST_OF_A_SOURCE: usize = 5;
/// Bins of the reliability diagram and of the calibration error.
const BINS: usize = 10;

/// Whose word is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Score {
    /// The classifier's own probability.
    Pixels,
    /// The verdict's likelihood, with metadata and everything else.
    Product,
}

impl Score {
    /// Pixels first: the product can be right because a file says where it comes from.
    pub(super) const ALL: [Self; 2] = [Self::Pixels, Self::Product];

    /// The word in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Product => "product",
        }
    }

    fn of(self, observation: &Observation) -> Opinion {
        match self {
            Self::Pixels => observation.pixels,
            Self::Product => observation.product(),
        }
    }
}

/// One delivery under one score.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    pub(super) tier: Tier,
    pub(super) score: Score,
    pub(super) judged_by: &'static str,
    pub(super) images: usize,
    pub(super) ai_images: usize,
    pub(super) real_images: usize,
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// The share of verdicts that are marked unsure; figures count them by the nearer label.
    pub(super) unsure: f64,
    /// Median; judging as many images side by side as the model has threads.
    pub(super) ms_per_megapixel: f64,
    /// The real source (or, where no sources are known, kind) of at least five images that is flagged most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worst_real: Option<Group>,
    pub(super) family: Vec<Group>,
    pub(super) kind: Vec<Group>,
    pub(super) source: Vec<Group>,
    /// What is claimed against what is true.
    pub(super) calibration: Vec<Bin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attribution: Option<Attribution>,
}

/// Figures by name, each with its 95 % interval.
#[derive(Debug, Clone)]
pub(super) struct Figures(Vec<Figure>);

/// One figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    name: &'static str,
    pub(super) value: f64,
    pub(super) interval: [f64; 2],
}

const NAMES: [&str; 8] =
    ["auc", "balanced_accuracy", "best_balanced_accuracy", "recall", "fpr_on_real", "tpr_at_5_fpr", "tpr_at_1_fpr", "ece"];

impl Figures {
    fn new(ai: &[Sample], real: &[Sample]) -> Self {
        let (values, intervals) = (compute(ai, real), bootstrap::intervals(ai, real, compute));
        let all = NAMES.iter().zip(values).zip(intervals);
        let all = all.map(|((name, value), interval)| Figure { name, value: rounded(value), interval: interval.map(rounded) });
        Self(all.filter(|figure| figure.name != "tpr_at_1_fpr" || real.len() >= REALS_FOR_ONE_PERCENT).collect())
    }

    /// A figure, if the images allow it.
    pub(super) fn get(&self, name: &str) -> Option<Figure> {
        self.0.iter().find(|figure| figure.name == name).copied()
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Entry {
            Value(f64),
            Interval([f64; 2]),
        }
        let pair = |figure: &Figure| {
            [(figure.name.to_owned(), Entry::Value(figure.value)), (format!("{}_95", figure.name), Entry::Interval(figure.interval))]
        };
        serializer.collect_map(self.0.iter().flat_map(pair))
    }
}

/// In the order of [`NAMES`].
fn compute(ai: &[Sample], real: &[Sample]) -> [f64; NAMES.len()] {
    [
        statistics::auc(ai, real),
        statistics::balanced_accuracy(ai, real),
        statistics::best_balanced_accuracy(ai, real),
        statistics::flagged(ai),
        statistics::flagged(real),
        statistics::tpr_at(ai, real, 0.05),
        statistics::tpr_at(ai, real, 0.01),
        statistics::ece(&statistics::bins(ai, real, BINS)),
    ]
}

/// Images that belong together, and how many of them are said to be AI.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) images: usize,
    /// How many different sources they come from, as far as that is known.
    pub(super) sources: usize,
    #[serde(flatten)]
    pub(super) rate: Rate,
}

/// The share of a group that is said to be AI, by the name that fits its class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rate {
    /// Of AI images: right.
    Recall(f64),
    /// Of real images: wrong.
    Flagged(f64),
}

impl Rate {
    /// 0–1.
    pub(super) const fn value(self) -> f64 {
        match self {
            Self::Recall(value) | Self::Flagged(value) => value,
        }
    }
}

/// The samples of both classes, AI first, each by rising score.
pub(super) fn samples(images: &[Image<'_>], tier: usize, score: Score) -> [Vec<Sample>; 2] {
    [Truth::Ai, Truth::Real].map(|truth| {
        let of_it = images.iter().filter(|image| image.item.truth == truth);
        let mut samples: Vec<Sample> = of_it.map(|image| score.of(&image.looked.tiers[tier]).sample).collect();
        statistics::sort(&mut samples);
        samples
    })
}

/// Measures one delivery (by its place in the list of tiers) under one score; `families` are those that the model lists. Both
/// classes have images.
pub(super) fn measure(images: &[Image<'_>], tier: usize, score: Score, families: &[String]) -> Measured {
    let [ai, real] = samples(images, tier, score);
    let (kind, source) =
        (groups(images, tier, score, Truth::Real, |item| &item.group), groups(images, tier, score, Truth::Real, |item| &item.source));
    let unsure = images.iter().filter(|image| score.of(&image.looked.tiers[tier]).unsure).count();
    let mut milliseconds: Vec<f64> = images.iter().map(|image| image.looked.tiers[tier].ms_per_megapixel).collect();
    Measured {
        tier: images[0].looked.tiers[tier].tier,
        score,
        judged_by: "touchstone",
        images: images.len(),
        ai_images: ai.len(),
        real_images: real.len(),
        figures: Figures::new(&ai, &real),
        unsure: rounded(unsure as f64 / images.len() as f64),
        ms_per_megapixel: (median(&mut milliseconds) * 10.0).round() / 10.0,
        worst_real: worst(&source).or_else(|| worst(&kind)),
        family: groups(images, tier, score, Truth::Ai, |item| &item.group),
        kind,
        source,
        calibration: statistics::bins(&ai, &real, BINS)
            .into_iter()
            .map(|bin| Bin { score: rounded(bin.score), ai: rounded(bin.ai), ..bin })
            .collect(),
        attribution: (score == Score::Pixels).then(|| Attribution::measure(images, tier, families)).flatten(),
    }
}

/// One class by what `key` calls its images; those without a name are in no group.
fn groups(images: &[Image<'_>], tier: usize, score: Score, truth: Truth, key: impl Fn(&Item) -> &String) -> Vec<Group> {
    let mut found: BTreeMap<&str, Vec<&Image<'_>>> = BTreeMap::new();
    for image in images.iter().filter(|image| image.item.truth == truth && !key(image.item).is_empty()) {
        found.entry(key(image.item)).or_default().push(image);
    }
    let group = |(name, members): (&str, Vec<&Image<'_>>)| {
        let flagged = members.iter().filter(|image| score.of(&image.looked.tiers[tier]).sample.flagged).count();
        let share = rounded(flagged as f64 / members.len() as f64);
        let rate = if truth == Truth::Ai { Rate::Recall(share) } else { Rate::Flagged(share) };
        Group { name: name.to_owned(), images: members.len(), sources: sources(members.iter().map(|image| image.item)), rate }
    };
    found.into_iter().map(group).collect()
}

/// How many different sources these images name.
pub(super) fn sources<'a>(items: impl Iterator<Item = &'a Item>) -> usize {
    items.map(|item| item.source.as_str()).filter(|source| !source.is_empty()).collect::<BTreeSet<_>>().len()
}

fn worst(groups: &[Group]) -> Option<Group> {
    let large = groups.iter().filter(|group| group.images >= LEAST_OF_A_SOURCE);
    large.max_by(|a, b| a.rate.value().total_cmp(&b.rate.value())).cloned()
}

/// To four digits: more would claim what no set of images can tell.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
pub(super) mod tests;
