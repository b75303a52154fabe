//! Frozen use: no row of the ledger in two windows, no attempt with two owners, no end written twice.

use touchstone_core::{day::Day, ids::OrganizationId, time::Timestamp};

use super::{Fixture, on_every_database};
use crate::{AttemptEnd, Decision, Freeze, Frozen, MeterEvent, MeterEventState, UsageSync};

on_every_database!(
    a_row_of_the_ledger_is_frozen_once_however_many_freeze_at_once,
    an_attempt_has_one_owner_and_an_event_one_end,
    a_repeat_is_ours_only_after_an_earlier_attempt,
    what_people_decide_is_sent_under_another_identifier,
);

fn freezing(organization: OrganizationId) -> Freeze {
    let now = Timestamp::now();
    let (customer, meter) = ("cus_1".to_owned(), "documents".to_owned());
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
    assert_eq!(f.store.end_attempt(event.id, AttemptEnd::Accepted, now).await.expect("end"), MeterEventState::Sent);
    let late = f.store.end_attempt(event.id, AttemptEnd::Refused("too late".into()), now).await.expect("end");
    assert_eq!(late, MeterEventState::Sent);
    assert_eq!(f.store.begin_attempt(&first, false, now).await.expect("begin"), None, "it has ended");
}

// B4
async fn a_repeat_is_ours_only_after_an_earlier_attempt(f: Fixture) {
    for (attempts, state) in [(1, MeterEventState::Doubtful), (2, MeterEventState::Sent)] {
        let mut event = pending(&f).await;
        for _ in 0..attempts {
            event = f.store.begin_attempt(&event, false, Timestamp::now()).await.expect("begin").expect("mine");
        }
        assert_eq!(f.store.end_attempt(event.id, AttemptEnd::Duplicate, Timestamp::now()).await.expect("end"), state);
    }
}

// B5
async fn what_people_decide_is_sent_under_another_identifier(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    assert_eq!(f.store.decide_meter_event(event.id, Decision::Again, now).await.expect("decide"), None, "it waits for nobody");
    let event = f.store.begin_attempt(&event, false, now).await.expect("begin").expect("mine");
    f.store.end_attempt(event.id, AttemptEnd::Refused("no".into()), now).await.expect("end");
    let again = f.store.decide_meter_event(event.id, Decision::Again, now).await.expect("decide").expect("in question");
    assert_eq!((again.state, again.attempts, again.first_attempt_at), (MeterEventState::Pending, 0, None));
    assert_ne!(again.identifier, event.identifier);
}
