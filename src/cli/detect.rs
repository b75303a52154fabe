//! `touchstone detect`: judge files and folders here and now, without a server.
//!
//! Pictures are judged side by side, as many as the model has threads, and each leaves only its row behind; rows come out in
//! the order of the arguments.

use std::path::PathBuf;

use clap::Args;
use touchstone_pipeline::Pipeline;

use self::row::Row;
use crate::{
    files::{self, Candidate},
    in_order, say,
};

mod heatmaps;
mod one;
mod row;
mod table;

/// What to judge and how to tell.
#[derive(Debug, Args)]
pub struct DetectArgs {
    /// Image files, or folders that are searched for images at every depth.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// One JSON object a line, for scripts.
    #[arg(long)]
    json: bool,
    /// Write `<name>.heatmap.jpg` for every image into this folder, which is made if need be. Where the verdict is "Real" the
    /// colours are the raw scores; elsewhere they are stretched to the image's own extremes.
    #[arg(long, value_name = "DIR")]
    heatmap: Option<PathBuf>,
}

/// Judges everything and prints it. 0: all were judged. 1: some could not be; each has its reason.
///
/// # Errors
/// When the output or the heatmap folder cannot be written.
pub fn detect(args: &DetectArgs, pipeline: &Pipeline) -> anyhow::Result<u8> {
    let candidates = files::gather(&args.paths);
    let heatmaps = args.heatmap.as_deref().map(|folder| heatmaps::plan(folder, &candidates)).transpose()?;
    let bar = say::progress(candidates.len());
    let mut told = table::Table::default();
    let judge =
        |index: usize, candidate: &Candidate| one::judge(pipeline, candidate, heatmaps.as_ref().map(|paths| paths[index].as_path()));
    in_order::each(&candidates, pipeline.threads(), judge, |row: Row| {
        bar.inc(1);
        bar.suspend(|| if args.json { say::print_json(&row).map(|()| told.count(&row)) } else { told.tell(&row) })
    })?;
    bar.finish_and_clear();
    if !args.json {
        say::line(&told.summary())?;
    }
    Ok(u8::from(told.failed() > 0))
}
