//! `touchstone admin key …`: what opens the API.

use std::{collections::BTreeSet, io::Read, time::Duration};

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use touchstone_core::{
    ids::{KeyId, OrganizationId, ProjectId},
    key::{ApiKey, Limits, Scope},
    network::Network,
    time::Timestamp,
};
use touchstone_store::{NewKey, Store};

use super::{moment, org};

/// Most bytes of an imported key that are read: more than any may have.
const LONGEST: u64 = 1024;

/// `touchstone admin key …`
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make an API key. It is shown once and stored only as a hash.
    Create(Rights),
    /// Take over an API key of another system: the secret is read from standard input, stored only as a hash, and never shown.
    Import(Rights),
    /// Make a key with the same rights as one that then ends. One that was rotated before is refused, unless --expires is named.
    Rotate {
        /// The key's id.
        #[arg(long)]
        id: KeyId,
        /// How long the old key goes on working, such as 24h or 0s.
        #[arg(long, default_value = "24h", value_parser = moment::overlap)]
        overlap: Duration,
        /// When the new key ends: a moment (RFC 3339), or a span such as 30d. Left out: when the old one would have.
        #[arg(long, value_parser = moment::end)]
        expires: Option<Timestamp>,
    },
    /// Revoke an API key at once.
    Revoke {
        /// The key's id.
        #[arg(long)]
        id: KeyId,
    },
    /// List API keys, also those that open nothing any more.
    List {
        /// Only those of this organisation.
        #[arg(long)]
        org: Option<OrganizationId>,
    },
}

/// What a new key may do.
#[derive(Debug, Args)]
pub(super) struct Rights {
    /// The organisation's id.
    #[arg(long)]
    org: OrganizationId,
    /// The project that it belongs to. Left out: the organisation's default project.
    #[arg(long)]
    project: Option<ProjectId>,
    /// A test key: free, its documents are marked, and so many a day.
    #[arg(long)]
    test: bool,
    /// What it is called, for people.
    #[arg(long, default_value = "")]
    name: String,
    /// The parts of the API that it opens: detect, query, assets, credits, usage. Left out: all.
    #[arg(long, value_delimiter = ',')]
    scopes: Option<Vec<Scope>>,
    /// When it ends: a moment (RFC 3339), or a span such as 30d. Left out: never.
    #[arg(long, value_parser = moment::end)]
    expires: Option<Timestamp>,
    /// Networks or addresses that it is used from. Left out: from everywhere.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', num_args = 1..)]
    allow: Vec<Network>,
}

impl From<Rights> for NewKey {
    fn from(rights: Rights) -> Self {
        let Rights { org: organization, project, test, name, scopes, expires: expires_at, allow: networks } = rights;
        let scopes = scopes.map(BTreeSet::from_iter);
        Self { organization, project, name, test, limits: Limits { scopes, networks, expires_at } }
    }
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails, what was named does not exist, or the rules of accounts refuse it.
pub(super) async fn run(store: &Store, command: Key) -> anyhow::Result<Value> {
    match command {
        Key::Create(rights) => {
            org::named(store, rights.org).await?;
            let (key, secret) = store.issue_key(rights.into()).await?;
            Ok(shown(&key, &secret))
        }
        Key::Import(rights) => {
            org::named(store, rights.org).await?;
            Ok(described(&store.import_key(rights.into(), &from_stdin()?).await?))
        }
        Key::Rotate { id, overlap, expires } => {
            let (key, secret) = store.rotate_key(id, overlap, expires).await?;
            let mut answer = shown(&key, &secret);
            answer["replaces"] = json!(id);
            Ok(answer)
        }
        Key::Revoke { id } => {
            anyhow::ensure!(store.revoke_key(id).await?, "there is no live key {id}");
            Ok(json!({ "key_id": id, "revoked": true }))
        }
        Key::List { org } => {
            if let Some(org) = org {
                org::named(store, org).await?;
            }
            let keys: Vec<Value> = store.keys(org).await?.iter().map(described).collect();
            Ok(json!({ "keys": keys }))
        }
    }
}

/// One line. An argument would stand in the list of processes and in the shell's history.
fn from_stdin() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).context("the key could not be read from standard input")?;
    Ok(text.trim().into())
}

/// The one time that the secret is told.
fn shown(key: &ApiKey, secret: &SecretString) -> Value {
    let mut answer = described(key);
    answer["key"] = secret.expose_secret().into();
    answer
}

fn described(key: &ApiKey) -> Value {
    let Limits { scopes, networks, expires_at } = &key.limits;
    let names = |scopes: &BTreeSet<Scope>| scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>();
    json!({
        "key_id": key.id, "organization_id": key.organization, "project_id": key.project, "name": key.name, "prefix": key.prefix,
        "test": key.test, "live": key.is_live(Timestamp::now()), "scopes": scopes.as_ref().map(names),
        "allow": networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": moment::written(key.created_at), "expires_at": expires_at.map(moment::written),
        "revoked_at": key.revoked_at.map(moment::written), "replaced_by": key.replaced_by,
        "last_used_at": key.last_used_at.map(moment::written),
    })
}
