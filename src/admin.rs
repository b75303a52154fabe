//! `touchstone admin …`: what an operator does from the shell. Each command answers one JSON object, which `--table` shows to people.
//!
//! One file a noun; here is only the list of them.

mod credits;
mod key;
mod member;
mod moment;
mod org;
mod print;
mod project;
mod secret;
mod usage;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use touchstone_store::Store;

use crate::config::Config;

/// `touchstone admin …`
#[derive(Debug, Args)]
pub struct Admin {
    /// Print a table for people instead of JSON.
    #[arg(long, global = true)]
    table: bool,
    #[command(subcommand)]
    noun: Noun,
}

/// What can be administered.
#[derive(Debug, Subcommand)]
enum Noun {
    /// Organisations.
    #[command(subcommand)]
    Org(org::Org),
    /// The people of an organisation.
    #[command(subcommand)]
    Member(member::Member),
    /// The parts of an organisation that have keys of their own.
    #[command(subcommand)]
    Project(project::Project),
    /// Credits and the ledger behind them.
    #[command(subcommand)]
    Credits(credits::Credits),
    /// API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// The keys that sign links.
    #[command(subcommand)]
    Secret(secret::Secret),
    /// What was used, and its way to Stripe.
    #[command(subcommand)]
    Usage(usage::Usage),
}

/// Runs one command against the configured database and answers what to print, and the exit code.
///
/// # Errors
/// When the database fails or what was named does not exist.
pub async fn run(config: &Config, admin: Admin) -> anyhow::Result<(String, u8)> {
    config.make_data_dir()?;
    let store = Store::open(&config.database).await?.with_plans(config.plans);
    store.migrate().await?;
    let answer = match admin.noun {
        Noun::Org(command) => org::run(&store, command).await,
        Noun::Member(command) => member::run(&store, command).await,
        Noun::Project(command) => project::run(&store, command).await,
        Noun::Credits(command) => credits::run(&store, command).await,
        Noun::Key(command) => key::run(&store, command).await,
        Noun::Secret(command) => secret::run(&store, command).await,
        Noun::Usage(command) => usage::run(config, &store, command).await,
    }?;
    Ok((print::text(&answer, admin.table), u8::from(differs(&answer))))
}

/// An audit or a reconciliation that found something has an answer, and has failed.
fn differs(answer: &Value) -> bool {
    let found = answer["differences"].as_array().is_some_and(|found| !found.is_empty());
    let differs = |field: &str| answer[field].as_i64().is_some_and(|number| number != 0);
    found || differs("difference") || differs("failed")
}

/// Brings the configured database up to date and answers what was done.
///
/// # Errors
/// When the database fails or its schema is newer than this binary.
pub async fn migrate(config: &Config) -> anyhow::Result<Value> {
    config.make_data_dir()?;
    let store = Store::open(&config.database).await?;
    let migrated = store.migrate().await?;
    Ok(json!({ "applied": migrated.applied, "backup": migrated.backup }))
}
