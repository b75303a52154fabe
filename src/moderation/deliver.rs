//! Delivers webhooks (row V10): claims what is due, renders it, sends it signed, and records how it went.
//!
//! At least once: a crash after the receiver took it sends it again, with the same `webhook-id`. The body is rendered anew for each try, so
//! that its links are fresh. What is due by when, and what a failure means, is `touchstone_core::webhook`'s to say.

mod body;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use touchstone_core::{
    causes::chain,
    time::Timestamp,
    webhook::{Heard, Outcome, asked_to_wait},
};
use touchstone_net::post::PostError;
use touchstone_store::{Attempt, Due, Recorded, Tried};

use crate::road::Road;

/// How long an idle deliverer waits before it looks again without having been told.
const IDLE: Duration = Duration::from_secs(1);

/// How long it rests after the database failed it.
const TROUBLE: Duration = Duration::from_secs(2);

/// What a delivery may take beside the request: rendering it, and writing down how it went.
const MARGIN: Duration = Duration::from_secs(5);

/// Sends what waits, so much at once.
#[derive(Clone)]
pub struct Deliverer {
    road: Road,
    permits: Arc<Semaphore>,
}

impl Deliverer {
    /// A deliverer over this node's road.
    #[must_use]
    pub fn new(road: Road) -> Self {
        let permits = Arc::new(Semaphore::new(road.settings().webhooks.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        Self { road, permits }
    }

    /// Delivers until `stop` is cancelled, then waits for what is under way.
    ///
    /// # Errors
    /// Never by itself: a database that fails is waited for.
    pub async fn run_until(self, stop: CancellationToken) -> anyhow::Result<()> {
        let running = TaskTracker::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.round(&running, &stop).await {
                tracing::error!(error = format!("{error:#}"), "deliveries could not be claimed; trying again");
                stop.run_until_cancelled(tokio::time::sleep(TROUBLE)).await;
            }
        }
        running.close();
        running.wait().await;
        Ok(())
    }

    /// Fills every free place with a delivery, or waits until there may be one.
    async fn round(&self, running: &TaskTracker, stop: &CancellationToken) -> anyhow::Result<()> {
        let Some(free) = stop.run_until_cancelled(self.permits.acquire()).await else { return Ok(()) };
        drop(free?);
        let (free, settings) = (u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX), &self.road.settings().webhooks);
        let claimed = self.road.store().claim_deliveries(free, settings.per_endpoint, self.lease()).await?;
        if claimed.is_empty() {
            stop.run_until_cancelled(self.road.store().wait_for_delivery(IDLE)).await;
            return Ok(());
        }
        for due in claimed {
            let permit = self.permits.clone().acquire_owned().await?;
            let road = self.road.clone();
            running.spawn(async move {
                let delivery = due.lease.delivery;
                if let Err(error) = deliver(&road, due).await {
                    // The lease runs out and the delivery comes back by itself.
                    tracing::error!(%delivery, error = format!("{error:#}"), "the end of a delivery could not be recorded");
                }
                drop(permit);
                road.store().tell_deliverer();
            });
        }
        Ok(())
    }

    /// How long a delivery is this node's: longer than it can take.
    fn lease(&self) -> Duration {
        Duration::from_secs(self.road.settings().webhooks.timeout_seconds) * 3 + MARGIN
    }
}

async fn deliver(road: &Road, due: Due) -> anyhow::Result<()> {
    let (written, on) = (due.clone(), road.clone());
    // In a task of its own: whatever happens there happens to this delivery alone, and is recorded.
    let body = match tokio::spawn(async move { body::of(&on, &written).await }).await {
        Ok(Ok(Some(body))) => body,
        Ok(Ok(None)) => {
            road.store().abandon_delivery(&due.lease, "what it told of was erased").await?;
            return Ok(());
        }
        Ok(Err(error)) => return unsent(road, &due, &error).await,
        Err(panic) => return unsent(road, &due, &panic.into()).await,
    };
    let (started_at, begun) = (Timestamp::now(), Instant::now());
    let signed = due.secrets.headers(&due.event.shown(), started_at, body.as_bytes());
    let answered = match due.url.parse() {
        Ok(url) => road.poster().post(url, &signed, body.clone()).await.map_err(|error| said(&error, &due)),
        Err(_) => Err("the URL does not read".to_owned()),
    };
    let took = begun.elapsed();
    let heard = answered.as_ref().map_or(Heard::Nothing, |answer| Heard::Status(answer.status));
    let asked = answered.as_ref().ok().and_then(|answer| answer.retry_after.as_deref());
    let tried = tried(road, &due, heard.outcome(), asked);
    let (status, answer, error) = match answered {
        Ok(answer) => (Some(answer.status), Some(answer.beginning), None),
        Err(error) => (None, None, Some(error)),
    };
    let headers: serde_json::Map<_, _> = signed.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let headers = serde_json::Value::Object(headers).to_string();
    let attempt = Attempt { started_at, took, url: due.url.clone(), headers, body, status, answer, error };
    count(tried.outcome, took);
    tell(&due, road.store().record_attempt(&due.lease, attempt, tried).await?);
    Ok(())
}

/// Writes down a try that never left: so that a delivery that cannot be written ends as any other, and holds up none for ever.
async fn unsent(road: &Road, due: &Due, error: &anyhow::Error) -> anyhow::Result<()> {
    tracing::error!(delivery = %due.lease.delivery, error = format!("{error:#}"), "a delivery could not be written");
    let attempt = Attempt {
        started_at: Timestamp::now(),
        took: Duration::ZERO,
        url: due.url.clone(),
        headers: "{}".into(),
        body: String::new(),
        status: None,
        answer: None,
        error: Some("an error of ours: what was to be sent could not be written".into()),
    };
    let tried = tried(road, due, Outcome::Unsent, None);
    count(tried.outcome, attempt.took);
    tell(due, road.store().record_attempt(&due.lease, attempt, tried).await?);
    Ok(())
}

/// What a try means and what follows.
fn tried(road: &Road, due: &Due, outcome: Outcome, retry_after: Option<&str>) -> Tried {
    let (settings, now) = (&road.settings().webhooks, Timestamp::now());
    let asked = retry_after.and_then(|header| asked_to_wait(header, now));
    let wait = settings.retries.wait(due.failed + 1, rand::random(), asked);
    let patience = Duration::from_secs(settings.disable_after_days * 86_400);
    Tried { outcome, again_at: wait.map(|wait| now + wait), patience }
}

/// What the endpoint's owner is told. The rest is for the log: it may tell of our network.
fn said(error: &PostError, due: &Due) -> String {
    tracing::debug!(webhook = %due.webhook, delivery = %due.lease.delivery, error = %chain(error), "a delivery was not answered");
    error.to_string()
}

fn count(outcome: Outcome, took: Duration) {
    let outcome = match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Gone => "gone",
        Outcome::Failed => "failed",
        Outcome::Unsent => "unsent",
    };
    metrics::counter!("touchstone_webhook_attempts_total", "outcome" => outcome).increment(1);
    metrics::histogram!("touchstone_webhook_attempt_seconds").record(took.as_secs_f64());
}

/// The notice of an endpoint that gets nothing any more; its owner sees it in the API.
fn tell(due: &Due, recorded: Recorded) {
    match recorded {
        Recorded::Yes => {}
        Recorded::Lost => tracing::warn!(webhook = %due.webhook, delivery = %due.lease.delivery, "a delivery's lease was lost"),
        Recorded::Disabled(why) => {
            metrics::counter!("touchstone_webhooks_disabled_total", "reason" => why.name()).increment(1);
            tracing::warn!(webhook = %due.webhook, organization = %due.organization, reason = why.name(), "a webhook was disabled");
        }
    }
}
