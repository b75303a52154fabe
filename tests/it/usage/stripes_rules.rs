//! B4: what Stripe may do to a call, and that every document is still counted once: lost answers, its 24 hours, its 35 days.

use std::time::Duration;

use serde_json::json;
use touchstone_core::time::Timestamp;

use super::{CUSTOMER, Reef, ago, today};
use crate::support::{
    TestApp, audit, ledger,
    stripe::{Fault, KEY, Stripe},
};

// B4
#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again_within_the_call() {
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Status(429),
        Fault::Status(500),
        Fault::Status(503),
        Fault::AcceptThen(500),
        Fault::Slow(Duration::from_millis(1200)),
    ] {
        let reef = Reef::new().await;
        reef.used(ago(1), 5).await;
        reef.used(ago(2), 6).await;
        reef.stripe.fail(&[fault]);
        assert_eq!(reef.sent(ago(5), ago(1)).await, 11, "{fault:?}");
        assert_eq!((reef.stripe.total(), reef.stripe.asked("POST")), (11, 3), "{fault:?}");
    }
}

// B4
#[tokio::test]
async fn what_goes_on_failing_waits_for_the_next_call_and_is_told() {
    let reef = Reef::new().await;
    for days in 1..=3 {
        reef.used(ago(days), 2).await;
    }
    reef.stripe.fail(&[Fault::DropAfter, Fault::DropBefore, Fault::Status(503)]);
    let told = reef.spoiled(ago(5), ago(1)).await;
    assert!(told.contains("Stripe answered 503") && told.contains("6 units in 3 meter events wait"), "{told}");
    let usage = reef.usage(ago(5), today()).await;
    assert_eq!((&usage["total_documents"], &usage["sent"], &usage["pending"]), (&json!(6), &json!(0), &json!(6)), "{usage}");
    reef.used(ago(3), 1).await;
    let answer = reef.sync(ago(5), ago(1)).await;
    assert_eq!((&answer["value_sent_to_stripe"], reef.stripe.total()), (&json!(7), 7), "{answer}");
}

// B4
#[tokio::test]
async fn an_unfinished_call_is_finished_under_its_name() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    let named = json!({ "start_date": ago(2), "end_date": ago(1), "idempotency_id": "again" });
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.call(named.clone()).await.refused(500, "Usage could not be sent to Stripe");
    reef.used(ago(1), 1).await;
    let answer = reef.call(named.clone()).await.ok();
    assert_eq!((&answer["total_documents"], &answer["value_sent_to_stripe"]), (&json!(4), &json!(4)), "{answer}");
    assert_eq!(reef.call(named).await.ok(), answer);
    assert_eq!(reef.stripe.total(), 4);
}

// B4
#[tokio::test]
async fn an_identifier_that_is_taken_is_ours_only_if_we_tried_before() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.spoiled(ago(1), ago(1)).await;
    // As after a restored backup: Stripe has our identifier, and nobody here remembers to have sent it.
    let identifier = ledger::column(&reef.app.database, "SELECT identifier AS v FROM meter_event").await.remove(0);
    reef.stripe.count(&identifier, CUSTOMER, 9, ago(1).start().seconds());
    audit::execute(&reef.app.database, "UPDATE meter_event SET attempts = 0, first_attempt_at = NULL").await;
    reef.spoiled(ago(1), ago(1)).await;
    assert_eq!(reef.states().await, ["doubtful"]);
    assert_eq!(reef.usage(ago(1), today()).await["not_sent"], 4);
    let answer = reef.sync(ago(1), ago(1)).await;
    assert_eq!(answer["value_sent_to_stripe"], 0, "it is left to people");
    assert!(answer["message"].as_str().unwrap().contains("Not sent: 4 of"), "{answer}");
    assert_eq!(reef.stripe.total(), 9);
}

// B4
#[tokio::test]
async fn after_a_day_stripes_sums_are_asked_before_anything_is_sent_again() {
    for (fault, state, total) in [(Fault::DropAfter, "sent", 4 + 3), (Fault::DropBefore, "sent", 4 + 3)] {
        let reef = Reef::new().await;
        reef.used(ago(3), 3).await;
        reef.sync(ago(4), ago(1)).await;
        reef.used(ago(3), 4).await;
        reef.stripe.fail(&[fault, Fault::Status(500), Fault::Status(500)]);
        reef.spoiled(ago(4), ago(1)).await;
        reef.hours_pass(25).await;
        let (before, counted) = (reef.stripe.asked("POST"), reef.stripe.total());
        assert_eq!(reef.sent(ago(4), ago(1)).await, 4, "{fault:?}");
        assert_eq!(reef.stripe.asked("POST") - before, usize::from(counted == 3), "{fault:?}: sent again only if it was not there");
        assert_eq!((reef.states().await[1].as_str(), reef.stripe.total()), (state, total), "{fault:?}");
    }
}

// B4
#[tokio::test]
async fn a_sum_that_fits_neither_way_leaves_the_event_to_people() {
    let reef = Reef::new().await;
    reef.used(ago(3), 4).await;
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.spoiled(ago(4), ago(1)).await;
    reef.stripe.count("of another program", CUSTOMER, 1, ago(3).start().seconds());
    reef.hours_pass(25).await;
    reef.spoiled(ago(4), ago(1)).await;
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["doubtful".to_owned()], 1));
}

// B4
#[tokio::test]
async fn sums_that_have_not_caught_up_are_not_believed() {
    let reef = Reef::new().await;
    reef.used(ago(3), 4).await;
    reef.stripe.fail(&[Fault::DropAfter, Fault::Status(500), Fault::Status(500)]);
    reef.spoiled(ago(4), ago(1)).await;
    reef.hours_pass(25).await;
    // Another of the same day was sent a moment ago, as only a lost lease could let it happen; the sums do not show it yet.
    reef.stripe.lag();
    let sent = "INSERT INTO meter_event SELECT 99, organization_id, day, 2, to_entry, to_entry + 1, 2, 0, 2, 0, customer, meter, 'other', \
                'sent', 1, frozen_at, {now}, {now}, NULL, sync_id FROM meter_event";
    audit::execute(&reef.app.database, &sent.replace("{now}", &Timestamp::now().0.to_string())).await;
    reef.stripe.count("other", CUSTOMER, 2, ago(3).start().seconds());
    let told = reef.spoiled(ago(4), ago(1)).await;
    assert!(told.contains("must catch up"), "{told}");
    assert_eq!(reef.states().await, ["pending", "sent"]);
    reef.hours_pass(2).await;
    reef.stripe.catch_up();
    assert_eq!(reef.sent(ago(4), ago(1)).await, 4);
    assert_eq!(reef.stripe.total(), 6);
}

// B4
#[tokio::test]
async fn what_is_older_than_stripe_takes_is_told_and_never_sent() {
    let reef = Reef::new().await;
    reef.used(ago(60), 7).await;
    reef.used(ago(30), 2).await;
    let answer = reef.sync(ago(61), ago(1)).await;
    assert_eq!((&answer["total_documents"], &answer["value_sent_to_stripe"]), (&json!(9), &json!(2)), "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains(&format!("Not sent: 7 of {} (older than the 35 days", ago(60))), "{message}");
    assert_eq!((reef.states().await, reef.stripe.asked("POST")), (vec!["expired".to_owned(), "sent".to_owned()], 1));
    let again = reef.sync(ago(61), ago(1)).await;
    assert!(again["message"].as_str().unwrap().contains("Not sent: 7 of"), "{again}");
    assert_eq!(reef.usage(ago(61), today()).await["not_sent"], 7);
}

// B4
#[tokio::test]
async fn what_stripe_refuses_is_kept_aside_and_the_rest_is_sent() {
    let reef = Reef::new().await;
    reef.used(ago(2), 2).await;
    reef.used(ago(1), 3).await;
    reef.stripe.fail(&[Fault::Status(400)]);
    let told = reef.spoiled(ago(5), ago(1)).await;
    assert!(told.contains("Sent 3 units in 1 meter event. Not sent: 2 of") && told.contains("Stripe answered 400"), "{told}");
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["refused".to_owned(), "sent".to_owned()], 3));
}

// B4
#[tokio::test]
async fn wrong_settings_refuse_no_event() {
    let stripe = Stripe::start();
    for (key, meter, why) in [("sk_test_wrong", super::super::support::stripe::METER, "answered 401"), (KEY, "typo", "no active meter")] {
        let fake = stripe.clone();
        let app = TestApp::with(move |config| {
            super::configure(&fake)(config);
            config.stripe.secret_key = key.to_owned().into();
            config.stripe.meter_event_name = meter.to_owned();
        });
        let client = super::metered(&app).await;
        let reef = Reef { app, stripe: stripe.clone(), client };
        reef.used(ago(1), 3).await;
        let told = reef.spoiled(ago(2), ago(1)).await;
        assert!(told.contains(why), "{told}");
        assert_eq!((reef.states().await, reef.stripe.asked("POST")), (vec!["pending".to_owned()], 0));
    }
}
