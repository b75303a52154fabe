//! `touchstone bench limits`: what it costs a request to be counted against its project's limit (row V8), in memory and, where nodes
//! share it, in their database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use touchstone_store::{Settings, Store};

use crate::say;

/// Projects that ask in turn.
const PROJECTS: u32 = 100;

/// What to measure.
#[derive(Debug, Args)]
pub struct LimitsArgs {
    /// A PostgreSQL database to measure as well: postgres://…; what is written there is the limits' own. The environment keeps a password
    /// out of the list of processes.
    #[arg(long, env = "TOUCHSTONE_BENCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Requests to count.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// Tasks that ask the database at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    tasks: u32,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    requests: u32,
    tasks: u32,
    memory_us: f64,
    database_us: Option<f64>,
    database_per_second: Option<f64>,
}

/// Measures and prints. `memory` counts so many requests of so many projects in memory, as the server does.
///
/// # Errors
/// When the database is not there, or is none that nodes share.
pub async fn bench_limits(args: &LimitsArgs, settings: &Settings, memory: fn(u32, u32) -> Duration) -> anyhow::Result<()> {
    let memory_us = micros(memory(args.requests, PROJECTS), args.requests);
    let wall = match &args.database {
        None => None,
        Some(url) => Some(shared(args, Settings { url: url.clone(), ..settings.clone() }).await?),
    };
    let report = Report {
        requests: args.requests,
        tasks: args.tasks,
        memory_us,
        // Each task waits for its own answer.
        database_us: wall.map(|wall| micros(wall, args.requests) * f64::from(args.tasks)),
        database_per_second: wall.map(|wall| f64::from(args.requests) / wall.as_secs_f64()),
    };
    if args.json { say::print_json(&report) } else { say::line(&table(&report)) }
}

async fn shared(args: &LimitsArgs, settings: Settings) -> anyhow::Result<Duration> {
    let store = Arc::new(Store::open(&settings).await.context("the database does not open")?);
    store.migrate().await?;
    let (each, start) = (args.requests.div_ceil(args.tasks), Instant::now());
    let mut tasks = JoinSet::new();
    for task in 0..args.tasks {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in 0..each {
                let name = format!("bench:{}", (task + number) % PROJECTS);
                store.take_turn(&name, 1_000_000, 1_000_000).await?.context("nodes share nothing in this database")?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let wall = start.elapsed();
    store.close().await?;
    Ok(wall)
}

fn micros(wall: Duration, requests: u32) -> f64 {
    wall.as_secs_f64() * 1e6 / f64::from(requests)
}

fn table(report: &Report) -> String {
    let memory = format!("in memory               {:>10.2} µs a request", report.memory_us);
    match (report.database_us, report.database_per_second) {
        (Some(us), Some(rate)) => {
            format!("{memory}\nin the database          {us:>9.0} µs a request, {} tasks, {rate:.0} requests/s", report.tasks)
        }
        _ => memory,
    }
}
