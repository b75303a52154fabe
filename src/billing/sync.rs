//! One call: freeze what is settled, send what is frozen, and say what became of it (rows T18, B4).

use std::{fmt::Write, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, sleep};
use touchstone_core::{day::Day, ids::OrganizationId, refusal::Refusal, time::Timestamp};
use touchstone_store::{Freeze, Frozen, MeterEvent, MeterEventState, SyncEnd, UsageSync};
use uuid::Uuid;

use crate::{Billing, Period, trouble::Trouble};

/// How long a call waits for those before it, beside what a dead one's lease may last.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a call looks whether the one before it is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    /// Whose use.
    pub organization: OrganizationId,
    /// The first day.
    pub first: Day,
    /// The last day, included.
    pub last: Day,
    /// The caller's name for this call: the same name and range are answered the same.
    pub idempotency_id: Option<String>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Always true: what fails is a refusal.
    pub success: bool,
    /// Whose use.
    pub organization_id: OrganizationId,
    /// Net use of the range, as far as it is billed by use.
    pub total_documents: i64,
    /// What this call sent of it.
    pub value_sent_to_stripe: i64,
    /// The day on which it was frozen.
    pub report_date: Day,
    /// The same in words, and what could not be sent.
    pub message: String,
}

impl Billing {
    /// Sends what is settled in a range of days and was not sent yet. May be repeated at will, also after a crash at any moment.
    ///
    /// # Errors
    /// [`Refusal::NoSuchOrganization`], [`Refusal::NotMetered`], [`Refusal::NoStripeCustomer`], [`Refusal::WrongPeriod`],
    /// [`Refusal::IdempotencyReused`]; [`Refusal::StripeFailed`] when something waits or was refused; [`Refusal::Busy`] while
    /// another call for the organisation is at work.
    pub async fn sync(&self, request: SyncRequest) -> Result<SyncReport, Refusal> {
        self.try_sync(request).await.map_err(Trouble::told)
    }

    async fn try_sync(&self, request: SyncRequest) -> Result<SyncReport, Trouble> {
        let organization = self.known(request.organization).await?;
        if !organization.metered {
            return Err(Refusal::NotMetered.into());
        }
        let customer = organization.stripe_customer_id.ok_or(Refusal::NoStripeCustomer)?;
        Period::asked(request.first, request.last, Day::of(Timestamp::now()))?;
        self.stripe()?;
        let holder = Uuid::new_v4().to_string();
        self.take(request.organization, &holder).await?;
        let report = self.freeze_and_send(&request, customer, &holder).await;
        if let Err(error) = self.store.release_lease(&lease(request.organization), &holder).await {
            // What was sent is sent: the next call only waits a little longer.
            tracing::warn!(%error, "the lease of a sync was not given back");
        }
        report
    }

    async fn freeze_and_send(&self, request: &SyncRequest, customer: String, holder: &str) -> Result<SyncReport, Trouble> {
        let freeze = Freeze {
            organization: request.organization,
            customer,
            meter: self.settings.meter_event_name.clone(),
            first: request.first,
            last: request.last,
            idempotency_id: request.idempotency_id.clone(),
            now: Timestamp::now(),
        };
        let sync = match self.store.freeze(&freeze).await? {
            Frozen::Sync(sync) => sync,
            Frozen::OtherRange(other) => {
                return Err(Refusal::IdempotencyReused { first: other.first.to_string(), last: other.last.to_string() }.into());
            }
        };
        let end = match &sync.ended {
            Some(end) => end.clone(),
            None => self.send_all(request, &sync, holder).await?,
        };
        if !end.success {
            return Err(Trouble::stripe(end.message));
        }
        Ok(SyncReport {
            success: true,
            organization_id: request.organization,
            total_documents: sync.total_documents,
            value_sent_to_stripe: end.value_sent,
            report_date: Day::of(sync.frozen_at),
            message: end.message,
        })
    }

    /// Oldest first, and no further than the first that waits: if Stripe does not take one now, it takes none.
    async fn send_all(&self, request: &SyncRequest, sync: &UsageSync, holder: &str) -> Result<SyncEnd, Trouble> {
        let mut pending: Vec<MeterEvent> = self.store.meter_events(sync.id).await?;
        pending.retain(|event| event.state == MeterEventState::Pending);
        for at in 0..pending.len() {
            let waits = match self.no_meter(&pending[at]).await? {
                Some(why) => Some(why),
                None => self.deliver(pending[at].clone(), holder).await?,
            };
            if let Some(why) = waits {
                let left = &pending[at..];
                let units: i64 = left.iter().map(|event| event.value).sum();
                return Err(Trouble::stripe(format!("{why}. {} wait; the next call sends them", counted(units, left.len()))));
            }
        }
        let events = self.store.meter_events(sync.id).await?;
        let lost = |event: &MeterEvent| matches!(event.state, MeterEventState::Refused | MeterEventState::Doubtful);
        let message = self.message(request, &events).await?;
        Ok(self.store.end_sync(sync.id, !events.iter().any(lost), &message, Timestamp::now()).await?)
    }

    /// Why nothing can be sent to the event's meter: a name that no meter has would turn every event into a refused one.
    async fn no_meter(&self, event: &MeterEvent) -> Result<Option<String>, Trouble> {
        Ok(self.stripe()?.meter(&event.meter).await.err())
    }

    async fn message(&self, request: &SyncRequest, events: &[MeterEvent]) -> Result<String, Trouble> {
        let sent: Vec<i64> = events.iter().filter(|event| event.state == MeterEventState::Sent).map(|event| event.value).collect();
        let mut message =
            if sent.is_empty() { "Nothing new to send.".to_owned() } else { format!("Sent {}.", counted(sent.iter().sum(), sent.len())) };
        for event in self.store.meter_events_in_question(request.organization, request.first, request.last).await? {
            let why = match event.state {
                MeterEventState::Expired => "older than the 35 days that Stripe takes",
                MeterEventState::Doubtful => "perhaps counted by Stripe already",
                _ => event.error.as_deref().unwrap_or("refused by Stripe"),
            };
            write!(message, " Not sent: {} of {} ({why}).", event.value, event.day).expect("a string takes everything");
        }
        Ok(message)
    }

    /// Waits until no other call for the organisation is at work.
    async fn take(&self, organization: OrganizationId, holder: &str) -> Result<(), Trouble> {
        let deadline = Instant::now() + self.lease_span() + PATIENCE;
        while !self.store.take_lease(&lease(organization), holder, self.lease_span()).await? {
            if Instant::now() > deadline {
                return Err(Refusal::Busy { retry_after: self.lease_span() }.into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Keeps the lease for the next attempt. One that was lost does no harm: attempts are compared and set.
    pub(crate) async fn keep(&self, event: &MeterEvent, holder: &str) -> Result<(), Trouble> {
        if !self.store.take_lease(&lease(event.organization), holder, self.lease_span()).await? {
            tracing::warn!(organization = %event.organization, "another call took over while this one was slow");
        }
        Ok(())
    }

    /// As long as one attempt may take, twice.
    fn lease_span(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds.saturating_mul(2))
    }
}

fn lease(organization: OrganizationId) -> String {
    format!("usage_sync:{organization}")
}

fn counted(units: i64, events: usize) -> String {
    let (unit, event) = (if units == 1 { "unit" } else { "units" }, if events == 1 { "meter event" } else { "meter events" });
    format!("{units} {unit} in {events} {event}")
}
