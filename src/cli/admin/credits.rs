//! `touchstone admin credits …`: the operator's side of the ledger.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use touchstone_core::{
    credit,
    ids::{DocumentId, OrganizationId},
};
use touchstone_store::{LedgerRow, Refunded, Settlement, Store};

use super::{moment, org::named};

/// `touchstone admin credits …`
#[derive(Debug, Subcommand)]
pub(super) enum Credits {
    /// Give an organisation credits that it keeps.
    Grant(Amount),
    /// Add credits that an organisation bought.
    Boost(Amount),
    /// Correct a balance, up or down; never below nothing.
    Adjust {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        /// Base credits to add; negative takes away.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        base: i64,
        /// Boost credits to add; negative takes away.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        boost: i64,
        /// Why, for the ledger.
        #[arg(long)]
        note: String,
    },
    /// Take back what a judged document cost, once. Metered: its use is counted no more, in the next window.
    Refund {
        /// The document's id; an archive is refunded image by image.
        #[arg(long)]
        document: DocumentId,
        /// Why, for the ledger.
        #[arg(long)]
        note: Option<String>,
    },
    /// What an organisation has left.
    Show {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
    },
    /// An organisation's ledger, newest first.
    Ledger {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        /// Only rows before this one: the last id of the page before.
        #[arg(long)]
        before: Option<i64>,
        /// How many rows.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
    },
    /// Recompute every balance from the ledger and compare. Exits with 1 if anything differs.
    Audit,
}

/// So many credits for whom, and why.
#[derive(Debug, Args)]
pub(super) struct Amount {
    /// The organisation's id.
    #[arg(long)]
    org: OrganizationId,
    /// How many.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    credits: i64,
    /// Why, for the ledger.
    #[arg(long)]
    note: Option<String>,
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails, what was named does not exist, or the rules forbid it.
pub(super) async fn run(store: &Store, command: Credits) -> anyhow::Result<Value> {
    match command {
        Credits::Grant(Amount { org, credits, note }) => {
            let left = store.grant(org, credit::Credits { base: 0, boost: credits }, note.as_deref()).await?;
            Ok(described(org, left))
        }
        Credits::Boost(Amount { org, credits, note }) => Ok(described(org, store.boost(org, credits, note.as_deref()).await?)),
        Credits::Adjust { org, base, boost, note } => {
            let left = store.adjust(org, credit::Credits { base, boost }, Some(&note)).await?;
            Ok(described(org, left))
        }
        Credits::Refund { document, note } => refund(store, document, note.as_deref()).await,
        Credits::Show { org } => show(store, org).await,
        Credits::Ledger { org, before, limit } => {
            named(store, org).await?;
            let entries: Vec<Value> = store.ledger(org, before, limit).await?.iter().map(line).collect();
            Ok(json!({ "organization_id": org, "entries": entries }))
        }
        Credits::Audit => Ok(serde_json::to_value(store.audit().await?)?),
    }
}

fn line(row: &LedgerRow) -> Value {
    json!({
        "id": row.id, "created_at": moment::written(row.created_at), "entry": row.entry, "base": row.base, "boost": row.boost,
        "units": row.units, "document_id": row.document_id, "note": row.note,
    })
}

fn described(org: OrganizationId, left: credit::Credits) -> Value {
    json!({ "organization_id": org, "base": left.base, "boost": left.boost, "credits": left.total() })
}

async fn show(store: &Store, org: OrganizationId) -> anyhow::Result<Value> {
    let organization = named(store, org).await?;
    let mut answer = described(org, store.credits(org).await?);
    answer["name"] = organization.name.into();
    answer["plan"] = organization.plan.name().into();
    answer["metered"] = organization.metered.into();
    Ok(answer)
}

async fn refund(store: &Store, document: DocumentId, note: Option<&str>) -> anyhow::Result<Value> {
    match store.refund(document, note).await? {
        Refunded::Yes { organization, credits, units } => Ok(json!({
            "document_id": document, "organization_id": organization, "base": credits.base, "boost": credits.boost, "units": units,
        })),
        Refunded::Not(Settlement::Refunded) => anyhow::bail!("{document} is refunded already, and that is done only once"),
        Refunded::Not(_) => anyhow::bail!("{document} was not judged: only what was spent can be refunded"),
        Refunded::Free => anyhow::bail!("{document} cost nothing; an archive is refunded image by image"),
        Refunded::NoDocument => anyhow::bail!("there is no document {document}"),
    }
}
