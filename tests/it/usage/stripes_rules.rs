//! B4: what Stripe may do to a call, and that every document is still counted once: lost answers, its 24 hours, its 35 days.

use std::time::Duration;

use serde_json::json;
use touchstone_billing::{Billing, Period, SyncRequest};
use touchstone_core::{ids::OrganizationId, time::Timestamp};
use touchstone_store::Decision;

use super::{CUSTOMER, JOB_SECRET, Reef, ago, today};
use crate::support::{
    audit, ledger,
    stripe::{CLOSED, Fault, KEY, METER},
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
    audit::execute(&reef.app.database, "UPDATE meter_event SET attempts = 0, unanswered = 0, first_attempt_at = NULL").await;
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
async fn a_refusal_of_a_repeat_leaves_to_people_what_may_have_been_counted_before() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    reef.stripe.fail(&[Fault::DropAfter, Fault::Status(400)]);
    let told = reef.spoiled(ago(1), ago(1)).await;
    assert!(told.contains("perhaps counted by Stripe already"), "{told}");
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["doubtful".to_owned()], 4));
}

// B4
#[tokio::test]
async fn a_request_that_stripe_had_before_with_something_else_in_it_is_left_to_people() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    assert_eq!(reef.sent(ago(1), ago(1)).await, 4);
    // As after a restored backup and a change of payer: nobody here remembers that it was sent.
    let forgotten = "UPDATE meter_event SET state = 'pending', attempts = 0, unanswered = 0, first_attempt_at = NULL, \
                     last_attempt_at = NULL, sent_at = NULL, customer = 'cus_next'";
    audit::execute(&reef.app.database, forgotten).await;
    reef.spoiled(ago(1), ago(1)).await;
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["doubtful".to_owned()], 4));
}

// B4
#[tokio::test]
async fn a_repeat_that_stripe_knows_and_has_not_in_its_sums_is_left_to_people() {
    let reef = Reef::new().await;
    reef.used(ago(3), 4).await;
    reef.stripe.fail(&[Fault::DropAfter, Fault::Status(500), Fault::Status(500)]);
    reef.spoiled(ago(4), ago(1)).await;
    // It refuses it after all, tells nobody, and remembers the identifier longer than it must.
    let identifier = ledger::column(&reef.app.database, "SELECT identifier AS v FROM meter_event").await.remove(0);
    reef.stripe.discard(&identifier);
    reef.hours_pass(23).await;
    reef.spoiled(ago(4), ago(1)).await;
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["doubtful".to_owned()], 0));
}

// B4, B5
#[tokio::test]
async fn a_meter_that_was_replaced_under_its_name_is_asked_as_well_as_the_new_one() {
    let reef = Reef::new().await;
    reef.used(ago(3), 3).await;
    assert_eq!(reef.sent(ago(4), ago(1)).await, 3);
    reef.stripe.replace_meter();
    reef.used(ago(3), 4).await;
    reef.stripe.fail(&[Fault::DropAfter, Fault::Status(500), Fault::Status(500)]);
    reef.spoiled(ago(4), ago(1)).await;
    reef.hours_pass(25).await;
    assert_eq!((reef.sent(ago(4), ago(1)).await, reef.stripe.total()), (4, 7), "it is there, and is not sent again");
    let mut named = reef.app.config.stripe.clone();
    named.meter_id = "mtr_3".to_owned();
    let billing = Billing::open(reef.app.store().await, &named, &JOB_SECRET.to_owned().into()).unwrap();
    let books = billing.reconcile(OrganizationId(reef.id()), Period { first: ago(4), last: today() }).await.unwrap();
    assert_eq!(books.apart, 0, "{books:?}");
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
                'sent', 1, frozen_at, {now}, {now}, NULL, sync_id, {now}, 0, NULL FROM meter_event";
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
async fn what_stripe_surely_did_not_take_is_no_earlier_attempt() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    reef.stripe.fail(&[Fault::Status(429); 3]);
    reef.spoiled(ago(1), ago(1)).await;
    let identifier = ledger::column(&reef.app.database, "SELECT identifier AS v FROM meter_event").await.remove(0);
    reef.stripe.count(&identifier, CUSTOMER, 9, ago(1).start().seconds());
    let told = reef.spoiled(ago(1), ago(1)).await;
    assert!(told.contains("touchstone admin usage decide"), "to call again does not help: {told}");
    assert_eq!(reef.states().await, ["doubtful"]);
}

// B4
#[tokio::test]
async fn wrong_settings_refuse_no_event() {
    let reef = Reef::new().await;
    let store = reef.app.store().await;
    let organization = OrganizationId(reef.id());
    reef.used(ago(1), 3).await;
    for (key, meter, id, why) in [
        ("sk_test_wrong", METER, "", "answered 401"),
        (KEY, "typo", "", "no active meter"),
        (KEY, CLOSED, "", "no active meter"),
        (KEY, "typo", "mtr_1", "counts events named"),
    ] {
        let mut wrong = reef.app.config.stripe.clone();
        (wrong.secret_key, wrong.meter_event_name, wrong.meter_id) = (key.to_owned().into(), meter.to_owned(), id.to_owned());
        let billing = Billing::open(store.clone(), &wrong, &JOB_SECRET.to_owned().into()).unwrap();
        let request = SyncRequest { organization, first: ago(2), last: ago(1), idempotency_id: None };
        let told = billing.sync(request).await.unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
        assert_eq!((reef.states().await, reef.stripe.asked("POST")), (vec![], 0), "nothing is frozen for it");
    }
    // As an older version froze it, or settings that were right when it was frozen.
    reef.stripe.fail(&[Fault::Status(429); 3]);
    reef.spoiled(ago(2), ago(1)).await;
    audit::execute(&reef.app.database, "UPDATE meter_event SET meter = 'typo', identifier = 'of the typo'").await;
    assert_eq!(reef.sent(ago(2), ago(1)).await, 3, "the right settings send it");
    let billing = Billing::open(store.clone(), &reef.app.config.stripe, &JOB_SECRET.to_owned().into()).unwrap();
    let books = billing.reconcile(organization, Period { first: ago(2), last: today() }).await.unwrap();
    assert_eq!((books.apart, books.in_question.len(), books.waiting.len(), reef.stripe.total()), (0, 0, 0, 3), "{books:?}");
}

// B4
#[tokio::test]
async fn a_meter_that_is_closed_while_the_server_runs_refuses_no_event() {
    let reef = Reef::new().await;
    reef.used(ago(2), 3).await;
    assert_eq!(reef.sent(ago(3), ago(1)).await, 3);
    reef.stripe.close_meter();
    reef.used(ago(2), 4).await;
    let told = reef.call(json!({ "start_date": ago(3), "end_date": ago(1) })).await.refused(500, "Stripe could not be asked");
    assert!(told.contains("no active meter"), "{told}");
    assert_eq!((reef.states().await, reef.stripe.asked("POST")), (vec!["sent".to_owned()], 1), "nothing is frozen for it");
}

// B4
#[tokio::test]
async fn what_stripe_never_takes_keeps_nothing_back_for_long() {
    let reef = Reef::new().await;
    for days in 1..=3 {
        reef.used(ago(days), i64::from(days)).await;
    }
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.spoiled(ago(4), ago(1)).await;
    let oldest = ledger::column(&reef.app.database, "SELECT identifier AS v FROM meter_event ORDER BY id").await.remove(0);
    reef.stripe.chokes_on(&oldest);
    let told = reef.spoiled(ago(4), ago(1)).await;
    assert!(told.contains("3 units in 1 meter event wait"), "{told}");
    assert_eq!((reef.states().await, reef.stripe.total()), (["pending", "sent", "sent"].map(str::to_owned).to_vec(), 3));
}

// B4
#[tokio::test]
async fn what_waits_for_another_meter_keeps_nothing_back() {
    let reef = Reef::new().await;
    reef.used(ago(3), 2).await;
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.spoiled(ago(3), ago(3)).await;
    audit::execute(&reef.app.database, &format!("UPDATE meter_event SET meter = '{CLOSED}'")).await;
    reef.used(ago(2), 5).await;
    let told = reef.spoiled(ago(4), ago(1)).await;
    assert!(told.contains("no active meter") && told.contains("2 units in 1 meter event wait"), "{told}");
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["pending".to_owned(), "sent".to_owned()], 5));
    // Too old to be sent in the end: the sums of the closed meter still tell that it never was.
    let back = "UPDATE meter_event SET day = day - 60, frozen_at = frozen_at - 5184000000 WHERE state = 'pending'";
    audit::execute(&reef.app.database, back).await;
    reef.hours_pass(3).await;
    reef.sync(ago(64), ago(1)).await;
    assert_eq!(reef.states().await, ["expired", "sent"]);
}

// B4
#[tokio::test]
async fn a_named_call_that_left_something_to_people_is_finished_when_they_have_decided() {
    let reef = Reef::new().await;
    reef.used(ago(1), 4).await;
    let named = json!({ "start_date": ago(2), "end_date": ago(1), "idempotency_id": "decided" });
    reef.stripe.fail(&[Fault::Status(400)]);
    for _ in 0..2 {
        let told = reef.call(named.clone()).await.refused(500, "Usage could not be sent to Stripe");
        assert!(told.contains("touchstone admin usage decide"), "{told}");
    }
    let store = reef.app.store().await;
    let billing = Billing::open(store.clone(), &reef.app.config.stripe, &JOB_SECRET.to_owned().into()).unwrap();
    let event = ledger::column(&reef.app.database, "SELECT CAST(id AS TEXT) AS v FROM meter_event").await.remove(0).parse().unwrap();
    // What was wrong was the customer.
    billing.decide(event, Decision::Again { customer: Some("cus_right".to_owned()) }).await.unwrap().unwrap();
    let answer = reef.call(named.clone()).await.ok();
    assert_eq!((&answer["value_sent_to_stripe"], &reef.stripe.counted()[0].customer), (&json!(4), &"cus_right".to_owned()), "{answer}");
    // A replay is answered as it was, whatever has become of the organisation.
    audit::set_organization(&reef.app.database, reef.id(), "metered = false, stripe_customer_id = NULL").await;
    assert_eq!(reef.call(named).await.ok(), answer);
}
