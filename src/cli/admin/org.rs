//! `touchstone admin org …`: the tenants and how each is served.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use touchstone_core::{
    credit::Credits,
    ids::OrganizationId,
    organization::{Dialect, Organization, Retention},
    plan::Plan,
};
use touchstone_store::{NewOrganization, Store};

/// `touchstone admin org …`
#[derive(Debug, Subcommand)]
pub(super) enum Org {
    /// Make an organisation.
    Create(CreateOrg),
    /// Change how an organisation is served. What is not named stays.
    Set(SetOrg),
    /// List every organisation.
    List,
}

/// `touchstone admin org create …`
#[derive(Debug, Args)]
pub(super) struct CreateOrg {
    /// Its name.
    #[arg(long)]
    name: String,
    /// Credits to begin with.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    credits: i64,
    /// No credit limit: usage is counted and billed afterwards.
    #[arg(long)]
    metered: bool,
    /// Who it is at Stripe, for metered organisations.
    #[arg(long, value_name = "CUS")]
    stripe_customer: Option<String>,
    /// What it subscribed to: free, pro or enterprise.
    #[arg(long, default_value = "pro")]
    plan: Plan,
    /// Which vendor's defaults its clients expect: truthscan or undetectable.
    #[arg(long, default_value = "truthscan")]
    dialect: Dialect,
    /// Whether heatmaps and previews open only with its own key.
    #[arg(long)]
    secure_assets: Option<bool>,
    /// How long its images are kept: standard, or zero (nothing is kept but the verdict).
    #[arg(long, default_value = "standard")]
    retention: Retention,
}

/// `touchstone admin org set …`
#[derive(Debug, Args)]
pub(super) struct SetOrg {
    /// The organisation's id.
    #[arg(long)]
    id: OrganizationId,
    /// Its name.
    #[arg(long)]
    name: Option<String>,
    /// What it subscribed to: free, pro or enterprise.
    #[arg(long)]
    plan: Option<Plan>,
    /// Whether usage is counted and billed afterwards, instead of a credit limit.
    #[arg(long)]
    metered: Option<bool>,
    /// Who it is at Stripe; an empty one: nobody.
    #[arg(long, value_name = "CUS")]
    stripe_customer: Option<String>,
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
    /// How long its images are kept from now on: standard, or zero (nothing is kept but the verdict).
    #[arg(long)]
    retention: Option<Retention>,
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails or what was named does not exist.
pub(super) async fn run(store: &Store, command: Org) -> anyhow::Result<Value> {
    match command {
        Org::Create(new) => create(store, new).await,
        Org::Set(changes) => set(store, changes).await,
        Org::List => list(store).await,
    }
}

/// The organisation of this id, or an error that says how to find one.
///
/// # Errors
/// When there is none, or the database fails.
pub(super) async fn named(store: &Store, id: OrganizationId) -> anyhow::Result<Organization> {
    store.organization(id).await?.with_context(|| format!("there is no organisation {id}; `touchstone admin org list` shows them"))
}

async fn create(store: &Store, new: CreateOrg) -> anyhow::Result<Value> {
    let credits = Credits { base: new.credits, boost: 0 };
    let CreateOrg { name, dialect, plan, metered, stripe_customer, .. } = new;
    let stripe_customer_id = stripe_customer.filter(|customer| !customer.is_empty());
    let made = NewOrganization { name, dialect, plan, metered, stripe_customer_id, credits };
    let mut made = store.create_organization(made).await?;
    let (secure_assets, retention) = (new.secure_assets == Some(true), new.retention);
    if secure_assets || retention != Retention::default() {
        // Nobody has a key yet, so nothing can be asked in between.
        made = store.change_organization(made.id, |made| Organization { secure_assets, retention, ..made }).await?;
    }
    let mut answer = described(&made);
    answer["credits"] = store.credits(made.id).await?.total().into();
    Ok(answer)
}

async fn set(store: &Store, changes: SetOrg) -> anyhow::Result<Value> {
    let id = named(store, changes.id).await?.id;
    Ok(described(&store.change_organization(id, |organization| changed(organization, changes)).await?))
}

/// Only what was named is changed.
fn changed(mut organization: Organization, changes: SetOrg) -> Organization {
    organization.name = changes.name.unwrap_or(organization.name);
    organization.plan = changes.plan.unwrap_or(organization.plan);
    organization.metered = changes.metered.unwrap_or(organization.metered);
    if let Some(customer) = changes.stripe_customer {
        organization.stripe_customer_id = (!customer.is_empty()).then_some(customer);
    }
    organization.dialect = changes.dialect.unwrap_or(organization.dialect);
    organization.private_queries = changes.private_queries.unwrap_or(organization.private_queries);
    organization.heatmap_for_real = changes.heatmap_for_real.unwrap_or(organization.heatmap_for_real);
    organization.secure_assets = changes.secure_assets.unwrap_or(organization.secure_assets);
    organization.retention = changes.retention.unwrap_or(organization.retention);
    organization
}

fn described(organization: &Organization) -> Value {
    json!({
        "organization_id": organization.id, "name": organization.name, "dialect": organization.dialect, "plan": organization.plan,
        "metered": organization.metered, "stripe_customer_id": organization.stripe_customer_id,
        "private_queries": organization.private_queries, "heatmap_for_real": organization.heatmap_for_real,
        "secure_assets": organization.secure_assets, "retention": organization.retention,
    })
}

async fn list(store: &Store) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    for organization in store.organizations().await? {
        let credits = store.credits(organization.id).await?;
        let mut row = described(&organization);
        row["credits"] = credits.total().into();
        rows.push(row);
    }
    Ok(json!({ "organizations": rows }))
}
