//! Frozen use: no row of the ledger in two windows, no attempt with two owners, no end written twice.

use sea_orm::{ConnectionTrait, EntityTrait};
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, time::Timestamp};

use super::{Fixture, fixture::MINUTE, on_every_database};
use crate::{AttemptEnd, Decision, Doubt, Freeze, Frozen, MeterEvent, MeterEventState, Report, UsageSync, entities::usage_sync};

on_every_database!(
    a_row_of_the_ledger_is_frozen_once_however_many_freeze_at_once,
    an_attempt_has_one_owner_and_an_event_one_end,
    what_a_repeat_is_told_means_depends_on_the_attempts_before,
    a_repeat_is_nobodys_where_no_attempt_before_was_counted,
    a_reply_to_an_attempt_that_is_over_changes_nothing,
    what_was_used_before_a_change_is_paid_by_who_paid_before,
    a_row_that_is_stamped_ahead_of_the_change_is_paid_by_who_paid_before,
    a_prepaid_ledger_is_looked_through_once,
    a_call_does_not_end_while_something_of_it_waits,
    a_report_is_taken_once_and_leaves_decisions_alone,
    a_report_of_what_was_sent_again_is_believed_whatever_the_clocks_say,
    reports_that_meet_wait_for_each_other,
    what_people_decide_is_sent_under_another_identifier,
    what_may_have_been_counted_before_it_was_sent_elsewhere_is_not_forgotten,
    a_call_takes_over_what_waits_by_whatever_clock_it_was_frozen,
    what_was_only_ever_declined_is_in_no_doubt,
);

/// For whoever was to pay before.
const AGAIN: Decision = Decision::Again { customer: None };

fn freezing(organization: OrganizationId) -> Freeze {
    let now = Timestamp::now();
    Freeze { organization, meter: "documents".to_owned(), first: Day::of(now).plus(-1), last: Day::of(now), idempotency_id: None, now }
}

/// From now on this is who pays.
async fn paid_by(f: &Fixture, organization: OrganizationId, customer: &str) {
    let paid = |before| Organization { stripe_customer_id: Some(customer.to_owned()), ..before };
    f.store.change_organization(organization, paid).await.expect("change");
}

/// A metered organisation for which somebody pays.
async fn billed(f: &Fixture) -> OrganizationId {
    let organization = f.metered().await;
    paid_by(f, organization, "cus_1").await;
    organization
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
    let organization = billed(f).await;
    judged(f, organization).await;
    let sync = frozen(f, organization).await;
    f.store.meter_events(sync.id).await.expect("events").pop().expect("one")
}

// B4
async fn a_row_of_the_ledger_is_frozen_once_however_many_freeze_at_once(f: Fixture) {
    let organization = billed(&f).await;
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
async fn what_a_repeat_is_told_means_depends_on_the_attempts_before(f: Fixture) {
    for (earlier, duplicate, refused) in [
        (None, MeterEventState::Doubtful, MeterEventState::Refused),
        (Some(AttemptEnd::Declined("429".into())), MeterEventState::Doubtful, MeterEventState::Refused),
        (Some(AttemptEnd::Waiting("no reply".into())), MeterEventState::Sent, MeterEventState::Doubtful),
    ] {
        for (end, state) in [(AttemptEnd::Duplicate, duplicate), (AttemptEnd::Refused("400".into()), refused)] {
            let (mut event, now) = (pending(&f).await, Timestamp::now());
            if let Some(end) = earlier.clone() {
                event = begun(&f, &event).await;
                assert_eq!(f.store.end_attempt(&event, end, now).await.expect("end"), MeterEventState::Pending);
            }
            event = begun(&f, &event).await;
            assert_eq!(f.store.end_attempt(&event, end.clone(), now).await.expect("end"), state, "{earlier:?}, {end:?}");
        }
    }
}

// B4
async fn a_repeat_is_nobodys_where_no_attempt_before_was_counted(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let event = begun(&f, &event).await;
    f.store.end_attempt(&event, AttemptEnd::Waiting("no reply".into()), now).await.expect("end");
    let event = f.store.begin_attempt(&event, true, now).await.expect("begin").expect("mine");
    assert_eq!(f.store.end_attempt(&event, AttemptEnd::Duplicate, now).await.expect("end"), MeterEventState::Doubtful);
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
    paid_by(&f, id, "cus_old").await;
    assert_eq!(f.store.open_use(id).await.expect("open").pending, None, "nobody paid before: the first pays for all");
    let prepaid = |before| Organization { metered: false, stripe_customer_id: None, ..before };
    f.store.change_organization(id, prepaid).await.expect("change");
    let open = f.store.open_use(id).await.expect("open");
    assert_eq!((open.unfrozen, open.pending), (None, Some(Day::of(Timestamp::now()))));
    let sync = frozen(&f, id).await;
    let events = f.store.meter_events(sync.id).await.expect("events");
    assert_eq!(events.iter().map(|one| (one.customer.as_str(), one.meter.as_str())).collect::<Vec<_>>(), [("cus_old", "documents")]);
    assert_eq!(f.store.ever_billed().await.expect("billed").len(), 1, "it is not metered any more, but was");
}

// B4
async fn a_row_that_is_stamped_ahead_of_the_change_is_paid_by_who_paid_before(f: Fixture) {
    let id = billed(&f).await;
    judged(&f, id).await;
    let ahead = "UPDATE ledger_entry SET created_at = created_at + 86400000";
    f.store.writer().execute_unprepared(ahead).await.expect("a clock that is ahead, around midnight");
    paid_by(&f, id, "cus_next").await;
    let open = f.store.open_use(id).await.expect("open");
    assert_eq!((open.unfrozen, open.pending), (None, Some(Day::of(Timestamp::now()).plus(1))));
}

// B4
async fn a_prepaid_ledger_is_looked_through_once(f: Fixture) {
    let id = f.organization(5, 0).await;
    for metered in [true, false] {
        f.store.change_organization(id, |before| Organization { metered, ..before }).await.expect("change");
    }
    judged(&f, id).await;
    f.store.note_looked_through(id).await.expect("look");
    let newest = f.rows(id).await.pop().expect("a row").id;
    let sync = usage_sync::Entity::find().one(f.store.reader()).await.expect("sync").expect("one, of leaving the meter");
    assert_eq!((sync.clean_to, f.store.open_use(id).await.expect("open").since()), (newest, None));
}

// B4
async fn a_call_does_not_end_while_something_of_it_waits(f: Fixture) {
    let organization = billed(&f).await;
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

// B4
async fn a_report_of_what_was_sent_again_is_believed_whatever_the_clocks_say(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let event = begun(&f, &event).await;
    f.store.end_attempt(&event, AttemptEnd::Refused("no".into()), now).await.expect("end");
    let ahead = Timestamp(now.0 + 600_000);
    let again = f.store.decide_meter_event(event.id, AGAIN, "documents", ahead).await.expect("decide").expect("in question");
    let again = begun(&f, &again).await;
    f.store.end_attempt(&again, AttemptEnd::Accepted, now).await.expect("end");
    let report = Report { id: "evt_1".to_owned(), refused: vec![(again.identifier, "no customer".to_owned())], doubt: None };
    assert_eq!(f.store.take_report(&report, now).await.expect("report"), Some((1, 0)));
}

// B4
async fn reports_that_meet_wait_for_each_other(f: Fixture) {
    let mut refused = Vec::new();
    for _ in 0..12 {
        refused.push((pending(&f).await.identifier, "no customer".to_owned()));
    }
    let report = |id: &str, refused: &[(String, String)]| Report { id: id.to_owned(), refused: refused.to_vec(), doubt: None };
    let forth = report("evt_1", &refused);
    refused.reverse();
    let (back, now) = (report("evt_2", &refused), Timestamp::now());
    let (one, other) = tokio::join!(f.store.take_report(&forth, now), f.store.take_report(&back, now));
    let taken = [one, other].map(|taken| taken.expect("no deadlock").expect("new").0);
    assert_eq!(taken.iter().sum::<u64>(), 12);
}

// B5
async fn what_people_decide_is_sent_under_another_identifier(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    assert_eq!(f.store.decide_meter_event(event.id, AGAIN, "other", now).await.expect("decide"), None, "it waits for nobody");
    let event = f.store.begin_attempt(&event, false, now).await.expect("begin").expect("mine");
    f.store.end_attempt(&event, AttemptEnd::Refused("no".into()), now).await.expect("end");
    let again = f.store.decide_meter_event(event.id, AGAIN, "other", now).await.expect("decide").expect("in question");
    assert_eq!((again.state, again.attempts, again.first_attempt_at), (MeterEventState::Pending, 0, None));
    assert_ne!(again.identifier, event.identifier);
    assert_eq!(again.meter, "other", "what was wrong with the settings is right by now");
}

// B5
async fn what_may_have_been_counted_before_it_was_sent_elsewhere_is_not_forgotten(f: Fixture) {
    let pair = |customer: &str| (customer.to_owned(), "documents".to_owned());
    for (end, known) in [
        (AttemptEnd::Refused("no".into()), vec![pair("cus_2")]),
        (AttemptEnd::Doubtful("perhaps".into()), vec![pair("cus_1"), pair("cus_2")]),
    ] {
        let (event, now) = (pending(&f).await, Timestamp::now());
        for customer in [None, Some("cus_2".to_owned())] {
            let last = f.store.meter_events_waiting(event.organization, event.day, event.day).await.expect("waiting").pop();
            let last = begun(&f, &last.expect("one")).await;
            f.store.end_attempt(&last, end.clone(), now).await.expect("end");
            let again = Decision::Again { customer };
            f.store.decide_meter_event(event.id, again, "documents", now).await.expect("decide").expect("in question");
        }
        let mut used = f.store.meters_used(event.organization, event.day, event.day).await.expect("used");
        used.sort();
        assert_eq!(used, known, "{end:?}");
    }
}

// B4
async fn a_call_takes_over_what_waits_by_whatever_clock_it_was_frozen(f: Fixture) {
    let organization = billed(&f).await;
    judged(&f, organization).await;
    let freeze = freezing(organization);
    f.store.freeze(&Freeze { now: freeze.now + MINUTE, ..freeze }).await.expect("freeze of a node that is ahead");
    let sync = frozen(&f, organization).await;
    assert_eq!(f.store.meter_events(sync.id).await.expect("events").len(), 1);
    assert_eq!(f.store.end_sync(organization, &sync, "done", Timestamp::now()).await.expect("end"), None, "it waits");
}

// B4
async fn what_was_only_ever_declined_is_in_no_doubt(f: Fixture) {
    let (event, now) = (pending(&f).await, Timestamp::now());
    let doubt = Doubt { from: now - MINUTE, to: now + MINUTE, meters: None, reason: "one was refused".to_owned() };
    let report = |id: &str| Report { id: id.to_owned(), refused: Vec::new(), doubt: Some(doubt.clone()) };
    let event = begun(&f, &event).await;
    f.store.end_attempt(&event, AttemptEnd::Declined("429".into()), now).await.expect("end");
    assert_eq!(f.store.take_report(&report("evt_1"), now).await.expect("report"), Some((0, 0)), "it was never accepted");
    begun(&f, &event).await;
    assert_eq!(f.store.take_report(&report("evt_2"), now).await.expect("report"), Some((0, 1)));
}
