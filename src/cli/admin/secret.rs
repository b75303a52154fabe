//! `touchstone admin secret …`: the keys that all nodes share and that sign links.

use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_store::{LINK_KEYS, OLD_KEYS_LIVE, Store};

/// `touchstone admin secret …`
#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Begin to sign links with a fresh key. Links that are out keep working for a day.
    Rotate,
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails.
pub(super) async fn run(store: &Store, command: Secret) -> anyhow::Result<Value> {
    match command {
        Secret::Rotate => {
            let keys = store.rotate_secret(LINK_KEYS, OLD_KEYS_LIVE).await?;
            Ok(json!({ "purpose": LINK_KEYS, "keys_in_use": keys.len() }))
        }
    }
}
