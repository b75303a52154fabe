//! Moments as milliseconds since the Unix epoch, UTC: the one representation both databases store and compare alike.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment in UTC, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The system clock's present moment. A clock before 1970 reads as 1970.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The moment so many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Its month, UTC, counted from the beginning of year 0: greater means later.
    #[must_use]
    pub fn month(self) -> i64 {
        use chrono::Datelike;
        let moment = chrono::DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        i64::from(moment.year()) * 12 + i64::from(moment.month0())
    }

    /// As RFC 3339 in UTC, with milliseconds: `2026-11-21T18:00:00.000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let moment = chrono::DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// Reads RFC 3339 of any zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|moment| Self(moment.timestamp_millis()))
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(Timestamp(1_796_083_200_007).rfc3339(), "2026-12-01T00:00:00.007Z");
    }

    // B2: 00:00 UTC on the 1st.
    #[test]
    fn a_month_begins_with_its_first_millisecond() {
        let december = Timestamp::from_seconds(1_796_083_200); // 2026-12-01T00:00:00Z
        assert_eq!((december.month(), Timestamp(december.0 - 1).month()), (2026 * 12 + 11, 2026 * 12 + 10));
        let january = Timestamp::from_seconds(1_798_761_600); // 2027-01-01T00:00:00Z
        assert_eq!((january.month(), Timestamp(january.0 - 1).month()), (2027 * 12, 2026 * 12 + 11));
    }

    #[test]
    fn a_moment_is_written_in_utc_and_read_in_any_zone() {
        let moment = Timestamp(1_795_284_000_500);
        assert_eq!(moment.rfc3339(), "2026-11-21T18:00:00.500Z");
        assert_eq!((Timestamp::parse("2026-11-21T19:00:00.5+01:00"), Timestamp::parse("yesterday")), (Some(moment), None));
    }
}
