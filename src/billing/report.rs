//! Stripe's report that it refused events which it had accepted: some are named, the rest of its window becomes doubtful (row B4).

use std::time::Duration;

use chrono::DateTime;
use serde::Deserialize;
use touchstone_core::{refusal::Refusal, time::Timestamp};
use touchstone_store::{Doubt, Report};

use crate::{Billing, signature, trouble::Trouble};

/// What Stripe posts when events of a meter, or of no meter, were refused.
const REPORTS: [&str; 2] = ["v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"];

/// How far its clock and ours may be apart.
const SLACK: Duration = Duration::from_secs(300);

/// What is posted: only what happened, and its id.
#[derive(Deserialize)]
struct Posted {
    id: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Event {
    /// The meter; none where no meter was found.
    related_object: Option<Related>,
    data: Data,
}

#[derive(Deserialize)]
struct Related {
    id: String,
}

#[derive(Deserialize)]
struct Data {
    reason: Reason,
    validation_start: String,
    validation_end: String,
}

#[derive(Deserialize)]
struct Reason {
    error_count: i64,
    #[serde(default)]
    error_types: Vec<ErrorType>,
}

#[derive(Deserialize)]
struct ErrorType {
    #[serde(default)]
    sample_errors: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    error_message: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    /// That of the event, or of the request that brought it: Stripe's documents say both.
    identifier: String,
}

impl Billing {
    /// Takes what Stripe posts. What is no report of refused events is thanked for and forgotten.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] when it is not Stripe's or no secret is set, [`Refusal::StripeUnasked`] when the event cannot be
    /// read: Stripe then posts it again.
    pub async fn take_report(&self, signature: &str, body: &[u8]) -> Result<(), Refusal> {
        if !signature::is_genuine(signature, body, &self.settings.webhook_secret, Timestamp::now()) {
            return Err(Refusal::BadSignature);
        }
        match serde_json::from_slice::<Posted>(body) {
            Ok(posted) if REPORTS.contains(&posted.r#type.as_str()) => self.apply(&posted.id).await.map_err(Trouble::told),
            Ok(posted) => {
                tracing::debug!(kind = posted.r#type, "Stripe told something that nobody here needs");
                Ok(())
            }
            Err(error) => Err(Trouble::stripe(format!("what was posted cannot be read: {error}")).told()),
        }
    }

    async fn apply(&self, id: &str) -> Result<(), Trouble> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Trouble::stripe("the event's id is none"));
        }
        // What was posted is only a hint: the event itself is asked for.
        let event = self.stripe()?.event(id).await.map_err(Trouble::stripe)?;
        let event: Event = serde_json::from_value(event).map_err(|error| Trouble::stripe(format!("the event cannot be read: {error}")))?;
        let meters = match &event.related_object {
            Some(meter) => Some(self.counting_in(&meter.id).await?),
            None => None,
        };
        if meters.as_ref().is_some_and(Vec::is_empty) {
            tracing::info!(id, "Stripe refused events of a meter that is not ours");
            return Ok(());
        }
        let report = report(id, event.data, meters)?;
        match self.store.take_report(&report, Timestamp::now()).await? {
            Some((refused, doubtful)) => {
                tracing::error!(id, refused, doubtful, "Stripe refused meter events after it had accepted them");
                let named = report.refused.len() as u64;
                if named > refused {
                    tracing::warn!(id, unknown = named - refused, "some of those that it named are not ours, or were settled before");
                }
            }
            None => tracing::debug!(id, "Stripe posted a report again"),
        }
        Ok(())
    }

    /// Which of the event names that we used a meter counts.
    async fn counting_in(&self, meter: &str) -> Result<Vec<String>, Trouble> {
        let mut names = Vec::new();
        for name in self.store.meters_ever().await? {
            if self.stripe()?.meters(&name).await.map_err(Trouble::stripe)?.iter().any(|one| one.id == meter) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

fn report(id: &str, data: Data, meters: Option<Vec<String>>) -> Result<Report, Trouble> {
    let Data { reason, validation_start, validation_end } = data;
    let samples = reason.error_types.into_iter().flat_map(|kind| kind.sample_errors);
    let refused: Vec<(String, String)> =
        samples.map(|sample| (event_named(&sample.request.identifier).to_owned(), sample.error_message)).collect();
    let unnamed = reason.error_count > i64::try_from(refused.len()).unwrap_or(i64::MAX);
    let doubt = if unnamed {
        let (from, to) = (moment(&validation_start)? - SLACK, moment(&validation_end)? + SLACK);
        let reason = format!("Stripe refused {} events of this time and did not name all", reason.error_count);
        Some(Doubt { from, to, meters, reason })
    } else {
        None
    };
    Ok(Report { id: id.to_owned(), refused, doubt })
}

/// The event that a sample means: named by its identifier, or by the idempotency key of an attempt, which is that and `:` and a number.
fn event_named(sample: &str) -> &str {
    match sample.rsplit_once(':') {
        Some((identifier, attempt)) if attempt.parse::<u32>().is_ok() => identifier,
        _ => sample,
    }
}

fn moment(text: &str) -> Result<Timestamp, Trouble> {
    let moment = DateTime::parse_from_rfc3339(text).map_err(|_| Trouble::stripe("the event's time cannot be read"))?;
    Ok(Timestamp(moment.timestamp_millis()))
}
