//! `touchstone admin …`: what an operator does from the shell. Each command answers one JSON object, which `--table` shows to people.
//!
//! One file a noun; here is only the list of them.

mod credits;
mod erase;
mod key;
mod member;
mod moment;
mod org;
mod print;
mod project;
mod secret;
mod usage;

use clap::{Args, Subcommand};
use serde_json::Value;
use touchstone_billing::Billing;
use touchstone_moderation::Keeper;
use touchstone_store::Store;

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
    /// Erase what is known of a document, a member or an organisation.
    Erase(erase::Erase),
    /// Let go of everything whose time is over, now.
    Sweep,
    /// What was used, and its way to Stripe.
    #[command(subcommand)]
    Usage(usage::Usage),
}

/// Runs one command and answers what to print, and the exit code. `billing` and `keeper` are asked for by the commands that need them alone, for their
/// settings may be wrong while others must work.
///
/// # Errors
/// When the database fails or what was named does not exist.
pub async fn admin(
    store: &Store,
    billing: impl FnOnce() -> anyhow::Result<Billing>,
    keeper: impl FnOnce() -> anyhow::Result<Keeper>,
    admin: Admin,
) -> anyhow::Result<(String, u8)> {
    let answer = match admin.noun {
        Noun::Org(command) => org::run(store, command).await,
        Noun::Member(command) => member::run(store, command).await,
        Noun::Project(command) => project::run(store, command).await,
        Noun::Credits(command) => credits::run(store, command).await,
        Noun::Key(command) => key::run(store, command).await,
        Noun::Secret(command) => secret::run(store, command).await,
        Noun::Usage(command) => usage::run(&billing()?, command).await,
        Noun::Erase(command) => erase::run(&keeper()?, command).await,
        Noun::Sweep => erase::sweep(&keeper()?).await,
    }?;
    Ok((print::text(&answer, admin.table), u8::from(differs(&answer))))
}

/// An audit or a reconciliation that found something has an answer, and has failed.
fn differs(answer: &Value) -> bool {
    let found = answer["differences"].as_array().is_some_and(|found| !found.is_empty());
    let differs = |field: &str| answer[field].as_i64().is_some_and(|number| number != 0);
    found || differs("difference") || differs("failed")
}
