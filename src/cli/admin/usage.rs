//! `touchstone admin usage …`: what was used, what Stripe has of it, and where the two differ.

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use touchstone_billing::{Billing, Period, SyncRequest};
use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp};
use touchstone_store::Decision;

/// `touchstone admin usage …`
#[derive(Debug, Subcommand)]
pub(super) enum Usage {
    /// Show what an organisation used, day by day, and how far it is billed.
    Show {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        #[command(flatten)]
        days: Days,
    },
    /// Send an organisation's use to Stripe, as the server does every day.
    Sync {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        #[command(flatten)]
        days: Days,
    },
    /// Compare the ledger with what was sent and with what Stripe counted.
    Reconcile {
        /// The organisation's id; by default every organisation that is metered or was.
        #[arg(long)]
        org: Option<OrganizationId>,
        #[command(flatten)]
        days: Days,
    },
    /// Write down what you found out about an event that `reconcile` shows in question.
    Decide {
        /// The event's number.
        #[arg(long)]
        event: i64,
        /// What is to become of it.
        #[arg(long = "as", value_name = "WHAT")]
        decision: Decided,
        /// With `--as again`: who pays for it, where that is not who was to pay for it before.
        #[arg(long, value_name = "CUS")]
        customer: Option<String>,
    },
}

/// A range of UTC days, both ends included.
#[derive(Debug, Args)]
pub(super) struct Days {
    /// The first day, YYYY-MM-DD; by default 34 days before the last, and for `reconcile` the oldest day of which something waits or is
    /// in question, if that is older.
    #[arg(long)]
    from: Option<Day>,
    /// The last day, YYYY-MM-DD; by default today.
    #[arg(long)]
    to: Option<Day>,
}

/// What is to become of an event.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Decided {
    /// Stripe has it.
    Sent,
    /// Stripe has it not: send it again, under a new identifier.
    Again,
    /// Stripe has it not, and is never to have it: it is not billed.
    Lost,
}

impl Days {
    fn period(&self) -> anyhow::Result<Period> {
        let today = Day::of(Timestamp::now());
        let last = self.to.unwrap_or(today);
        Ok(Period::asked(self.from.unwrap_or(Period::recent(last.min(today)).first), last, today)?)
    }
}

/// Runs one of these commands.
///
/// # Errors
/// When the database or Stripe fails, or what was named does not exist.
pub(super) async fn run(billing: &Billing, command: Usage) -> anyhow::Result<Value> {
    match command {
        Usage::Show { org, days } => Ok(serde_json::to_value(billing.usage(org, days.period()?).await?)?),
        Usage::Sync { org, days } => {
            let Period { first, last } = days.period()?;
            let request = SyncRequest { organization: org, first, last, idempotency_id: None };
            Ok(serde_json::to_value(billing.sync(request).await?)?)
        }
        Usage::Reconcile { org, days } => reconcile(billing, org, &days).await,
        Usage::Decide { event, decision, customer } => {
            let decision = match decision {
                Decided::Again => Decision::Again { customer },
                _ if customer.is_some() => anyhow::bail!("--customer is only for --as again"),
                Decided::Sent => Decision::Sent,
                Decided::Lost => Decision::Lost,
            };
            let decided = billing.decide(event, decision).await?;
            let decided =
                decided.with_context(|| format!("no event {event} is in question; `touchstone admin usage reconcile` shows them"))?;
            Ok(json!({ "event": decided.id, "state": decided.state, "identifier": decided.identifier }))
        }
    }
}

/// One organisation that cannot be compared does not keep the others from it.
async fn reconcile(billing: &Billing, org: Option<OrganizationId>, days: &Days) -> anyhow::Result<Value> {
    let period = days.period()?;
    let organizations = match org {
        Some(org) => vec![org],
        None => billing.ever_billed().await?.into_iter().map(|billed| billed.id).collect(),
    };
    let (mut rows, mut start, mut apart, mut failed) = (Vec::new(), period.first, 0, 0);
    for organization in organizations {
        let mut period = period;
        if days.from.is_none() {
            period.first = billing.unsettled_since(organization).await?.map_or(period.first, |since| since.min(period.first));
        }
        start = start.min(period.first);
        match billing.reconcile(organization, period).await {
            Ok(row) => {
                apart += row.apart;
                rows.push(serde_json::to_value(row)?);
            }
            Err(refusal) => {
                failed += 1;
                rows.push(json!({ "organization_id": organization, "error": refusal.to_string() }));
            }
        }
    }
    Ok(json!({ "start_date": start, "end_date": period.last, "difference": apart, "failed": failed, "organizations": rows }))
}
