//! Which family made it: how often the model's first guess is right, family by family.
//!
//! The summary counts only families with images from at least two sources: with one source, telling the family and telling the
//! source cannot be told apart. Images of families that the model does not list belong to "other".

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use touchstone_pipeline::model::OTHER;

use super::{
    Image,
    figures::{rounded, sources},
    set::Truth,
};

/// From so many sources on a family counts in the summary.
const SOURCES: usize = 2;

/// First guesses over all AI images of one delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Attribution {
    /// How many families the model lists.
    pub(super) families: usize,
    /// Images of listed families from at least two sources …
    pub(super) images: usize,
    /// … and the share of them whose family is the model's first guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top1: Option<f64>,
    /// Every listed family that was met.
    pub(super) family: Vec<Guessed>,
    /// All guesses; not in the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confusion: Option<Confusion>,
}

/// First guesses of one family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Guessed {
    pub(super) name: String,
    pub(super) images: usize,
    pub(super) sources: usize,
    pub(super) top1: f64,
    /// Whether it counts in the summary.
    pub(super) counted: bool,
}

/// How often each family (row) was taken for which (column). The last column, and the row of unlisted families, is "other".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Confusion {
    pub(super) rows: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) counts: Vec<Vec<usize>>,
}

impl Attribution {
    /// Measures one delivery; `listed` are the model's families. `None` when it has none.
    pub(super) fn measure(images: &[Image<'_>], tier: usize, listed: &[String]) -> Option<Self> {
        if listed.is_empty() {
            return None;
        }
        let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
        let mut by_family: BTreeMap<&str, Vec<&Image<'_>>> = BTreeMap::new();
        for image in images.iter().filter(|image| image.item.truth == Truth::Ai) {
            let family = listed.get(image.item.group.as_str()).copied().unwrap_or(OTHER);
            by_family.entry(family).or_default().push(image);
        }
        let guess = |image: &Image<'_>| image.looked.tiers[tier].attribution.first().map_or(OTHER, |first| first.name.as_str()).to_owned();
        let guesses: Guesses<'_> =
            by_family.iter().map(|(name, members)| (*name, members.iter().map(|image| guess(image)).collect())).collect();
        let guessed = |(name, members): (&&str, &Vec<&Image<'_>>)| {
            let right = guesses[name].iter().filter(|guess| guess == name).count();
            let sources = sources(members.iter().map(|image| image.item));
            let top1 = rounded(right as f64 / members.len() as f64);
            Guessed { name: (*name).to_owned(), images: members.len(), sources, top1, counted: sources >= SOURCES }
        };
        let family: Vec<Guessed> = by_family.iter().filter(|(name, _)| **name != OTHER).map(guessed).collect();
        let counted: Vec<&Guessed> = family.iter().filter(|one| one.counted).collect();
        let total: usize = counted.iter().map(|one| one.images).sum();
        let right: f64 = counted.iter().map(|one| one.top1 * one.images as f64).sum();
        let confusion = confusion(&guesses, &listed);
        Some(Self {
            families: listed.len(),
            images: total,
            top1: (total > 0).then(|| rounded(right / total as f64)),
            family,
            confusion: Some(confusion),
        })
    }
}

/// The first guess for each image of a family.
type Guesses<'a> = BTreeMap<&'a str, Vec<String>>;

/// Rows are the families that were met, columns those that were met or guessed; "other" comes last.
fn confusion(guesses: &Guesses<'_>, listed: &BTreeSet<&str>) -> Confusion {
    let guessed: BTreeSet<&str> = guesses.values().flatten().map(String::as_str).collect();
    let last = |of: &dyn Fn(&str) -> bool, other: bool| {
        let names = listed.iter().copied().filter(|name| *name != OTHER && of(name));
        names.chain(other.then_some(OTHER)).map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = last(&|name| guesses.contains_key(name), guesses.contains_key(OTHER));
    let columns = last(&|name| guesses.contains_key(name) || guessed.contains(name), true);
    let count = |row: &String, column: &String| guesses[row.as_str()].iter().filter(|guess| *guess == column).count();
    let counts = rows.iter().map(|row| columns.iter().map(|column| count(row, column)).collect()).collect();
    Confusion { rows, columns, counts }
}

#[cfg(test)]
mod tests {
    use touchstone_core::verdict::Share;

    use super::*;
    use crate::bench::accuracy::figures::tests::{ai, image};

    #[test]
    fn only_families_of_two_sources_count_and_unlisted_ones_belong_to_other() {
        // Listed are flux, sd and kolors; flux has two sources, sd one, fibo is not listed.
        let set = [ai("flux", "a"), ai("flux", "a"), ai("flux", "b"), ai("sd", "a"), ai("fibo", "c")];
        let guesses = ["flux", "sd", "flux", "sd", "other"];
        let mut looked: Vec<_> = set.iter().map(|_| image(0.9).1).collect();
        for (looked, first) in looked.iter_mut().zip(guesses) {
            let names = std::iter::once(first).chain(["flux", "sd", "kolors", "other"].into_iter().filter(|name| *name != first));
            looked.tiers[0].attribution = names.map(|name| Share { name: name.into(), share: 0.25 }).collect();
        }
        let images: Vec<Image<'_>> = set.iter().zip(looked).map(|(item, looked)| Image { item, looked }).collect();
        let listed = ["flux", "sd", "kolors"].map(str::to_owned);
        let found = Attribution::measure(&images, 0, &listed).expect("families");
        assert_eq!((found.families, found.images, found.top1), (3, 3, Some(0.6667)));
        assert_eq!(
            found.family.iter().map(|one| (one.name.as_str(), one.top1, one.counted)).collect::<Vec<_>>(),
            [("flux", 0.6667, true), ("sd", 1.0, false)]
        );
        let confusion = found.confusion.expect("all guesses");
        assert_eq!((confusion.rows.join(" "), confusion.columns.join(" ")), ("flux sd other".into(), "flux sd other".into()));
        assert_eq!(confusion.counts, [[2, 1, 0], [0, 1, 0], [0, 0, 1]]);
    }

    #[test]
    fn a_model_without_families_attributes_nothing() {
        let (item, looked) = image(0.9);
        assert_eq!(Attribution::measure(&[Image { item: &item, looked }], 0, &[]), None);
    }
}
