//! What an organisation used, day by day, and how far it is billed: the ledger's own sums (row B5).

use serde::Serialize;
use touchstone_core::{day::Day, ids::OrganizationId, refusal::Refusal};
use touchstone_store::{DayUsage, MeterEvent, MeterEventState};

use crate::{Billing, Period, trouble::Trouble};

/// Use of a range of days. What is billed by use is counted in documents, what was prepaid in credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageReport {
    /// Whose use.
    pub organization_id: OrganizationId,
    /// The first day.
    pub start_date: Day,
    /// The last day, included.
    pub end_date: Day,
    /// Net use, as the ledger proves it.
    pub total_documents: i64,
    /// What of it was paid with credits.
    pub prepaid: i64,
    /// What Stripe has.
    pub sent: i64,
    /// What is still to be sent.
    pub pending: i64,
    /// What was not sent, or perhaps not, and waits for people.
    pub not_sent: i64,
    /// What people gave up: it is not billed.
    pub written_off: i64,
    /// What was owed to the organisation at its last freeze, since refunds outweighed its use.
    pub credit_due: i64,
    /// Every day on which there was any.
    pub days: Vec<UsageDay>,
}

/// Use of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageDay {
    /// The day.
    pub date: Day,
    /// Net use, as the ledger proves it.
    pub documents: i64,
    /// What of it was paid with credits.
    pub prepaid: i64,
    /// What Stripe has.
    pub sent: i64,
    /// What is still to be sent.
    pub pending: i64,
    /// What was not sent, or perhaps not, and waits for people.
    pub not_sent: i64,
    /// What people gave up: it is not billed.
    pub written_off: i64,
}

/// A frozen event that people must look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InQuestion {
    /// Its number.
    pub event: i64,
    /// Its day.
    pub date: Day,
    /// What it is worth.
    pub value: i64,
    /// Why it waits: expired, refused, doubtful or pending.
    pub state: MeterEventState,
    /// By what Stripe knows it.
    pub identifier: String,
    /// What went wrong.
    pub error: Option<String>,
}

impl Billing {
    /// What an organisation used in a range of days.
    ///
    /// # Errors
    /// [`Refusal::NoSuchOrganization`], or when the state fails.
    pub async fn usage(&self, organization: OrganizationId, period: Period) -> Result<UsageReport, Refusal> {
        self.try_usage(organization, period).await.map_err(Trouble::told)
    }

    async fn try_usage(&self, organization: OrganizationId, period: Period) -> Result<UsageReport, Trouble> {
        self.known(organization).await?;
        let days = self.store.usage(organization, period.first, period.last).await?;
        let days: Vec<UsageDay> = days.into_iter().map(|(date, used)| day(date, &used)).collect();
        let sum = |of: fn(&UsageDay) -> i64| days.iter().map(of).sum();
        Ok(UsageReport {
            organization_id: organization,
            start_date: period.first,
            end_date: period.last,
            total_documents: sum(|day| day.documents),
            prepaid: sum(|day| day.prepaid),
            sent: sum(|day| day.sent),
            pending: sum(|day| day.pending),
            not_sent: sum(|day| day.not_sent),
            written_off: sum(|day| day.written_off),
            credit_due: self.store.credit_due(organization).await?,
            days,
        })
    }
}

fn day(date: Day, used: &DayUsage) -> UsageDay {
    UsageDay {
        date,
        documents: used.units,
        prepaid: used.prepaid,
        sent: used.sent,
        pending: used.pending + used.unfrozen(),
        not_sent: used.expired + used.refused + used.doubtful,
        written_off: used.written_off,
    }
}

impl From<MeterEvent> for InQuestion {
    fn from(event: MeterEvent) -> Self {
        let MeterEvent { id, day, value, state, identifier, error, .. } = event;
        Self { event: id, date: day, value, state, identifier, error }
    }
}
