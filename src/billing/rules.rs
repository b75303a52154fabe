//! What may be done next with an event, from what is known of it. Pure: every rule about Stripe's memory and patience is here.

use std::time::Duration;

use touchstone_core::time::Timestamp;
use touchstone_store::{MeterEvent, MeterEventState, SETTLED_AFTER};

/// How long Stripe surely tells a repeat by its identifier: 24 hours by its word, less one for clocks and slow requests.
const REMEMBERED: Duration = Duration::from_secs(23 * 3600);

/// How old an event may be for Stripe: 35 days by its word, less ten minutes for the same.
const TAKEN: Duration = Duration::from_secs(35 * 86_400 - 600);

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send it.
    Send,
    /// It may have been accepted so long ago that a repeat would be counted twice: ask Stripe's sums first.
    Ask,
    /// Stripe would not take it, and has not taken it.
    Expire,
}

/// What Stripe's sums say about an event that may have been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It was counted.
    There,
    /// It was not.
    NotThere,
    /// The sum is neither that with it nor that without it.
    Between,
    /// The sum may not have caught up with what was sent, or perhaps sent, just now.
    TooEarly,
}

/// The moment that the event is stamped with: in its day, and the same in every attempt.
pub(crate) fn stamp(event: &MeterEvent) -> Timestamp {
    event.day.nearest(event.frozen_at)
}

/// Whether Stripe still takes an event of this age.
pub(crate) fn is_taken(event: &MeterEvent, now: Timestamp) -> bool {
    stamp(event) > now - TAKEN
}

/// What to do with a pending event.
pub(crate) fn next(event: &MeterEvent, now: Timestamp) -> Step {
    match event.first_attempt_at.filter(|_| event.unanswered > 0) {
        Some(first) if first < now - REMEMBERED || !is_taken(event, now) => Step::Ask,
        Some(_) => Step::Send,
        None if is_taken(event, now) => Step::Send,
        None => Step::Expire,
    }
}

/// Compares Stripe's sum of the customer's day with what is known of the events of that day, the one that is asked about among them.
/// Where another sender has ended it meanwhile, the answer is worth nothing, and what follows from it is not written.
pub(crate) fn compare(same_day: &[MeterEvent], stripe: i64, now: Timestamp) -> Compared {
    let just_now = |at: Option<Timestamp>| at.is_some_and(|at| at > now - SETTLED_AFTER);
    if same_day.iter().any(|other| just_now(other.sent_at) || (may_be_there(other) && just_now(other.last_attempt_at))) {
        return Compared::TooEarly;
    }
    let sum = |of: fn(&MeterEvent) -> bool| same_day.iter().filter(|other| of(other)).map(|other| other.value).sum::<i64>();
    let sent = sum(|other| other.state == MeterEventState::Sent);
    let unsure = sum(may_be_there);
    match stripe - sent {
        0 => Compared::NotThere,
        rest if rest == unsure => Compared::There,
        _ => Compared::Between,
    }
}

fn may_be_there(event: &MeterEvent) -> bool {
    event.state == MeterEventState::Doubtful || (event.state == MeterEventState::Pending && event.unanswered > 0)
}

#[cfg(test)]
mod tests {
    use touchstone_core::{day::Day, ids::OrganizationId};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        Day(20_000).start() + HOUR * 12
    }

    /// An event of so many days ago, first tried so many hours ago.
    fn event(days: i32, tried: Option<u32>) -> MeterEvent {
        MeterEvent {
            id: 1,
            organization: OrganizationId::random(),
            day: Day(20_000 - days),
            value: 5,
            customer: "cus_1".into(),
            meter: "documents".into(),
            identifier: "one".into(),
            state: MeterEventState::Pending,
            attempts: i32::from(tried.is_some()),
            frozen_at: now(),
            first_attempt_at: tried.map(|hours| now() - HOUR * hours),
            last_attempt_at: tried.map(|hours| now() - HOUR * hours),
            unanswered: i32::from(tried.is_some()),
            sent_at: None,
            error: None,
        }
    }

    #[test]
    fn what_may_be_counted_already_is_asked_about_before_it_is_sent_again() {
        // B4
        for (days, tried, step) in [
            (0, None, Step::Send),
            (34, None, Step::Send),
            // Stamped with the end of its day, it is not 35 days old at noon.
            (35, None, Step::Send),
            (36, None, Step::Expire),
            (90, None, Step::Expire),
            (1, Some(0), Step::Send),
            (1, Some(22), Step::Send),
            (1, Some(24), Step::Ask),
            (40, Some(2), Step::Ask),
            (40, Some(500), Step::Ask),
        ] {
            assert_eq!(next(&event(days, tried), now()), step, "{days} days old, tried {tried:?} hours ago");
        }
        let declined = |days| MeterEvent { unanswered: 0, ..event(days, Some(30)) };
        assert_eq!((next(&declined(1), now()), next(&declined(40), now())), (Step::Send, Step::Expire), "Stripe said that it took none");
    }

    #[test]
    fn an_event_is_stamped_inside_its_day_and_never_ahead_of_its_freeze() {
        // B4: a range over the end of a month must not land in one invoice.
        assert_eq!(stamp(&event(0, None)), now());
        assert_eq!(stamp(&event(3, None)).seconds(), Day(19_997).end().seconds() - 1);
    }

    #[test]
    fn stripes_sum_says_whether_an_event_was_counted() {
        // B4
        let asked = event(3, Some(30));
        let sent = |value, hours: u32| MeterEvent {
            id: 2,
            value,
            state: MeterEventState::Sent,
            sent_at: Some(now() - HOUR * hours),
            ..event(3, Some(hours))
        };
        let doubtful = MeterEvent { id: 3, value: 2, state: MeterEventState::Doubtful, ..event(3, Some(30)) };
        let untried = MeterEvent { id: 4, value: 9, ..event(3, None) };
        // First tried long ago, and again just now.
        let perhaps =
            |again: Option<u32>| MeterEvent { last_attempt_at: again.map(|hours| now() - HOUR * hours), id: 5, ..event(3, Some(30)) };
        let compared = |others: &[MeterEvent], stripe| {
            let all: Vec<MeterEvent> = others.iter().cloned().chain([asked.clone()]).collect();
            compare(&all, stripe, now())
        };
        for (others, stripe, answer) in [
            (vec![], 5, Compared::There),
            (vec![], 0, Compared::NotThere),
            (vec![], 3, Compared::Between),
            (vec![sent(7, 20)], 12, Compared::There),
            (vec![sent(7, 20)], 7, Compared::NotThere),
            (vec![sent(7, 20)], 5, Compared::Between),
            (vec![sent(7, 0)], 12, Compared::TooEarly),
            (vec![doubtful.clone()], 7, Compared::There),
            (vec![doubtful.clone()], 5, Compared::Between),
            (vec![doubtful], 0, Compared::NotThere),
            (vec![untried], 5, Compared::There),
            (vec![perhaps(Some(0))], 0, Compared::TooEarly),
            (vec![perhaps(Some(2))], 0, Compared::NotThere),
        ] {
            assert_eq!(compared(&others, stripe), answer, "{} others, Stripe says {stripe}", others.len());
        }
    }
}
