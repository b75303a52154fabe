//! B4: Stripe's own report that it refused what it had accepted. What it names is refused; what it does not name becomes doubtful.

use reqwest::Method;
use serde_json::{Value, json};
use touchstone_core::time::Timestamp;

use super::{Reef, ago, today};
use crate::support::{
    Answer, TestApp, ledger,
    stripe::{Stripe, WEBHOOK_SECRET},
};

const TYPE: &str = "v1.billing.meter.error_report_triggered";

/// The moment as Stripe writes it.
fn written(moment: Timestamp) -> String {
    chrono::DateTime::from_timestamp_millis(moment.0).unwrap().to_rfc3339()
}

/// A report of so many refused events, with these named.
fn report(id: &str, count: usize, named: &[String]) -> Value {
    let samples: Vec<Value> = named.iter().map(|id| json!({ "error_message": "No customer", "request": { "identifier": id } })).collect();
    let types = json!([{ "code": "meter_event_customer_not_found", "error_count": count, "sample_errors": samples }]);
    json!({
        "id": id, "object": "v2.core.event", "type": TYPE, "created": written(Timestamp::now()),
        "related_object": { "id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1" },
        "data": {
            "developer_message_summary": "There are invalid events", "reason": { "error_count": count, "error_types": types },
            "validation_start": written(Timestamp::now()), "validation_end": written(Timestamp::now()),
        },
    })
}

async fn post(url: &str, body: &str, signature: Option<String>) -> Answer {
    let client = crate::support::Client::new(url, "", "");
    let mut request = client.request(Method::POST, "/billing/stripe/events").body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    client.send(request).await
}

/// What Stripe posts: the event's id, and that it happened.
fn thin(id: &str, kind: &str) -> String {
    json!({ "id": id, "object": "v2.core.event", "type": kind, "data": { "reason": "is not believed" } }).to_string()
}

impl Reef {
    async fn told_of(&self, id: &str) -> Answer {
        let body = thin(id, TYPE);
        let signature = Stripe::signature(&body, WEBHOOK_SECRET, Timestamp::now());
        post(&self.app.url, &body, Some(signature)).await
    }

    async fn identifiers(&self) -> Vec<String> {
        ledger::column(&self.app.database, "SELECT identifier AS v FROM meter_event ORDER BY id").await
    }
}

// B4
#[tokio::test]
async fn only_stripe_is_believed() {
    let reef = Reef::new().await;
    let body = thin("evt_1", TYPE);
    let now = Timestamp::now();
    let old = Timestamp(now.0 - 400_000);
    for signature in [
        None,
        Some(String::new()),
        Some("t=1,v1=00".to_owned()),
        Some(Stripe::signature(&body, "whsec_of_another", now)),
        Some(Stripe::signature(&body, WEBHOOK_SECRET, old)),
        Some(Stripe::signature("{}", WEBHOOK_SECRET, now)),
    ] {
        post(&reef.app.url, &body, signature).await.refused(401, "Invalid signature");
    }
    let unset = TestApp::spawn();
    post(&unset.url, &body, Some(Stripe::signature(&body, "", now))).await.refused(401, "Invalid signature");
    let other = thin("evt_1", "v1.billing.meter.something_else");
    let signature = Stripe::signature(&other, WEBHOOK_SECRET, now);
    assert_eq!(post(&reef.app.url, &other, Some(signature)).await.ok(), json!({ "received": true }));
    assert_eq!(reef.stripe.asked("GET /v2"), 0, "nothing was asked for");
}

// B4
#[tokio::test]
async fn what_a_report_names_is_refused_and_the_rest_stays() {
    // By its identifier, or by the idempotency key of the request that brought it.
    for attempt in ["", ":1"] {
        let reef = Reef::new().await;
        for days in 1..=3 {
            reef.used(ago(days), i64::from(days)).await;
        }
        assert_eq!(reef.sent(ago(5), ago(1)).await, 6);
        let first = reef.identifiers().await.remove(0);
        reef.stripe.discard(&first);
        reef.stripe.has_event("evt_1", report("evt_1", 1, &[first + attempt]));
        for _ in 0..2 {
            // Stripe posts some events twice.
            assert_eq!(reef.told_of("evt_1").await.ok(), json!({ "received": true }));
        }
        assert_eq!(reef.states().await, ["refused", "sent", "sent"], "{attempt:?}");
        let usage = reef.usage(ago(5), today()).await;
        assert_eq!((&usage["sent"], &usage["not_sent"]), (&json!(3), &json!(3)), "{usage}");
    }
}

// B4
#[tokio::test]
async fn what_a_report_counts_and_does_not_name_becomes_doubtful() {
    let reef = Reef::new().await;
    reef.used(ago(4), 8).await;
    assert_eq!(reef.sent(ago(5), ago(1)).await, 8);
    reef.hours_pass(3).await;
    for days in 1..=3 {
        reef.used(ago(days), i64::from(days)).await;
    }
    assert_eq!(reef.sent(ago(5), ago(1)).await, 6);
    let named = reef.identifiers().await[1].clone();
    reef.stripe.has_event("evt_2", report("evt_2", 2, &[named, "of another program".to_owned()]));
    reef.told_of("evt_2").await.ok();
    assert_eq!(reef.states().await, ["sent", "refused", "sent", "sent"], "two were counted and two were named");
    reef.stripe.has_event("evt_3", report("evt_3", 2, &[]));
    reef.told_of("evt_3").await.ok();
    assert_eq!(reef.states().await, ["sent", "refused", "doubtful", "doubtful"], "what was sent hours before is not touched");
}

// B4
#[tokio::test]
async fn a_report_of_another_meter_is_none_of_ours() {
    let reef = Reef::new().await;
    reef.used(ago(1), 3).await;
    assert_eq!(reef.sent(ago(2), ago(1)).await, 3);
    for (meter, states) in [("mtr_0", ["sent"]), ("mtr_9", ["sent"]), ("mtr_1", ["doubtful"])] {
        let id = format!("evt_of_{meter}");
        let mut told = report(&id, 1, &[]);
        told["related_object"]["id"] = json!(meter);
        reef.stripe.has_event(&id, told);
        reef.told_of(&id).await.ok();
        assert_eq!(reef.states().await, states, "{meter}");
    }
}

// B4
#[tokio::test]
async fn a_report_that_cannot_be_fetched_is_asked_for_again() {
    let reef = Reef::new().await;
    reef.told_of("evt_4").await.refused(500, "Stripe could not be asked");
    reef.told_of("../../v1/customers").await.refused(500, "Stripe could not be asked");
    assert_eq!(reef.stripe.asked("GET /v1/customers") + reef.stripe.asked("GET /v2/core/events/../"), 0);
}
