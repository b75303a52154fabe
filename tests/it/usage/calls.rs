//! T18, B4: the call itself, who may make it, for which days, and that no document is in two of them.

use serde_json::json;
use touchstone_core::{credit::Credits, day::Day, time::Timestamp};

use super::{CUSTOMER, JOB_SECRET, Reef, ago, call, metered, today};
use crate::support::{TestApp, app::Org, audit, pictures};

// T18
#[tokio::test]
async fn the_job_secret_comes_before_everything_else() {
    let reef = Reef::new().await;
    let nobody = uuid::Uuid::new_v4().to_string();
    for organization in [reef.client.organization.as_str(), nobody.as_str(), "nonsense"] {
        for secret in [None, Some(""), Some("another"), Some("the secret of backend job")] {
            call(&reef.client, organization, secret, json!({})).await.refused(401, "Invalid job secret");
        }
    }
    let days = json!({ "start_date": today(), "end_date": today() });
    call(&reef.client, &nobody, Some(JOB_SECRET), days.clone()).await.refused(404, "Organization not found");
    let unset = TestApp::spawn();
    let client = metered(&unset).await;
    for secret in [None, Some(""), Some(JOB_SECRET)] {
        call(&client, &client.organization, secret, days.clone()).await.refused(401, "Invalid job secret");
    }
}

// T18
#[tokio::test]
async fn only_an_organisation_that_is_metered_and_paid_for_is_billed() {
    let reef = Reef::new().await;
    let days = json!({ "start_date": today(), "end_date": today() });
    let prepaid = reef.app.client().await;
    call(&prepaid, &prepaid.organization, Some(JOB_SECRET), days.clone()).await.refused(400, "Organization is not metered");
    let unpaid = reef.app.client_of(Org { metered: true, credits: Credits::default(), ..Org::default() }).await;
    call(&unpaid, &unpaid.organization, Some(JOB_SECRET), days.clone()).await.refused(400, "Organization has no Stripe customer");
    let alone = TestApp::with(|config| config.security.job_secret = JOB_SECRET.to_owned().into());
    let client = metered(&alone).await;
    let answer = call(&client, &client.organization, Some(JOB_SECRET), days).await;
    let told = answer.refused(500, "Stripe could not be asked");
    assert!(told.contains("stripe.secret_key is not set"), "{told}");
}

// B4
#[tokio::test]
async fn a_range_must_make_sense() {
    let reef = Reef::new().await;
    for (body, fields) in [
        (json!({}), vec!["start_date", "end_date"]),
        (json!({ "start_date": "yesterday", "end_date": "2026-11-31" }), vec!["start_date", "end_date"]),
        (json!({ "start_date": 5, "end_date": today(), "idempotency_id": "" }), vec!["start_date", "idempotency_id"]),
    ] {
        assert_eq!(reef.call(body).await.unprocessable(), fields);
    }
    for (first, last) in [(ago(1), ago(2)), (ago(-1), ago(-1)), (ago(92), today())] {
        reef.call(json!({ "start_date": first, "end_date": last })).await.refused(400, "Invalid date range");
    }
    assert_eq!(reef.sent(ago(91), ago(-400)).await, 0, "a future end is clipped");
}

// T18, B4
#[tokio::test]
async fn a_call_sends_what_was_used_once_and_stamps_each_day_inside_it() {
    let reef = Reef::new().await;
    for (days, units) in [(33, 4), (20, 1), (20, 2), (1, 5)] {
        reef.used(ago(days), units).await;
    }
    let answer = reef.sync(ago(34), ago(1)).await;
    let expected = json!({
        "success": true, "organization_id": reef.client.organization, "total_documents": 12, "value_sent_to_stripe": 12,
        "report_date": today(), "message": "Sent 12 units in 3 meter events.",
    });
    assert_eq!(answer, expected);
    let days: Vec<(Day, i64)> =
        reef.stripe.counted().iter().map(|one| (Day::of(Timestamp::from_seconds(one.timestamp)), one.value)).collect();
    assert_eq!(days, [(ago(33), 4), (ago(20), 3), (ago(1), 5)]);
    assert!(reef.stripe.counted().iter().all(|one| one.customer == CUSTOMER));
    let again = reef.sync(ago(34), ago(1)).await;
    assert_eq!((&again["total_documents"], &again["value_sent_to_stripe"]), (&json!(12), &json!(0)), "{again}");
    assert_eq!(again["message"], "Nothing new to send.");
    assert_eq!(reef.stripe.asked("POST"), 3);
}

// B4
#[tokio::test]
async fn overlapping_ranges_never_count_a_document_twice() {
    let reef = Reef::new().await;
    for days in 1..=10 {
        reef.used(ago(days), 10 + i64::from(days)).await;
    }
    assert_eq!(reef.sent(ago(6), ago(3)).await, 16 + 15 + 14 + 13);
    assert_eq!(reef.sent(ago(8), ago(5)).await, 18 + 17);
    reef.used(ago(6), 100).await;
    assert_eq!(reef.sent(ago(5), ago(1)).await, 12 + 11);
    let last = reef.sync(ago(10), ago(1)).await;
    assert_eq!((&last["total_documents"], &last["value_sent_to_stripe"]), (&json!(255), &json!(139)), "{last}");
    assert_eq!(reef.stripe.total(), 255);
}

// B4
#[tokio::test]
async fn a_name_is_answered_the_same_and_for_its_own_range_only() {
    let reef = Reef::new().await;
    reef.used(ago(2), 3).await;
    let named = |first: Day, last: Day| json!({ "start_date": first, "end_date": last, "idempotency_id": "november" });
    let first = reef.call(named(ago(3), ago(-5))).await.ok();
    assert_eq!(first["value_sent_to_stripe"], 3);
    reef.used(ago(2), 4).await;
    assert_eq!(reef.call(named(ago(3), ago(-5))).await.ok(), first);
    reef.call(named(ago(4), ago(-5))).await.refused(400, "idempotency_id already used");
    assert_eq!(reef.stripe.total(), 3, "a replay sends nothing");
    let other = metered(&reef.app).await;
    let answer = call(&other, &other.organization, Some(JOB_SECRET), named(ago(9), ago(1))).await.ok();
    assert_eq!(answer["total_documents"], 0, "a name is its organisation's own");
    assert_eq!(reef.sent(ago(3), ago(1)).await, 4);
}

// B4
#[tokio::test]
async fn calls_at_the_same_time_count_no_document_twice() {
    let reef = Reef::new().await;
    for days in 1..=5 {
        reef.used(ago(days), 7).await;
    }
    let calls = (0..6).map(|_| reef.sent(ago(9), ago(1)));
    let sent: i64 = futures::future::join_all(calls).await.iter().sum();
    assert_eq!((sent, reef.stripe.total()), (35, 35));
}

// B3, B4, T13
#[tokio::test]
async fn documents_of_a_metered_organisation_are_counted_and_later_ones_belong_to_the_next_call() {
    let reef = Reef::new().await;
    for seed in 0..2 {
        assert_eq!(reef.client.judge("photo.jpg", pictures::jpeg(seed)).await["status"], "done");
    }
    let broken = [&pictures::jpeg(9)[..600], &[0; 2000]].concat();
    assert_eq!(reef.client.judge("broken.jpg", broken).await["status"], "failed");
    let store = reef.app.store().await;
    let (_, test) = store.create_key(reef.client.organization.parse().unwrap(), true).await.unwrap();
    let test = reef.client.with_key(secrecy::ExposeSecret::expose_secret(&test));
    assert_eq!(test.judge("photo.jpg", pictures::jpeg(5)).await["status"], "done");
    assert_eq!(reef.sent(ago(1), ago(-1)).await, 2, "neither what failed nor what a test key sent");
    assert_eq!(reef.client.judge("photo.jpg", pictures::jpeg(3)).await["status"], "done");
    let usage = reef.usage(ago(1), today()).await;
    assert_eq!((&usage["total_documents"], &usage["sent"], &usage["pending"]), (&json!(3), &json!(2), &json!(1)), "{usage}");
    assert_eq!(reef.sent(ago(1), today()).await, 1);
    assert_eq!(reef.stripe.total(), 3);
}

// B3
#[tokio::test]
async fn what_was_paid_with_credits_is_not_billed_again() {
    let reef = Reef::new().await;
    let client = reef.app.client().await;
    client.judge("photo.jpg", pictures::jpeg(1)).await;
    let set = "metered = true, stripe_customer_id = 'cus_reef'";
    audit::set_organization(&reef.app.database, client.organization.parse().unwrap(), set).await;
    client.judge("photo.jpg", pictures::jpeg(2)).await;
    let days = json!({ "start_date": ago(1), "end_date": today() });
    let answer = call(&client, &client.organization, Some(JOB_SECRET), days).await.ok();
    assert_eq!((&answer["total_documents"], &answer["value_sent_to_stripe"]), (&json!(1), &json!(1)), "{answer}");
    let usage = client.get_keyed(&format!("/organizations/{}/usage", client.organization)).await.ok();
    let told = (&usage["total_documents"], &usage["prepaid"], &usage["sent"], &usage["pending"]);
    assert_eq!(told, (&json!(2), &json!(1), &json!(1), &json!(0)), "{usage}");
}

// B5
#[tokio::test]
async fn refunds_are_netted_in_the_next_window_and_what_was_sent_stays() {
    let reef = Reef::new().await;
    reef.used(ago(3), 5).await;
    assert_eq!(reef.sent(ago(4), ago(1)).await, 5);
    reef.used(ago(3), -8).await;
    let answer = reef.sync(ago(4), ago(1)).await;
    assert_eq!((&answer["total_documents"], &answer["value_sent_to_stripe"]), (&json!(-3), &json!(0)), "{answer}");
    let usage = reef.usage(ago(4), today()).await;
    assert_eq!((&usage["total_documents"], &usage["sent"], &usage["credit_due"]), (&json!(-3), &json!(5), &json!(8)), "{usage}");
    reef.used(ago(2), 6).await;
    reef.used(ago(1), 10).await;
    assert_eq!(reef.sent(ago(4), ago(1)).await, 8, "6 and 10, and 8 taken off");
    assert_eq!(reef.stripe.total(), 13, "5 + 6 + 10 - 8");
    assert_eq!(reef.usage(ago(4), today()).await["credit_due"], 0);
}
