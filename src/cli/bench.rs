//! `touchstone bench`: what one megapixel costs, part by part, and what the server adds to the raw pipeline.
//!
//! Every figure comes from this run on this machine; medians, because a shared machine has bad moments. The pictures are drawn
//! by the program, encoded in memory and given to the same code that judges uploads; or they are your own files. How often the
//! verdict is right is `touchstone bench accuracy`; what the database does to money, `touchstone bench ledger`.

use std::path::PathBuf;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use touchstone_pipeline::Pipeline;

use crate::say;

mod accuracy;
mod ledger;
mod limits;
mod order;
mod parts;
mod pictures;
mod report;
mod throughput;

pub use ledger::{LedgerArgs, bench_ledger};
pub use limits::{LimitsArgs, bench_limits};
pub use throughput::{Served, Server, Way};

/// What to measure.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    of: Option<Of>,
    /// Files to measure with; by default pictures of one megapixel that the program draws.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// How often every picture is measured; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Distinct pictures for the comparison of server and raw pipeline; 0 leaves it out.
    #[arg(long, default_value_t = 60)]
    images: usize,
    /// Clients that send to the server at the same time; by default four for each inference thread.
    #[arg(long)]
    clients: Option<usize>,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
enum Of {
    /// Measure how often the verdict is right, on images whose truth is known, in the deliveries in which images travel.
    Accuracy(accuracy::AccuracyArgs),
    /// Measure how many documents a second the database pays for, and what a look at a balance costs.
    Ledger(LedgerArgs),
    /// Measure what it costs a request to be counted against its project's limit.
    Limits(LimitsArgs),
}

impl BenchArgs {
    /// The measurement of the database, if that is what is asked for: it needs no detector.
    #[must_use]
    pub const fn ledger(&self) -> Option<&LedgerArgs> {
        match &self.of {
            Some(Of::Ledger(args)) => Some(args),
            _ => None,
        }
    }

    /// The measurement of the limits, if that is what is asked for: it needs no detector either.
    #[must_use]
    pub const fn limits(&self) -> Option<&LimitsArgs> {
        match &self.of {
            Some(Of::Limits(args)) => Some(args),
            _ => None,
        }
    }

    /// Whether the comparison with the server is asked for at all.
    #[must_use]
    pub const fn wants_server(&self) -> bool {
        self.of.is_none() && self.images > 0
    }
}

/// Measures and prints. Without a server its figures are null.
///
/// # Errors
/// When a file cannot be read or judged, the server fails, or an output cannot be written.
pub fn bench(args: &BenchArgs, pipeline: &Pipeline, server: Option<&dyn Server>) -> anyhow::Result<u8> {
    if let Some(Of::Accuracy(args)) = &args.of {
        return accuracy::accuracy(args, pipeline);
    }
    let set = set(args)?;
    say::note(&format!("measuring {} pictures, {} rounds, one thread …", set.len(), args.rounds));
    let parts = parts::measure(pipeline, &set, args.rounds)?;
    let throughput = match args.images {
        0 => None,
        images => {
            say::note(&format!("comparing server and raw pipeline on {images} pictures, {} threads …", pipeline.threads()));
            let clients = args.clients.unwrap_or(pipeline.threads() * 4).max(1);
            Some(throughput::compare(pipeline, &pictures::distinct(images)?, clients, server)?)
        }
    };
    let report = report::Report::new(pipeline, set.len(), args.rounds, parts, throughput);
    if args.json {
        say::print_json(&report)?
    } else {
        say::line(&report.table())?
    }
    Ok(0)
}

fn set(args: &BenchArgs) -> anyhow::Result<Vec<Bytes>> {
    if args.files.is_empty() {
        return pictures::one_of_each();
    }
    let read = |path: &PathBuf| std::fs::read(path).map(Bytes::from).with_context(|| format!("{} cannot be read", path.display()));
    args.files.iter().map(read).collect()
}
