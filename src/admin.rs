//! `touchstone admin …`: what an operator does from the shell. Each command prints one JSON object on stdout.

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use touchstone_core::{
    credit::Credits,
    ids::OrganizationId,
    organization::{Dialect, Organization},
};
use touchstone_store::{NewOrganization, Store};

use crate::config::Config;

/// What can be administered.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Organisations.
    #[command(subcommand)]
    Org(Org),
    /// API keys.
    #[command(subcommand)]
    Key(Key),
    /// The keys that sign links.
    #[command(subcommand)]
    Secret(Secret),
}

/// `touchstone admin org …`
#[derive(Debug, Subcommand)]
pub enum Org {
    /// Make an organisation.
    Create(CreateOrg),
    /// Change how an organisation is served. What is not named stays.
    Set(SetOrg),
    /// Give an organisation credits.
    Grant {
        /// The organisation's id.
        #[arg(long)]
        id: OrganizationId,
        /// How many.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
        credits: i64,
        /// Why, for the ledger.
        #[arg(long)]
        note: Option<String>,
    },
    /// List every organisation.
    List,
}

/// `touchstone admin org create …`
#[derive(Debug, Args)]
pub struct CreateOrg {
    /// Its name.
    #[arg(long)]
    name: String,
    /// Credits to begin with.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    credits: i64,
    /// No credit limit: usage is counted and billed afterwards.
    #[arg(long)]
    metered: bool,
    /// Which vendor's defaults its clients expect: truthscan or undetectable.
    #[arg(long, default_value = "truthscan")]
    dialect: Dialect,
    /// Whether heatmaps and previews open only with its own key.
    #[arg(long)]
    secure_assets: Option<bool>,
}

/// `touchstone admin org set …`
#[derive(Debug, Args)]
pub struct SetOrg {
    /// The organisation's id.
    #[arg(long)]
    id: OrganizationId,
    /// Its name.
    #[arg(long)]
    name: Option<String>,
    /// Which vendor's defaults its clients expect: truthscan or undetectable.
    #[arg(long)]
    dialect: Option<Dialect>,
    /// Whether /query answers only to its own key.
    #[arg(long)]
    private_queries: Option<bool>,
    /// Whether heatmaps are drawn for "Real" verdicts as well.
    #[arg(long)]
    heatmap_for_real: Option<bool>,
    /// Whether heatmaps and previews open only with its own key, or with a link that /query gave to it.
    #[arg(long)]
    secure_assets: Option<bool>,
}

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
        id: touchstone_core::ids::KeyId,
    },
}

/// `touchstone admin secret …`
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Begin to sign links with a fresh key. Links that are out keep working for a day.
    Rotate,
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
        Admin::Org(Org::Create(new)) => create_org(&store, new).await,
        Admin::Org(Org::Set(changes)) => set_org(&store, changes).await,
        Admin::Org(Org::Grant { id, credits, note }) => {
            let left = store.grant(id, Credits { base: 0, boost: credits }, note.as_deref()).await?;
            Ok(json!({ "organization_id": id, "granted": credits, "credits": left.total() }))
        }
        Admin::Org(Org::List) => list_orgs(&store).await,
        Admin::Key(Key::Create { org, test }) => create_key(&store, org, test).await,
        Admin::Key(Key::Revoke { id }) => {
            anyhow::ensure!(store.revoke_key(id).await?, "there is no live key {id}");
            Ok(json!({ "key_id": id, "revoked": true }))
        }
        Admin::Secret(Secret::Rotate) => {
            let keys = store.rotate_secret(crate::app::LINK_KEYS, crate::app::OLD_KEYS_LIVE).await?;
            Ok(json!({ "purpose": crate::app::LINK_KEYS, "keys_in_use": keys.len() }))
        }
    }
}

async fn create_org(store: &Store, new: CreateOrg) -> anyhow::Result<Value> {
    let credits = Credits { base: new.credits, boost: 0 };
    let made = NewOrganization { name: new.name, dialect: new.dialect, metered: new.metered, credits };
    let mut made = store.create_organization(made).await?;
    if new.secure_assets == Some(true) {
        // Nobody has a key yet, so nothing can be asked in between.
        made.secure_assets = true;
        store.update_organization(&made).await?;
    }
    let mut answer = described(&made);
    answer["credits"] = new.credits.into();
    Ok(answer)
}

async fn set_org(store: &Store, changes: SetOrg) -> anyhow::Result<Value> {
    let found = store.organization(changes.id).await?;
    let mut organization =
        found.with_context(|| format!("there is no organisation {}; `touchstone admin org list` shows them", changes.id))?;
    organization.name = changes.name.unwrap_or(organization.name);
    organization.dialect = changes.dialect.unwrap_or(organization.dialect);
    organization.private_queries = changes.private_queries.unwrap_or(organization.private_queries);
    organization.heatmap_for_real = changes.heatmap_for_real.unwrap_or(organization.heatmap_for_real);
    organization.secure_assets = changes.secure_assets.unwrap_or(organization.secure_assets);
    store.update_organization(&organization).await?;
    Ok(described(&organization))
}

fn described(organization: &Organization) -> Value {
    json!({
        "organization_id": organization.id, "name": organization.name, "dialect": organization.dialect, "metered": organization.metered,
        "private_queries": organization.private_queries, "heatmap_for_real": organization.heatmap_for_real,
        "secure_assets": organization.secure_assets,
    })
}

async fn list_orgs(store: &Store) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    for organization in store.organizations().await? {
        let credits = store.credits(organization.id).await?;
        let mut row = described(&organization);
        row["credits"] = credits.total().into();
        rows.push(row);
    }
    Ok(json!({ "organizations": rows }))
}

async fn create_key(store: &Store, org: OrganizationId, test: bool) -> anyhow::Result<Value> {
    anyhow::ensure!(store.organization(org).await?.is_some(), "there is no organisation {org}; `touchstone admin org list` shows them");
    let (id, key) = store.create_key(org, test).await?;
    Ok(json!({ "organization_id": org, "key_id": id, "key": key.expose_secret(), "test": test }))
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
