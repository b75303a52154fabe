//! Frozen use: no row of the ledger in two windows, no attempt with two owners, no end written twice.

use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, time::Timestamp};

use super::{Fixture, on_every_database};
use crate::{AttemptEnd, Decision, Freeze, Frozen, MeterEvent, MeterEventState, Report, UsageSync};

on_every_database!(
    a_row_of_the_ledger_is_frozen_once_however_many_freeze_at_once,
    an_attempt_has_one_owner_and_an_event_one_end,
    a_repeat_is_ours_only_if_an_earlier_attempt_may_have_been_taken,
    a_reply_to_an_attempt_that_is_over_changes_nothing,
    what_was_used_before_a_change_is_paid_by_who_paid_before,
    a_call_does_not_end_while_something_of_it_waits,
    a_report_is_taken_once_and_leaves_decisions_alone,
    what_people_decide_is_sent_under_another_identifier,
);

fn freezing(organization: OrganizationId) -> Freeze {
    let now = Timestamp::now();
    let (customer, meter) = (Some("cus_1".to_owned()), "documents".to_owned());
    Freeze { organization, customer, meter, first: Day::of(now).plus(-1), last: Day::of(now), idempotency_id: None, now }
}

async fn frozen(f: &Fixture, organization: OrganizationId) -> UsageSync {
    match f.store.freeze(&freezing(organization)).await.expect("freeze") {
        Frozen::Sync(sync) => sync,
        Frozen::OtherRange(other) => panic!("{other:?}"),
    }
}

/// A document of a metered organisation, judged.
async fn judged(f: &Fixture, organization: OrganizationId) {
    let id = f.submitted(organization).await;
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish"));
    assert!(f.store.finish_drawing(&job.lease, id).await.expect("drawn"));
}

/// The one event of one judged document.
async fn pending(f: &Fixture) -> MeterEvent {
    let organization = f.metered().await;
    judged(f, organization).await;
    let sync = frozen(f, organization).await;
    f.store.meter_events(sync.id).await.expect("events").pop().expect("one")
}

// B4
async fn a_row_of_the_ledger_is_frozen_once_however_many_freeze_at_once(f: Fixture) {
    let organization = f.metered().await;
    let mut freezers = Vec::new();
    for _ in 0..8 {
        judged(&f, organization).await;
        let (store, freeze) = (f.store.clone(), freezing(organization));
        freezers.push(tokio::spawn(async move { store.freeze(&freeze).await.expect("freeze") }));
    }
    for freezer in freezers {
        freezer.await.expect("joined");
    }
    let last = frozen(&f, organization).await;
    let values: i64 = f.store.meter_events(last.id).await.expect("events").iter().map(|event| event.value).sum();
    assert_eq!((last.total_documents, values), (8, 8), "the last one took over all that waited");
}

// B4
async fn an_attempt_has_one_owner_and_an_event_one_end(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let first = f.store.begin_attempt(&event, false, now).await.expect("begin").expect("mine");
    assert_eq!((first.attempts, first.first_attempt_at), (1, Some(now)));
    assert_eq!(f.store.begin_attempt(&event, false, now).await.expect("begin"), None, "it has begun already");
    assert_eq!(f.store.end_attempt(&first, AttemptEnd::Accepted, now).await.expect("end"), MeterEventState::Sent);
    let late = f.store.end_attempt(&first, AttemptEnd::Refused("too late".into()), now).await.expect("end");
    assert_eq!(late, MeterEventState::Sent);
    assert_eq!(f.store.begin_attempt(&first, false, now).await.expect("begin"), None, "it has ended");
}

// B4
async fn a_repeat_is_ours_only_if_an_earlier_attempt_may_have_been_taken(f: Fixture) {
    for (earlier, state) in [
        (None, MeterEventState::Doubtful),
        (Some(AttemptEnd::Declined("429".into())), MeterEventState::Doubtful),
        (Some(AttemptEnd::Waiting("no reply".into())), MeterEventState::Sent),
    ] {
        let (mut event, now) = (pending(&f).await, Timestamp::now());
        if let Some(end) = earlier.clone() {
            event = begun(&f, &event).await;
            assert_eq!(f.store.end_attempt(&event, end, now).await.expect("end"), MeterEventState::Pending);
        }
        event = begun(&f, &event).await;
        assert_eq!(f.store.end_attempt(&event, AttemptEnd::Duplicate, now).await.expect("end"), state, "{earlier:?}");
    }
}

async fn begun(f: &Fixture, event: &MeterEvent) -> MeterEvent {
    f.store.begin_attempt(event, false, Timestamp::now()).await.expect("begin").expect("mine")
}

// B4
async fn a_reply_to_an_attempt_that_is_over_changes_nothing(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let first = begun(&f, &event).await;
    let second = begun(&f, &first).await;
    let late = f.store.end_attempt(&first, AttemptEnd::Refused("late".into()), now).await.expect("end");
    assert_eq!(late, MeterEventState::Pending);
    assert_eq!(f.store.end_attempt(&second, AttemptEnd::Duplicate, now).await.expect("end"), MeterEventState::Sent, "the first was taken");
}

// B4
async fn what_was_used_before_a_change_is_paid_by_who_paid_before(f: Fixture) {
    let id = f.metered().await;
    judged(&f, id).await;
    let paid = |before| Organization { stripe_customer_id: Some("cus_old".into()), ..before };
    f.store.change_organization(id, paid).await.expect("nobody paid before: the first pays for all");
    assert_eq!(f.store.open_use(id).await.expect("open").pending, None);
    let prepaid = |before| Organization { metered: false, stripe_customer_id: None, ..before };
    f.store.change_organization(id, prepaid).await.expect("change");
    let open = f.store.open_use(id).await.expect("open");
    assert_eq!((open.unfrozen, open.pending), (None, Some(Day::of(Timestamp::now()))));
    let Frozen::Sync(sync) = f.store.freeze(&Freeze { customer: None, ..freezing(id) }).await.expect("freeze") else { panic!("no name") };
    let events = f.store.meter_events(sync.id).await.expect("events");
    assert_eq!(events.iter().map(|one| (one.customer.as_str(), one.meter.as_str())).collect::<Vec<_>>(), [("cus_old", "documents")]);
    assert_eq!(f.store.ever_billed().await.expect("billed").len(), 1, "it is not metered any more, but was");
}

// B4
async fn a_call_does_not_end_while_something_of_it_waits(f: Fixture) {
    let organization = f.metered().await;
    judged(&f, organization).await;
    let (sync, now) = (frozen(&f, organization).await, Timestamp::now());
    assert_eq!(f.store.end_sync(organization, &sync, "done", now).await.expect("end"), None);
    let event = f.store.meter_events(sync.id).await.expect("events").pop().expect("one");
    let event = begun(&f, &event).await;
    f.store.end_attempt(&event, AttemptEnd::Doubtful("perhaps".into()), now).await.expect("end");
    let end = f.store.end_sync(organization, &sync, "done", now).await.expect("end").expect("ended");
    assert_eq!((end.success, end.value_sent), (false, 0));
    f.store.decide_meter_event(event.id, Decision::Sent, "documents", now).await.expect("decide").expect("in question");
    let end = f.store.end_sync(organization, &sync, "done", now).await.expect("end").expect("ended");
    assert_eq!((end.success, end.value_sent), (true, 1), "people settled it");
}

// B4
async fn a_report_is_taken_once_and_leaves_decisions_alone(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let event = begun(&f, &event).await;
    f.store.end_attempt(&event, AttemptEnd::Accepted, now).await.expect("end");
    let refused = vec![(event.identifier.clone(), "no customer".to_owned())];
    let report = |id: &str| Report { id: id.to_owned(), refused: refused.clone(), doubt: None };
    assert_eq!(f.store.take_report(&report("evt_1"), now).await.expect("report"), Some((1, 0)));
    let later = Timestamp(now.0 + 1);
    f.store.decide_meter_event(event.id, Decision::Sent, "documents", later).await.expect("decide").expect("in question");
    assert_eq!(f.store.take_report(&report("evt_1"), later).await.expect("report"), None);
    assert_eq!(f.store.take_report(&report("evt_2"), later).await.expect("report"), Some((0, 0)), "people know better");
}

// B5
async fn what_people_decide_is_sent_under_another_identifier(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    assert_eq!(f.store.decide_meter_event(event.id, Decision::Again, "other", now).await.expect("decide"), None, "it waits for nobody");
    let event = f.store.begin_attempt(&event, false, now).await.expect("begin").expect("mine");
    f.store.end_attempt(&event, AttemptEnd::Refused("no".into()), now).await.expect("end");
    let again = f.store.decide_meter_event(event.id, Decision::Again, "other", now).await.expect("decide").expect("in question");
    assert_eq!((again.state, again.attempts, again.first_attempt_at), (MeterEventState::Pending, 0, None));
    assert_ne!(again.identifier, event.identifier);
    assert_eq!(again.meter, "other", "what was wrong with the settings is right by now");
}
