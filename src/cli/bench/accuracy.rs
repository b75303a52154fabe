//! `touchstone bench accuracy`: how often the verdict is right, on images whose truth is known.
//!
//! Every image is judged as it came and as sites hand it on, by the code that judges uploads. Two scores are measured: what the
//! pixels alone say, and what the whole program says, which can be right because a file tells where it comes from. Nothing is
//! left out in silence: what is missing or cannot be read is counted, named, and ends in exit code 1.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use touchstone_pipeline::Pipeline;

use self::{
    dump::Dump,
    observe::{Looked, Plan},
    report::{Missing, Report},
    set::{Item, Truth},
    tiers::Tier,
};
use crate::{in_order, say};

mod attribution;
mod bootstrap;
mod card;
mod dump;
mod figures;
mod markdown;
mod observe;
mod plots;
mod report;
mod robustness;
mod set;
mod statistics;
mod tiers;

/// What to measure and where to write it.
#[derive(Debug, Args)]
pub(super) struct AccuracyArgs {
    /// A folder with `ai/<family>/[<source>/]` and `real/<kind>/[<source>/]` in it, or a CSV with the columns `path` and `label`
    /// (ai or real) and, if known, `family_or_kind` and `source_repo`.
    #[arg(value_name = "DIR|MANIFEST")]
    input: PathBuf,
    /// Where a manifest's files are looked for, after its own folder; may be repeated.
    #[arg(long, value_name = "FOLDER")]
    files: Vec<PathBuf>,
    /// In which deliveries: the file as it is; at most 1024 px, JPEG q85; web: 768 px, q60; hard: 512 px, q40.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Tier::value_variants().to_vec())]
    tiers: Vec<Tier>,
    /// Also change every picture in five ways and tell how far the score moves.
    #[arg(long)]
    robustness: bool,
    /// Write one JSON line for each image and delivery, with all features.
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Write the figures as JSON; `-` for standard output, in place of the tables.
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Write the tables, which are Markdown, into a file as well.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draw the figures into this folder, which is made if need be.
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Write the figures into the card of the model that judged: `[[measured]]` of its `model.toml`, `card.md` and `plots/` beside it.
    #[arg(long, value_name = "FOLDER")]
    card: Option<PathBuf>,
}

/// One image and what was said of it.
struct Image<'a> {
    item: &'a Item,
    looked: Looked,
}

/// Measures and writes. 0: every image was judged. 1: some were missing or could not be read; each is named.
pub(super) fn accuracy(args: &AccuracyArgs, pipeline: &Pipeline) -> anyhow::Result<u8> {
    let items = set::read(&args.input, &args.files)?;
    let mut tiers = args.tiers.clone();
    tiers.sort_unstable();
    tiers.dedup();
    let plan = Plan { pipeline, tiers: &tiers, robustness: args.robustness };
    let (images, missing) = judge(&plan, &items, args.dump.as_deref())?;
    for truth in [Truth::Ai, Truth::Real] {
        if !images.iter().any(|image| image.item.truth == truth) {
            bail!("no image labelled {truth:?} could be judged, so nothing can be said; {} of {} are missing", missing.len(), items.len());
        }
    }
    let report = Report::new(pipeline, &images, &tiers, missing);
    write(args, pipeline, &report, &images)?;
    Ok(u8::from(!report.missing.is_empty()))
}

fn judge<'a>(plan: &Plan<'_>, items: &'a [Item], dump: Option<&Path>) -> anyhow::Result<(Vec<Image<'a>>, Vec<Missing>)> {
    let mut dump = dump.map(Dump::create).transpose()?;
    let (mut images, mut missing) = (Vec::with_capacity(items.len()), Vec::new());
    let bar = say::progress(items.len());
    let look = |index: usize, item: &Item| (index, item.file.clone().and_then(|file| plan.look(&file)));
    in_order::each(items, plan.pipeline.threads(), look, |(index, looked)| -> anyhow::Result<()> {
        bar.inc(1);
        let item = &items[index];
        match looked {
            Err(reason) => {
                bar.suspend(|| say::note(&format!("missing: {}: {reason}", item.name)));
                missing.push(Missing { path: item.name.clone(), reason });
            }
            Ok(mut looked) => {
                dump.as_mut().map_or(Ok(()), |dump| dump.write(item, &looked))?;
                // The dump alone wants them, and a large set would hold many.
                looked.tiers.iter_mut().for_each(|seen| seen.features.clear());
                images.push(Image { item, looked });
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    dump.map_or(Ok(()), Dump::finish)?;
    Ok((images, missing))
}

fn write(args: &AccuracyArgs, pipeline: &Pipeline, report: &Report, images: &[Image<'_>]) -> anyhow::Result<()> {
    let tables = markdown::report(report);
    match args.json.as_deref() {
        Some(path) if path == Path::new("-") => say::print_json(report)?,
        Some(path) => save(path, &serde_json::to_string_pretty(report)?)?,
        None => {}
    }
    if args.json.as_deref() != Some(Path::new("-")) {
        say::line(&tables)?;
    }
    if let Some(path) = &args.markdown {
        save(path, &tables)?;
    }
    if let Some(folder) = &args.plots {
        plots::draw(folder, report, images)?;
    }
    if let Some(folder) = &args.card {
        card::write(folder, pipeline.card(), report)?;
        plots::draw(&folder.join(card::PLOTS), report, images)?;
    }
    Ok(())
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
