//! Moments and spans as people write and read them: RFC 3339 and `30d`.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use touchstone_core::time::Timestamp;

/// A moment as RFC 3339 in UTC.
pub(super) fn written(moment: Timestamp) -> String {
    DateTime::from_timestamp_millis(moment.0).map_or_else(String::new, |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A moment: RFC 3339, or a span from now.
///
/// # Errors
/// When it is neither.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp(moment.timestamp_millis()));
    }
    let wrong = |_| format!("\"{text}\" is neither a moment such as 2027-01-31T00:00:00Z nor a span such as 30d");
    span(text).map(|span| Timestamp::now() + span).map_err(wrong)
}

/// A span such as `24h` or `30d`.
///
/// # Errors
/// When it is none.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("\"{text}\" is no span such as 24h or 30d: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_any_zone_and_written_in_utc() {
        let read = moment("2027-01-31T02:30:00+02:00").expect("a moment");
        assert_eq!(written(read), "2027-01-31T00:30:00Z");
        assert_eq!(moment(&written(read)), Ok(read));
    }

    #[test]
    fn a_span_counts_from_now() {
        let (before, day) = (Timestamp::now(), Duration::from_secs(86_400));
        let end = moment("30d").expect("a span");
        assert!(end >= before + day * 30 && end <= Timestamp::now() + day * 30);
        for nonsense in ["", "soon", "30", "2027-01-31"] {
            assert!(moment(nonsense).is_err(), "{nonsense}");
        }
    }
}
