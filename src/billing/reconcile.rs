//! The ledger against the outbox against Stripe's own sums, day by day: what should be there, and what is (row B5).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, refusal::Refusal};
use touchstone_store::DayUsage;

use crate::{Billing, InQuestion, Period, trouble::Trouble};

/// One organisation's range of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Who pays.
    pub customer: Option<String>,
    /// The first day that was compared.
    pub start_date: Day,
    /// The last day that was compared, included.
    pub end_date: Day,
    /// What Stripe has more than is due; negative where some is missing.
    pub difference: i64,
    /// The sum of all days' differences, whatever their sign: 0 only where each of them is.
    pub apart: i64,
    /// What was owed to the organisation at its last freeze, since refunds outweighed its use.
    pub credit_due: i64,
    /// Every day on which there was any use, freeze or sum.
    pub days: Vec<ReconciledDay>,
    /// Events that people must look at.
    pub in_question: Vec<InQuestion>,
    /// Events that the next call sends, with what went wrong last.
    pub waiting: Vec<InQuestion>,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciledDay {
    /// The day.
    pub date: Day,
    /// Net use, as the ledger proves it, without what was paid with credits.
    pub ledger: i64,
    /// What of it is not frozen yet.
    pub unfrozen: i64,
    /// Frozen, after debts of ours were taken off, and not sent yet.
    pub pending: i64,
    /// Sent, as far as we know.
    pub sent: i64,
    /// Frozen, and too old to be sent.
    pub expired: i64,
    /// Frozen, and not taken by Stripe.
    pub refused: i64,
    /// Frozen, and perhaps counted by Stripe.
    pub doubtful: i64,
    /// Frozen, and given up by people: not due any more.
    pub written_off: i64,
    /// What Stripe counted.
    pub stripe: i64,
    /// What Stripe counted more than is due; negative where some is missing.
    pub difference: i64,
}

impl Billing {
    /// Compares an organisation's days with Stripe's sums. Sums lag behind what Stripe accepted, by minutes.
    ///
    /// # Errors
    /// [`Refusal::NoSuchOrganization`], [`Refusal::StripeUnasked`] when Stripe does not tell, or when the state fails.
    pub async fn reconcile(&self, organization: OrganizationId, period: Period) -> Result<Reconciled, Refusal> {
        self.try_reconcile(organization, period).await.map_err(Trouble::told)
    }

    async fn try_reconcile(&self, organization: OrganizationId, period: Period) -> Result<Reconciled, Trouble> {
        let billed = self.known(organization).await?;
        let used = self.store.usage(organization, period.first, period.last).await?;
        let sums = self.sums(&billed, period).await?;
        let dates: BTreeSet<Day> = used.keys().chain(sums.keys()).copied().collect();
        let of = |date: Day| day(date, &used.get(&date).copied().unwrap_or_default(), sums.get(&date).copied().unwrap_or_default());
        let days: Vec<ReconciledDay> = dates.into_iter().map(of).collect();
        let waiting = self.store.meter_events_waiting(organization, period.first, period.last).await?;
        let in_question = self.store.meter_events_in_question(organization, period.first, period.last).await?;
        Ok(Reconciled {
            organization_id: organization,
            name: billed.name,
            customer: billed.stripe_customer_id,
            start_date: period.first,
            end_date: period.last,
            difference: days.iter().map(|day| day.difference).sum(),
            apart: days.iter().map(|day| day.difference.abs()).sum(),
            credit_due: self.store.credit_due(organization).await?,
            days,
            in_question: in_question.into_iter().map(InQuestion::from).collect(),
            waiting: waiting.into_iter().map(InQuestion::from).collect(),
        })
    }

    /// Stripe's sums of all customers and meters that the organisation's use went to, without what others sent there for the same
    /// customer.
    async fn sums(&self, billed: &Organization, period: Period) -> Result<BTreeMap<Day, i64>, Trouble> {
        let stripe = self.stripe()?;
        let now = billed.stripe_customer_id.clone().map(|customer| (customer, self.settings.meter_event_name.clone()));
        let before = self.store.meters_used(billed.id, period.first, period.last).await?;
        let pairs: BTreeSet<(String, String)> = before.into_iter().chain(now).collect();
        let mut sums = BTreeMap::new();
        for (customer, meter) in pairs {
            for (day, sum) in stripe.sums(&meter, &customer, period.first, period.last).await.map_err(Trouble::stripe)? {
                *sums.entry(day).or_default() += sum;
            }
            for (day, sent) in self.store.sent_by_others(billed.id, &customer, &meter, period.first, period.last).await? {
                *sums.entry(day).or_default() -= sent;
            }
        }
        Ok(sums)
    }
}

fn day(date: Day, used: &DayUsage, stripe: i64) -> ReconciledDay {
    ReconciledDay {
        date,
        ledger: used.units - used.prepaid,
        unfrozen: used.unfrozen(),
        pending: used.pending,
        sent: used.sent,
        expired: used.expired,
        refused: used.refused,
        doubtful: used.doubtful,
        written_off: used.written_off,
        stripe,
        difference: stripe - used.value() - used.unfrozen(),
    }
}
