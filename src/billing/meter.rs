//! Stripe as billing needs it: take one meter event, tell a customer's daily sums, tell an error report.
//!
//! One request a call and no retries: when to try again is the sender's to decide, after it has written down that it will.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use stripe::{IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_billing::{
    BillingMeterStatus,
    billing_meter::{ListBillingMeter, RetrieveBillingMeter},
    billing_meter_event::CreateBillingMeterEvent,
    billing_meter_event_summary::{ListIdBillingMeterEventSummary, ListIdBillingMeterEventSummaryValueGroupingWindow as Window},
};
use tokio::sync::Mutex;
use touchstone_core::{causes::chain, day::Day, time::Timestamp};
use touchstone_store::MeterEvent;
use url::Url;

use crate::{Settings, WrongSettings, rules};

/// Stripe's own address.
const STRIPE: &str = "https://api.stripe.com/";

/// The version of the interface that error reports are read in, the same as the client's.
const VERSION: &str = "2026-09-30.endive";

/// Entries of one page, which is the most that Stripe gives.
const PAGE: i64 = 100;

/// What Stripe said of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has it.
    Accepted,
    /// It had one of this identifier before.
    Duplicate,
    /// It does not take it, and will not later.
    Refused(String),
    /// It had a request of this name before, with something else in it, and nobody here knows what became of that.
    Doubtful(String),
    /// It has no time now, and took nothing.
    Declined(String),
    /// Nobody knows what it said, or what it did before it said it.
    Unknown(String),
    /// It lets nobody in, or knows no such door: no event would fare better.
    Closed(String),
}

/// A connection to Stripe.
pub(crate) struct Stripe {
    client: stripe::Client,
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    meter_id: String,
    meter_event_name: String,
    /// Event names of which a meter was active when it was asked for last.
    active: Mutex<HashSet<String>>,
}

/// One of Stripe's meters.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) id: String,
    active: bool,
}

impl Stripe {
    /// Reads the settings; `None` where no secret key is set.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Self>, WrongSettings> {
        let base = if settings.api_base.is_empty() { STRIPE } else { &settings.api_base };
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        let base = Url::parse(base).ok().filter(usable);
        let mut base = base.ok_or_else(|| WrongSettings::new("api_base", "must be https://host or http://host:port"))?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        if settings.attempts == 0 || settings.timeout_seconds == 0 {
            let key = if settings.attempts == 0 { "attempts" } else { "timeout_seconds" };
            return Err(WrongSettings::new(key, "must be 1 or more"));
        }
        let key = settings.secret_key.expose_secret();
        if key.is_empty() {
            return Ok(None);
        }
        if settings.meter_event_name.is_empty() {
            return Err(WrongSettings::new("meter_event_name", "is empty; it must name one of your meters"));
        }
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let client = stripe::ClientBuilder::new(key).url(base.as_str()).timeout(timeout).build();
        let client = client.map_err(|_| WrongSettings::new("secret_key", "may hold only visible ASCII characters"))?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(timeout).build();
        let http = http.map_err(|error| WrongSettings::new("api_base", chain(&error)))?;
        Ok(Some(Self {
            client,
            http,
            base,
            key: settings.secret_key.clone(),
            meter_id: settings.meter_id.clone(),
            meter_event_name: settings.meter_event_name.clone(),
            active: Mutex::default(),
        }))
    }

    /// Sends one event. `attempt` makes the request's own idempotency key: a later attempt is a request of its own, and only the
    /// identifier keeps it from being counted twice. Stripe's reports may name the event by that key.
    pub(crate) async fn send(&self, event: &MeterEvent) -> Said {
        let payload =
            HashMap::from([("stripe_customer_id".to_owned(), event.customer.clone()), ("value".to_owned(), event.value.to_string())]);
        let key = match IdempotencyKey::new(format!("{}:{}", event.identifier, event.attempts)) {
            Ok(key) => key,
            Err(error) => return Said::Refused(error.to_string()),
        };
        let request = CreateBillingMeterEvent::new(&event.meter, payload)
            .identifier(&event.identifier)
            .timestamp(rules::stamp(event).seconds())
            .customize()
            .request_strategy(RequestStrategy::Idempotent(key));
        match request.send(&self.client).await {
            Ok(_) => Said::Accepted,
            Err(error) => said(&error),
        }
    }

    /// What Stripe counted for a customer, by day. Days without any are missing.
    pub(crate) async fn sums(&self, meter: &str, customer: &str, first: Day, last: Day) -> Result<BTreeMap<Day, i64>, String> {
        let mut days = BTreeMap::new();
        let meters = self.meters(meter).await?;
        if meters.is_empty() {
            return Err(no_meter(meter));
        }
        for meter in meters {
            let mut from = first;
            while from <= last {
                // As many days as one page has.
                let to = from.plus(PAGE as i32 - 1).min(last);
                self.add_sums(&meter.id, customer, from, to, &mut days).await?;
                from = to.plus(1);
            }
        }
        Ok(days)
    }

    async fn add_sums(&self, id: &str, customer: &str, from: Day, to: Day, days: &mut BTreeMap<Day, i64>) -> Result<(), String> {
        let list = ListIdBillingMeterEventSummary::new(id, customer, to.end().seconds(), from.start().seconds());
        let page = list.value_grouping_window(Window::Day).limit(PAGE).send(&self.client).await.map_err(|error| told(&error))?;
        for sum in page.data {
            // Whole by construction: only whole values are sent.
            *days.entry(Day::of(Timestamp::from_seconds(sum.start_time))).or_default() += sum.aggregated_value.round() as i64;
        }
        Ok(())
    }

    /// Which meters are active is asked anew: one may have been closed meanwhile.
    pub(crate) async fn look_again(&self) {
        self.active.lock().await.clear();
    }

    /// Whether a meter takes events of this name, as of the last [`Stripe::look_again`]; otherwise why not.
    pub(crate) async fn takes(&self, event_name: &str) -> Result<(), String> {
        let mut active = self.active.lock().await;
        if active.contains(event_name) {
            return Ok(());
        }
        let named = event_name == self.meter_event_name && !self.meter_id.is_empty();
        let meters = if named { vec![self.named().await?] } else { self.meters(event_name).await? };
        if !meters.iter().any(|meter| meter.active) {
            return Err(no_meter(event_name));
        }
        active.insert(event_name.to_owned());
        Ok(())
    }

    /// The meter that the settings name by its id.
    async fn named(&self) -> Result<Meter, String> {
        let meter = RetrieveBillingMeter::new(self.meter_id.as_str()).send(&self.client).await.map_err(|error| told(&error))?;
        if meter.event_name != self.meter_event_name {
            return Err(format!(
                "Stripe's meter {} counts events named \"{}\", not \"{}\" (stripe.meter_id, stripe.meter_event_name)",
                self.meter_id, meter.event_name, self.meter_event_name
            ));
        }
        Ok(Meter { id: self.meter_id.clone(), active: meter.status == BillingMeterStatus::Active })
    }

    /// The meters that count events of this name, or did: at most one of them is active. One may have been replaced by another a
    /// moment ago, so they are asked for anew.
    pub(crate) async fn meters(&self, event_name: &str) -> Result<Vec<Meter>, String> {
        let mut list = ListBillingMeter::new().limit(PAGE);
        let mut meters = Vec::new();
        loop {
            let page = list.send(&self.client).await.map_err(|error| told(&error))?;
            for meter in page.data.iter().filter(|meter| meter.event_name == event_name) {
                meters.push(Meter { id: meter.id.as_str().to_owned(), active: meter.status == BillingMeterStatus::Active });
            }
            match page.data.last().filter(|_| page.has_more) {
                Some(last) => list = list.starting_after(last.id.as_str()),
                None => return Ok(meters),
            }
        }
    }

    /// An event of the second version of the interface, whole: what is posted to us holds only its id.
    pub(crate) async fn event(&self, id: &str) -> Result<serde_json::Value, String> {
        let url = self.base.join(&format!("v2/core/events/{id}")).map_err(|error| error.to_string())?;
        let request = self.http.get(url).bearer_auth(self.key.expose_secret()).header("Stripe-Version", VERSION);
        let unreachable = |error: reqwest::Error| format!("Stripe did not answer: {}", chain(&error.without_url()));
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(format!("Stripe answered {}", response.status()));
        }
        response.json().await.map_err(unreachable)
    }
}

fn no_meter(event_name: &str) -> String {
    format!("Stripe has no active meter for events named \"{event_name}\" (stripe.meter_event_name)")
}

/// What an error says of the event that was sent.
fn said(error: &StripeError) -> Said {
    let StripeError::Stripe(details, status) = error else { return Said::Unknown(told(error)) };
    let code = details.code.as_ref().map_or("", |code| code.as_str());
    let message = details.message.as_deref().unwrap_or_default();
    let known = matches!(code, "duplicate_meter_event" | "resource_already_exists") || message.contains("already exists");
    match status {
        400 | 409 if known => Said::Duplicate,
        400 if details.type_.as_str() == "idempotency_error" => Said::Doubtful(told(error)),
        401 | 403 | 404 => Said::Closed(told(error)),
        429 => Said::Declined(told(error)),
        408 | 409 | 424 | 425 | 500.. => Said::Unknown(told(error)),
        _ => Said::Refused(told(error)),
    }
}

/// An error in one line, without what the client would print beside it.
fn told(error: &StripeError) -> String {
    match error {
        StripeError::Stripe(details, status) => {
            format!("Stripe answered {status}: {}", details.message.as_deref().unwrap_or_else(|| details.type_.as_str()))
        }
        StripeError::Timeout => "Stripe did not answer in time".to_owned(),
        StripeError::ClientError(_) => "Stripe could not be reached, or broke off its answer".to_owned(),
        other => format!("Stripe's answer cannot be read: {other}"),
    }
}
