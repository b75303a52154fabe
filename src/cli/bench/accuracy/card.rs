//! The model's card: the figures go into `[[measured]]` of `model.toml`, and `card.md`, for people, is made from that file and them.
//!
//! Everything else in `model.toml`, comments included, stays as its author wrote it.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use serde::Serialize;
use toml_edit::DocumentMut;
use touchstone_pipeline::model::{ModelCard, Thresholds};

use super::{figures::Measured, markdown, plots, report::Report, save};

/// The folder of the plots, beside the card.
pub(super) const PLOTS: &str = "plots";

#[derive(Serialize)]
struct Figures {
    measured: Vec<Measured>,
}

/// Writes the figures of the model that judged into its folder.
pub(super) fn write(folder: &Path, judge: &ModelCard, report: &Report) -> anyhow::Result<()> {
    let path = folder.join("model.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let card = ModelCard::read(folder)?;
    ensure!(
        card.name == judge.name,
        "{} is the card of {} {}, but {} {} judged",
        path.display(),
        card.name.name,
        card.name.version,
        judge.name.name,
        judge.name.version
    );
    save(&path, &with_figures(&text, report)?)?;
    let card = ModelCard::read(folder).context("the card does not read back")?;
    save(&folder.join("card.md"), &page(&card, report))
}

/// The card's text with these figures in place of whatever was measured before.
fn with_figures(text: &str, report: &Report) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse()?;
    document.remove("measured");
    let measured = report.measured.iter().cloned().map(|mut measured| {
        measured.attribution.iter_mut().for_each(|attribution| attribution.confusion = None);
        measured
    });
    let figures = toml::to_string(&Figures { measured: measured.collect() })?;
    Ok(format!("{}\n\n{figures}", document.to_string().trim_end()))
}

fn page(card: &ModelCard, report: &Report) -> String {
    let ModelCard { name, summary, license_weights, license_data, starting_weights, thresholds, .. } = card;
    let views = card.views.iter().map(|view| format!("`{}` ({})", view.name, view.file));
    let near = match (thresholds.near_low, thresholds.near_high) {
        (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
        _ => "never".to_owned(),
    };
    let facts = vec![
        ("version", name.version.clone()),
        ("weights", license_weights.clone()),
        ("training data", license_data.clone()),
        ("started from", starting_weights.clone()),
        ("looks at", views.collect::<Vec<_>>().join(", ")),
        ("AI from", format!("{:.3}", thresholds.ai)),
        ("unsure", format!("{:.3} to {:.3}", thresholds.unsure_low, thresholds.unsure_high)),
        ("looked at again, saved and smaller, and unsure if that flips it", near),
    ];
    let profiles = card.profiles.iter().map(|(profile, Thresholds { ai, unsure_low, unsure_high, .. })| {
        (
            format!("profile {}, by a rule and not measured", profile.name()),
            format!("AI from {ai:.3}, unsure {unsure_low:.3} to {unsure_high:.3}"),
        )
    });
    let list =
        |facts: Vec<(String, String)>| facts.iter().map(|(fact, value)| format!("- **{fact}**: {value}")).collect::<Vec<_>>().join("\n");
    let mut parts = vec![
        format!("# {}\n\n{summary}", name.name),
        "Written by `touchstone bench accuracy --card`; change `model.toml` or measure again, not this file.".to_owned(),
        list(facts.into_iter().map(|(fact, value)| (fact.to_owned(), value)).chain(profiles).collect()),
    ];
    if !card.training.is_empty() {
        let told = card.training.iter().filter_map(|(fact, value)| Some((fact.replace('_', " "), told(value)?)));
        parts.push(format!("## Training\n\n{}\n\nIts phases and the calibration's sources stand in `model.toml`.", list(told.collect())));
    }
    parts.extend(markdown::sections(report));
    let drawn = plots::names(report).map(|(file, title)| format!("![{title}]({PLOTS}/{file})"));
    parts.push(format!("## Plots\n\n{}", drawn.collect::<Vec<_>>().join("\n\n")));
    parts.join("\n\n") + "\n"
}

/// A value of the card's free part, a list behind its length; `None` for what is too long to read here.
fn told(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.replace('\n', " ")),
        toml::Value::Table(_) => None,
        toml::Value::Array(parts) => {
            let parts = parts.iter().map(told).collect::<Option<Vec<_>>>()?;
            Some(format!("{}: {}", parts.len(), parts.join(", ")))
        }
        plain => Some(plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_a_line_and_tables_are_not() {
        let table: toml::Table = "a = 'x'\nb = [1, 2]\n[[phase]]\nminutes = 3.5".parse().expect("TOML");
        assert_eq!(["a", "b", "phase"].map(|key| told(&table[key])), [Some("x".into()), Some("2: 1, 2".into()), None]);
    }
}
