//! A report as Markdown whose tables line up, so that a terminal shows them as well as a page does.

use super::{
    attribution::{Attribution, Guessed},
    figures::{Figure, Group, Measured, Score},
    report::Report,
    statistics::Bin,
};

/// The whole report.
pub(super) fn report(report: &Report) -> String {
    let Report { model, listed, judged, threads, cores, .. } = report;
    let mut parts = vec![format!("# Accuracy of {} {}\n\n{judged} of {listed} images judged.", model.name, model.version)];
    if !report.missing.is_empty() {
        let named = report.missing.iter().map(|one| format!("- {}: {}", one.path, one.reason));
        parts.push(format!("Missing, {} images:\n\n{}", report.missing.len(), named.collect::<Vec<_>>().join("\n")));
    }
    parts.extend(sections(report));
    let build = if report.optimised { "" } else { " This is a debug build: its milliseconds are no figures to quote." };
    parts
        .push(format!("Milliseconds a megapixel are medians, decoding included, {threads} pictures side by side on {cores} cores.{build}"));
    parts.join("\n\n") + "\n"
}

/// The tables, which the card shares.
pub(super) fn sections(report: &Report) -> Vec<String> {
    let pixels = report.of(Score::Pixels);
    let mut parts = vec![format!("## Figures\n\n{}\n\n{}", explained(report), figures(report))];
    parts.push(format!("## Recall by family\n\nPixels alone.\n\n{}", groups("family", &pixels, |measured| &measured.family)));
    parts.push(format!(
        "## Real images that are flagged\n\nPixels alone. {}\n\n{}",
        worst(&pixels),
        groups("kind", &pixels, |measured| &measured.kind)
    ));
    if !pixels[0].source.is_empty() {
        parts.push(groups("source", &pixels, |measured| &measured.source));
    }
    parts.push(format!(
        "## Calibration\n\nPixels alone, delivery {}: what is claimed, and how many of those images are AI.\n\n{}",
        pixels[0].tier.name(),
        bins(&pixels[0].calibration)
    ));
    parts.extend(attribution(&pixels));
    parts.extend(robustness(report));
    parts
}

fn explained(report: &Report) -> String {
    let thresholds = report.thresholds;
    let (images, of) = (report.measured[0].images, &report.measured[0]);
    format!(
        "{images} images, {} AI and {} real. `pixels` is the classifier alone, `product` the verdict with metadata and everything else. \
         AI from {:.3} on; an unsure verdict ({:.3} to {:.3}, or one that does not hold when the picture is saved again) counts by its nearer label. \
         95 % bootstrap intervals in brackets.",
        of.ai_images, of.real_images, thresholds.ai, thresholds.unsure_low, thresholds.unsure_high
    )
}

fn figures(report: &Report) -> String {
    const SHOWN: [(&str, &str); 7] = [
        ("auc", "AUC"),
        ("balanced_accuracy", "balanced accuracy"),
        ("recall", "recall"),
        ("fpr_on_real", "reals flagged"),
        ("tpr_at_5_fpr", "TPR at 5 % FPR"),
        ("tpr_at_1_fpr", "TPR at 1 % FPR"),
        ("ece", "ECE"),
    ];
    let shown: Vec<_> = SHOWN.iter().filter(|(name, _)| report.measured[0].figures.get(name).is_some()).collect();
    let head = ["score", "delivery"].into_iter().chain(shown.iter().map(|(_, title)| *title)).chain(["unsure", "ms/MP"]);
    let row = |measured: &Measured| {
        let figures = shown.iter().map(|(name, _)| measured.figures.get(name).map_or_else(String::new, with_interval));
        let ends = [percent(measured.unsure), format!("{:.0}", measured.ms_per_megapixel)];
        [measured.score.name().to_owned(), measured.tier.name().to_owned()].into_iter().chain(figures).chain(ends).collect()
    };
    table(&head.collect::<Vec<_>>(), report.measured.iter().map(row).collect())
}

fn with_interval(figure: Figure) -> String {
    let [low, high] = figure.interval;
    format!("{:.3} ({low:.2}–{high:.2})", figure.value)
}

/// One row a group, one column a delivery; how many sources a group has stands there where it says anything.
fn groups(title: &str, deliveries: &[&Measured], of: impl Fn(&Measured) -> &Vec<Group>) -> String {
    let told = of(deliveries[0]).iter().any(|group| group.sources > 1);
    let head = [title, "images"].into_iter().chain(told.then_some("sources"));
    let head: Vec<&str> = head.chain(deliveries.iter().map(|measured| measured.tier.name())).collect();
    let row = |(place, group): (usize, &Group)| {
        let counts = [group.name.clone(), group.images.to_string()].into_iter().chain(told.then(|| group.sources.to_string()));
        counts.chain(deliveries.iter().map(|measured| format!("{:.2}", of(measured)[place].rate.value()))).collect()
    };
    table(&head, of(deliveries[0]).iter().enumerate().map(row).collect())
}

fn worst(deliveries: &[&Measured]) -> String {
    let named = deliveries.iter().filter_map(|measured| {
        let worst = measured.worst_real.as_ref()?;
        Some(format!("{}: {} ({} of {} images)", measured.tier.name(), worst.name, percent(worst.rate.value()), worst.images))
    });
    match named.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => "No source has five images.".into(),
        named => format!("Worst of at least five images: {named}."),
    }
}

fn bins(bins: &[Bin]) -> String {
    let filled = bins.iter().filter(|bin| bin.images > 0);
    let row = |bin: &Bin| {
        vec![format!("{:.1}–{:.1}", bin.from, bin.to), bin.images.to_string(), format!("{:.2}", bin.score), format!("{:.2}", bin.ai)]
    };
    table(&["claimed", "images", "mean claim", "are AI"], filled.map(row).collect())
}

fn attribution(deliveries: &[&Measured]) -> Option<String> {
    let found: Vec<(&Measured, &Attribution)> =
        deliveries.iter().filter_map(|measured| Some((*measured, measured.attribution.as_ref()?))).collect();
    let (_, first) = found.first()?;
    let summary = found.iter().map(|(measured, attribution)| {
        let top1 = attribution.top1.map_or_else(|| "not measured".to_owned(), percent);
        format!("{} {top1}", measured.tier.name())
    });
    let head: Vec<&str> =
        ["family", "images", "sources", "counts"].into_iter().chain(found.iter().map(|(measured, _)| measured.tier.name())).collect();
    let row = |(place, family): (usize, &Guessed)| {
        let counts = if family.counted { "yes" } else { "no" };
        let rates = found.iter().map(|(_, attribution)| format!("{:.2}", attribution.family[place].top1));
        [family.name.clone(), family.images.to_string(), family.sources.to_string(), counts.to_owned()].into_iter().chain(rates).collect()
    };
    Some(format!(
        "## Attribution\n\nThe model lists {} families. Its first guess is right for: {} ({} images of families from at least two sources here).\n\n{}",
        first.families,
        summary.collect::<Vec<_>>().join(", "),
        first.images,
        table(&head, first.family.iter().enumerate().map(row).collect())
    ))
}

fn robustness(report: &Report) -> Option<String> {
    let rows: Vec<Vec<String>> = report
        .robustness
        .iter()
        .map(|held| {
            vec![
                held.name.to_owned(),
                held.images.to_string(),
                format!("{:.1}", held.mean_change),
                percent(held.flips),
                held.sure_images.to_string(),
                percent(held.flips_sure),
            ]
        })
        .collect();
    let head = ["change", "images", "mean change, points", "flips", "both sure", "flips among those"];
    (!rows.is_empty()).then(|| {
        format!("## Robustness\n\nThe pixels' score of the file as it came against that of the changed picture.\n\n{}", table(&head, rows))
    })
}

/// 0–1 as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A table whose columns line up. The first column reads from the left, the others from the right.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(*width),
        _ => "-".repeat(width - 1) + ":",
    });
    let rule = format!("| {} |", rule.collect::<Vec<_>>().join(" | "));
    [line(&head), rule].into_iter().chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_for_a_terminal() {
        let made = table(&["family", "n"], vec![vec!["größe".into(), "12".into()], vec!["b".into(), "3".into()]]);
        assert_eq!(made, "| family |   n |\n| ------ | --: |\n| größe  |  12 |\n| b      |   3 |");
    }
}
