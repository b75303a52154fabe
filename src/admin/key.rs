//! `touchstone admin key …`: what opens the API.

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use touchstone_core::ids::{KeyId, OrganizationId};
use touchstone_store::Store;

use super::org;

/// `touchstone admin key …`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make an API key. It is shown once and stored only as a hash.
    Create {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        /// A test key: free, its documents are marked.
        #[arg(long)]
        test: bool,
    },
    /// Revoke an API key at once.
    Revoke {
        /// The key's id.
        #[arg(long)]
        id: KeyId,
    },
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails or what was named does not exist.
pub(super) async fn run(store: &Store, command: Key) -> anyhow::Result<Value> {
    match command {
        Key::Create { org, test } => create(store, org, test).await,
        Key::Revoke { id } => {
            anyhow::ensure!(store.revoke_key(id).await?, "there is no live key {id}");
            Ok(json!({ "key_id": id, "revoked": true }))
        }
    }
}

async fn create(store: &Store, org: OrganizationId, test: bool) -> anyhow::Result<Value> {
    org::named(store, org).await?;
    let (id, key) = store.create_key(org, test).await?;
    Ok(json!({ "organization_id": org, "key_id": id, "key": key.expose_secret(), "test": test }))
}
