//! The figures as pictures: PNG files that stand in the card and in README files. Drawn without any font or library of the system.

use std::path::Path;

use anyhow::Context;

use self::{families::Row, reliability::Panel, roc::Curve};
use super::{
    Image,
    figures::{self, Measured, Score},
    report::Report,
    statistics,
};

mod confusion;
mod families;
mod pen;
mod reliability;
mod roc;
mod unit_square;

const ROC: (&str, &str) = ("roc.png", "AI images found against real images flagged, by delivery");
const RELIABILITY: (&str, &str) = ("reliability.png", "What the score claims against what is true");
const FAMILIES: (&str, &str) = ("families.png", "AI images found by family");
const CONFUSION: (&str, &str) = ("attribution.png", "Which family was taken for which");

/// File and title of every plot that this report has.
pub(super) fn names(report: &Report) -> impl Iterator<Item = (&'static str, &'static str)> {
    let first = &report.measured[0];
    let there = [(ROC, true), (RELIABILITY, true), (FAMILIES, !first.family.is_empty()), (CONFUSION, first.attribution.is_some())];
    there.into_iter().filter_map(|(plot, there)| there.then_some(plot))
}

/// Draws every plot into a folder, which is made if need be.
pub(super) fn draw(folder: &Path, report: &Report, images: &[Image<'_>]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let pixels = report.of(Score::Pixels);
    let curve = |(tier, measured): (usize, &&Measured)| {
        let [ai, real] = figures::samples(images, tier, Score::Pixels);
        Curve { name: measured.tier.name().to_owned(), auc: value(measured, "auc"), points: statistics::roc(&ai, &real) }
    };
    roc::draw(&folder.join(ROC.0), &pixels.iter().enumerate().map(curve).collect::<Vec<_>>())?;
    let panels =
        pixels.iter().map(|measured| Panel { name: measured.tier.name(), ece: value(measured, "ece"), bins: &measured.calibration });
    reliability::draw(&folder.join(RELIABILITY.0), &panels.collect::<Vec<_>>())?;
    if !pixels[0].family.is_empty() {
        found_by_family(&folder.join(FAMILIES.0), &pixels)?;
    }
    match pixels[0].attribution.as_ref().and_then(|attribution| attribution.confusion.as_ref()) {
        Some(confusion) => confusion::draw(&folder.join(CONFUSION.0), pixels[0].tier.name(), confusion),
        None => Ok(()),
    }
}

fn found_by_family(path: &Path, deliveries: &[&Measured]) -> anyhow::Result<()> {
    let row = |(place, family): (usize, &figures::Group)| Row {
        name: family.name.clone(),
        images: family.images,
        recall: deliveries.iter().map(|measured| measured.family[place].rate.value()).collect(),
    };
    let names: Vec<&str> = deliveries.iter().map(|measured| measured.tier.name()).collect();
    families::draw(path, &names, deliveries[0].family.iter().enumerate().map(row).collect())
}

fn value(measured: &Measured, name: &str) -> f64 {
    measured.figures.get(name).map_or(0.0, |figure| figure.value)
}
