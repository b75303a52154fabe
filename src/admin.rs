//! `touchstone admin …`: what an operator does from the shell. Each command prints one JSON object on stdout.
//!
//! One file a noun; here is only the list of them.

mod key;
mod org;
mod secret;
mod usage;

use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_store::Store;

use crate::config::Config;

/// What can be administered.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Organisations.
    #[command(subcommand)]
    Org(org::Org),
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

/// Runs one command against the configured database and answers what to print.
///
/// # Errors
/// When the database fails or what was named does not exist.
pub async fn run(config: &Config, command: Admin) -> anyhow::Result<Value> {
    config.make_data_dir()?;
    let store = Store::open(&config.database).await?;
    store.migrate().await?;
    match command {
        Admin::Org(command) => org::run(&store, command).await,
        Admin::Key(command) => key::run(&store, command).await,
        Admin::Secret(command) => secret::run(&store, command).await,
        Admin::Usage(command) => usage::run(config, &store, command).await,
    }
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
