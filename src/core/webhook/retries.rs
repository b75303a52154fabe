//! What a receiver's answer means, and when a delivery that failed is tried again.

use std::time::Duration;

use chrono::DateTime;

use crate::time::Timestamp;

/// By how much of its length a wait may be shorter, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// What a receiver let us hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An answer with this status.
    Status(u16),
    /// Nothing: no connection, or no answer in time.
    Nothing,
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has it.
    Delivered,
    /// It wants nothing any more: 410.
    Gone,
    /// It may take it later.
    Failed,
    /// It was never asked: what it should have been told could not be written. The endpoint has no part in it.
    Unsent,
}

impl Heard {
    /// Only 2xx is success: a redirect is not followed, for it would lead signed data somewhere else.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Status(200..=299) => Outcome::Delivered,
            Self::Status(410) => Outcome::Gone,
            Self::Status(_) | Self::Nothing => Outcome::Failed,
        }
    }
}

/// How long a delivery waits before each further try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries(Vec<Duration>);

impl Retries {
    /// These waits, one a retry.
    #[must_use]
    pub const fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    /// How long to wait after so many tries that failed; `None`: there is none left.
    ///
    /// `chance` from 0 to 1 shortens the wait by up to a fifth. A receiver that asked for more time gets it, but no more than the
    /// longest of these waits.
    #[must_use]
    pub fn wait(&self, failed: u32, chance: f64, asked: Option<Duration>) -> Option<Duration> {
        let wait = *self.0.get(usize::try_from(failed.checked_sub(1)?).ok()?)?;
        let longest = self.0.iter().max().copied().unwrap_or(wait);
        Some(wait.mul_f64(1.0 - JITTER * chance.clamp(0.0, 1.0)).max(asked.unwrap_or_default().min(longest)))
    }
}

/// What a `Retry-After` asks for: seconds, or a moment. `None`: nothing that can be understood.
#[must_use]
pub fn asked_to_wait(header: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = DateTime::parse_from_rfc2822(header.trim()).ok()?;
    Some(Duration::from_millis(u64::try_from(moment.timestamp_millis().saturating_sub(now.0)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;

    fn ordinary() -> Retries {
        Retries::new([MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, 17 * HOUR].map(Duration::from_secs).to_vec())
    }

    #[test]
    fn only_an_answer_of_200_to_299_is_success() {
        // V10
        for status in [200, 201, 204, 299] {
            assert_eq!(Heard::Status(status).outcome(), Outcome::Delivered, "{status}");
        }
        for status in [100, 199, 300, 301, 302, 307, 400, 404, 429, 500, 503] {
            assert_eq!(Heard::Status(status).outcome(), Outcome::Failed, "{status}");
        }
        assert_eq!((Heard::Status(410).outcome(), Heard::Nothing.outcome()), (Outcome::Gone, Outcome::Failed));
    }

    #[test]
    fn there_are_five_retries_within_a_day_whatever_chance_says() {
        // V10
        for chance in [0.0, 0.5, 1.0] {
            let waits: Vec<Duration> = (1..).map_while(|failed| ordinary().wait(failed, chance, None)).collect();
            assert_eq!(waits.len(), 5);
            assert!(waits.is_sorted() && waits.iter().sum::<Duration>() < Duration::from_secs(24 * HOUR), "{waits:?}");
        }
        assert_eq!(ordinary().wait(1, 0.0, None), Some(Duration::from_secs(60)));
        assert_eq!(ordinary().wait(1, 1.0, None), Some(Duration::from_secs(48)));
        assert_eq!(ordinary().wait(0, 0.5, None), None, "nothing has failed");
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_bounds() {
        // V10
        let wait = |asked| ordinary().wait(1, 0.0, Some(Duration::from_secs(asked)));
        assert_eq!(wait(600), Some(Duration::from_secs(600)));
        assert_eq!(wait(5), Some(Duration::from_secs(60)), "not sooner than without");
        assert_eq!(wait(u64::MAX), Some(Duration::from_secs(17 * HOUR)));
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_moment() {
        let now = Timestamp::from_seconds(784_111_717); // Sun, 06 Nov 1994 08:48:37 GMT
        assert_eq!(asked_to_wait(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(asked_to_wait("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(asked_to_wait("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(asked_to_wait(nonsense, now), None, "{nonsense}");
        }
    }
}
