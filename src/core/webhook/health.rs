//! How an endpoint fares, and what follows: a circuit breaker, so that one dead receiver costs next to nothing, and its end.

use std::time::Duration;

use crate::time::Timestamp;

/// Failures in a row after which an endpoint rests.
const PATIENCE: i32 = 5;

/// How long the first rest is; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(30);

/// How long a rest is at most: a receiver that is back shall not wait long for its events.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// How an endpoint's deliveries went lately. The default: well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Since when nothing was delivered although it was tried.
    pub failing_since: Option<Timestamp>,
    /// Failures in a row; those that a rest overtook are not counted.
    pub failures: i32,
    /// Until when it rests: its deliveries wait, and no try of theirs is used up.
    pub rests_until: Option<Timestamp>,
}

impl Health {
    /// Whether nothing is sent now.
    #[must_use]
    pub fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    /// How many deliveries may be under way at once, where `most` may if all is well: one at a time tells whether it is back.
    #[must_use]
    pub const fn at_once(&self, most: u32) -> u32 {
        if self.failures > 0 { 1 } else { most }
    }

    /// After one more failure.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        let failing_since = self.failing_since.or(Some(now));
        if self.rests(now) {
            // It was under way when the rest began.
            return Self { failing_since, ..self };
        }
        let failures = self.failures.saturating_add(1);
        let doublings = u32::try_from(failures - PATIENCE).ok();
        let rest = doublings.map(|doublings| FIRST_REST.saturating_mul(1 << doublings.min(10)).min(LONGEST_REST));
        Self { failing_since, failures, rests_until: rest.map(|rest| now + rest) }
    }

    /// Whether it has failed for so long.
    #[must_use]
    pub fn has_failed_for(&self, span: Duration, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| now >= since + span)
    }
}

/// Why an endpoint gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// It answered 410.
    Gone,
    /// It failed for days.
    Failing,
    /// Its owner wants it so.
    ByOwner,
}

impl Disabled {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Gone, Self::Failing, Self::ByOwner];

    /// The name that the API and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
            Self::ByOwner => "by_owner",
        }
    }
}

impl std::str::FromStr for Disabled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|reason| reason.name() == text).ok_or_else(|| format!("\"{text}\" is no reason"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// After so many failures, each right after the rest before it, and how long the last rest is.
    fn after(failures: u32) -> (Health, Option<Duration>) {
        let (mut health, mut now, mut rest) = (Health::default(), NOW, None);
        for _ in 0..failures {
            health = health.failed(now);
            rest = health.rests_until.map(|until| Duration::from_millis(u64::try_from(until.0 - now.0).unwrap_or(0)));
            now = health.rests_until.unwrap_or(now);
        }
        (health, rest)
    }

    #[test]
    fn a_few_failures_slow_an_endpoint_down_and_more_make_it_rest() {
        // V10
        let health = after(4).0;
        assert!(!health.rests(NOW) && health.at_once(8) == 1 && Health::default().at_once(8) == 8);
        assert_eq!(after(5).1, Some(Duration::from_secs(30)));
    }

    #[test]
    fn rests_double_and_stop_growing() {
        let rests: Vec<u64> = [5, 6, 9, 10, 40, 2000].map(|failures| after(failures).1.unwrap_or_default().as_secs()).to_vec();
        assert_eq!(rests, [30, 60, 480, 600, 600, 600]);
    }

    #[test]
    fn what_was_under_way_when_the_rest_began_does_not_lengthen_it() {
        let resting = after(5).0;
        assert_eq!(resting.failed(NOW), resting);
    }

    #[test]
    fn after_a_rest_one_delivery_tells_whether_it_is_back() {
        let health = after(5).0;
        let later = health.rests_until.expect("it rests");
        assert!(health.rests(Timestamp(later.0 - 1)) && !health.rests(later));
        assert_eq!(health.at_once(8), 1);
    }

    #[test]
    fn it_is_known_since_when_it_fails() {
        // V10: 5 days
        let (health, span) = (after(3).0, Duration::from_secs(5 * 86_400));
        assert_eq!(health.failing_since, Some(NOW));
        assert!(!health.has_failed_for(span, NOW + span - Duration::from_millis(1)) && health.has_failed_for(span, NOW + span));
        assert!(!Health::default().has_failed_for(Duration::ZERO, NOW));
    }

    #[test]
    fn a_reason_is_known_by_its_name() {
        for reason in Disabled::ALL {
            assert_eq!(reason.name().parse(), Ok(reason));
        }
    }
}
