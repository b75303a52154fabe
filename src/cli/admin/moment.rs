//! Moments and spans as people write and read them: RFC 3339 and `30d`.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use touchstone_core::time::Timestamp;

/// A moment as RFC 3339 in UTC.
pub(super) fn written(moment: Timestamp) -> String {
    DateTime::from_timestamp_millis(moment.0).map_or_else(String::new, |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// When something ends: RFC 3339, or a span from now.
///
/// # Errors
/// When it is neither, is over, or is later than can be written.
pub(super) fn end(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let end = moment(text).or_else(|| Some(now + humantime::parse_duration(text).ok()?));
    let end = end.ok_or_else(|| format!("\"{text}\" is neither a moment such as 2027-01-31T00:00:00Z nor a span such as 30d"))?;
    if end <= now {
        return Err(format!("\"{text}\" is over already"));
    }
    writable(end, text)
}

/// A span from now, such as `24h` or `0s`.
///
/// # Errors
/// When it is none, or its end is later than can be written.
pub(super) fn overlap(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| format!("\"{text}\" is no span such as 24h or 30d: {error}"))?;
    writable(Timestamp::now() + span, text).map(|_| span)
}

fn moment(text: &str) -> Option<Timestamp> {
    Some(Timestamp(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()))
}

/// RFC 3339 ends with the year 9999.
fn writable(end: Timestamp, text: &str) -> Result<Timestamp, String> {
    moment(&written(end)).map(|_| end).ok_or_else(|| format!("\"{text}\" is too far away; leave it out for something without an end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_any_zone_and_written_in_utc() {
        let read = end("2999-01-31T02:30:00+02:00").expect("a moment");
        assert_eq!(written(read), "2999-01-31T00:30:00Z");
        assert_eq!(end(&written(read)), Ok(read));
    }

    #[test]
    fn a_span_counts_from_now() {
        let (before, day) = (Timestamp::now(), Duration::from_secs(86_400));
        let in_a_month = end("30d").expect("a span");
        assert!(in_a_month >= before + day * 30 && in_a_month <= Timestamp::now() + day * 30);
        for nonsense in ["", "soon", "30", "2999-01-31"] {
            assert!(end(nonsense).is_err(), "{nonsense}");
        }
    }

    // V7
    #[test]
    fn an_end_lies_ahead_and_can_be_written() {
        for (text, why) in [("2020-01-31T00:00:00Z", "over"), ("0s", "over"), ("9000years", "too far"), ("500000000000years", "too far")] {
            let refused = end(text).expect_err(text);
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(overlap("0s"), Ok(Duration::ZERO));
        assert!(overlap("9000years").is_err() && overlap("soon").is_err());
    }
}
