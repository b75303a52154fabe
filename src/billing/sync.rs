//! One call: freeze what is settled, send what is frozen, and say what became of it (rows T18, B4).

use std::{collections::HashSet, fmt::Write, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, sleep};
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, refusal::Refusal, time::Timestamp};
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
    /// [`Refusal::IdempotencyReused`]; [`Refusal::StripeUnasked`], [`Refusal::UsageWaits`] or [`Refusal::UsageInQuestion`] when not
    /// all was sent; [`Refusal::Busy`] while another call for the organisation is at work.
    pub async fn sync(&self, request: SyncRequest) -> Result<SyncReport, Refusal> {
        self.try_sync(request).await.map_err(Trouble::told)
    }

    /// The daily round for one organisation: every full day that Stripe takes, and whatever waits from before.
    ///
    /// # Errors
    /// As [`Billing::sync`].
    pub async fn sync_round(&self, organization: OrganizationId) -> Result<SyncReport, Refusal> {
        self.try_round(organization).await.map_err(Trouble::told)
    }

    async fn try_round(&self, organization: OrganizationId) -> Result<SyncReport, Trouble> {
        let organization = self.known(organization).await?;
        self.must_be_billed(&organization).await?;
        let Period { first, last } = Period::round(Day::of(Timestamp::now()));
        let open = self.store.open_use(organization.id).await?;
        let first = open.since().map_or(first, |since| since.min(first));
        self.run(SyncRequest { organization: organization.id, first, last, idempotency_id: None }).await
    }

    /// A call that ended well is answered as it was, whatever has become of the organisation; one that did not goes on.
    async fn try_sync(&self, request: SyncRequest) -> Result<SyncReport, Trouble> {
        let organization = self.known(request.organization).await?;
        let known = match &request.idempotency_id {
            Some(name) => self.store.usage_sync(request.organization, name).await?,
            None => None,
        };
        match &known {
            Some(other) if (other.first, other.last) != (request.first, request.last) => return Err(other_range(other)),
            Some(known) => {
                if let Some(end) = known.ended.as_ref().filter(|end| end.success) {
                    return Ok(report(&request, known, end.clone()));
                }
            }
            None => {
                self.must_be_billed(&organization).await?;
                Period::asked(request.first, request.last, Day::of(Timestamp::now()))?;
            }
        }
        self.run(request).await
    }

    async fn must_be_billed(&self, organization: &Organization) -> Result<(), Trouble> {
        match self.is_billed(organization).await? {
            true => Ok(()),
            false if organization.metered => Err(Refusal::NoStripeCustomer.into()),
            false => Err(Refusal::NotMetered.into()),
        }
    }

    /// One call at a time for an organisation.
    async fn run(&self, request: SyncRequest) -> Result<SyncReport, Trouble> {
        self.stripe()?;
        let holder = Uuid::new_v4().to_string();
        self.take(request.organization, &holder).await?;
        let report = self.freeze_and_send(&request, &holder).await;
        if let Err(error) = self.store.release_lease(&lease(request.organization), &holder).await {
            // What was sent is sent: the next call only waits a little longer.
            tracing::warn!(%error, "the lease of a sync was not given back");
        }
        report
    }

    async fn freeze_and_send(&self, request: &SyncRequest, holder: &str) -> Result<SyncReport, Trouble> {
        let meter = self.settings.meter_event_name.clone();
        let stripe = self.stripe()?;
        stripe.look_again().await;
        // Before anything is frozen for it.
        stripe.takes(&meter).await.map_err(Trouble::stripe)?;
        let &SyncRequest { organization, first, last, .. } = request;
        let now = Timestamp::now();
        let freeze = Freeze { organization, meter, first, last, idempotency_id: request.idempotency_id.clone(), now };
        let sync = match self.store.freeze(&freeze).await? {
            Frozen::Sync(sync) => sync,
            Frozen::OtherRange(other) => return Err(other_range(&other)),
        };
        let end = match &sync.ended {
            Some(end) if end.success => end.clone(),
            _ => self.send_all(request, &sync, holder).await?,
        };
        if end.success { Ok(report(request, &sync, end)) } else { Err(Refusal::UsageInQuestion { reason: end.message }.into()) }
    }

    /// What was tried least comes first, so that one that Stripe never takes keeps nothing back for long. Where a meter takes one of its
    /// events not now, it takes none; those of other meters go on.
    async fn send_all(&self, request: &SyncRequest, sync: &UsageSync, holder: &str) -> Result<SyncEnd, Trouble> {
        let mut closed: HashSet<String> = HashSet::new();
        let (mut why, mut waiting) = (None, Vec::new());
        let mut events = self.store.meter_events(sync.id).await?;
        events.sort_by_key(|event| event.attempts);
        for event in events {
            if event.state != MeterEventState::Pending {
                continue;
            }
            if closed.contains(&event.meter) {
                waiting.push(event.value);
            } else if let Some(wait) = self.deliver(event.clone(), holder).await? {
                why.get_or_insert(wait.why);
                waiting.push(event.value);
                if wait.all {
                    closed.insert(event.meter);
                }
            }
        }
        if let Some(why) = why {
            let reason = format!("{why}. {} wait", counted(waiting.iter().sum(), waiting.len()));
            return Err(Refusal::UsageWaits { reason }.into());
        }
        let message = self.message(request, &self.store.meter_events(sync.id).await?).await?;
        let end = self.store.end_sync(request.organization, sync, &message, Timestamp::now()).await?;
        end.ok_or_else(|| Refusal::UsageWaits { reason: "Another call is sending some of these days' use".into() }.into())
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

fn other_range(other: &UsageSync) -> Trouble {
    Refusal::IdempotencyReused { first: other.first.to_string(), last: other.last.to_string() }.into()
}

fn report(request: &SyncRequest, sync: &UsageSync, end: SyncEnd) -> SyncReport {
    SyncReport {
        success: true,
        organization_id: request.organization,
        total_documents: sync.total_documents,
        value_sent_to_stripe: end.value_sent,
        report_date: Day::of(sync.frozen_at),
        message: end.message,
    }
}

fn lease(organization: OrganizationId) -> String {
    format!("usage_sync:{organization}")
}

fn counted(units: i64, events: usize) -> String {
    let (unit, event) = (if units == 1 { "unit" } else { "units" }, if events == 1 { "meter event" } else { "meter events" });
    format!("{units} {unit} in {events} {event}")
}
