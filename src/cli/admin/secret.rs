//! `touchstone admin secret …`: the keys that all nodes share and that sign links and receipts.

use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_store::{LINK_KEYS, OLD_KEYS_LIVE, RECEIPT_KEYS, Store};

/// `touchstone admin secret …`
#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Begin to sign links with a fresh key. Links that are out keep working for a day.
    Rotate {
        /// Instead begin to sign receipts with one. Receipts that are out stay valid: their keys stay published.
        #[arg(long)]
        receipts: bool,
    },
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails.
pub(super) async fn run(store: &Store, command: Secret) -> anyhow::Result<Value> {
    match command {
        Secret::Rotate { receipts } => {
            let (purpose, keep_old_for) = if receipts { (RECEIPT_KEYS, None) } else { (LINK_KEYS, Some(OLD_KEYS_LIVE)) };
            let keys = store.rotate_secret(purpose, keep_old_for).await?;
            Ok(json!({ "purpose": purpose, "keys_in_use": keys.len() }))
        }
    }
}
