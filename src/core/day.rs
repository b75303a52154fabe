//! UTC days. Use is counted, frozen and billed by whole days of this calendar, whatever zone an organisation lives in.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Milliseconds of a day; UTC in Unix time has no leap seconds.
const MILLISECONDS: i64 = 86_400_000;

/// The number that [`chrono`] gives to 1970-01-01.
const EPOCH: i32 = 719_163;

/// A day in UTC, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i32);

impl Day {
    /// The day in which the moment lies.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        Self(i32::try_from(moment.0.div_euclid(MILLISECONDS)).unwrap_or(i32::MAX))
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * MILLISECONDS)
    }

    /// The first moment after it.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        Timestamp((self.0 as i64 + 1) * MILLISECONDS)
    }

    /// The moment itself if it lies in this day, else the moment of this day that is nearest to it, to the second.
    #[must_use]
    pub fn nearest(self, moment: Timestamp) -> Timestamp {
        moment.clamp(self.start(), self.end() - Duration::from_secs(1))
    }

    /// The day so many days later, or earlier where `days` is negative.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        self.date().map_or(self, |date| self.plus(1 - i32::try_from(date.day()).unwrap_or(1)))
    }

    /// This day and every one after it up to `last`, both included.
    pub fn until(self, last: Self) -> impl Iterator<Item = Self> + Clone {
        (self.0..=last.0).map(Self)
    }

    fn date(self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(EPOCH))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDay;

impl fmt::Display for NoDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day is written YYYY-MM-DD, from 1970 to 9999")
    }
}

impl std::error::Error for NoDay {}

impl FromStr for Day {
    type Err = NoDay;

    /// Only the full form, `2026-03-09`: what is written loosely may be meant otherwise.
    fn from_str(text: &str) -> Result<Self, NoDay> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| NoDay)?;
        let day = Self(date.num_days_from_ce() - EPOCH);
        let usual = (1970..=9999).contains(&date.year());
        if usual && day.to_string() == text { Ok(day) } else { Err(NoDay) }
    }
}

impl TryFrom<String> for Day {
    type Error = NoDay;

    fn try_from(text: String) -> Result<Self, NoDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_and_ends_at_midnight_in_utc() {
        let day: Day = "2026-03-01".parse().expect("a day");
        assert_eq!((day.0, day.plus(-1).to_string().as_str()), (20513, "2026-02-28"));
        assert_eq!((Day::of(day.start()), Day::of(Timestamp(day.end().0 - 1)), Day::of(day.end())), (day, day, day.plus(1)));
        assert_eq!(Day::of(Timestamp(0)).to_string(), "1970-01-01");
    }

    #[test]
    fn the_nearest_moment_of_a_day_lies_in_it() {
        let day = Day(20_000);
        let noon = Timestamp(day.start().0 + 43_200_000);
        assert_eq!(day.nearest(noon), noon);
        assert_eq!(day.nearest(day.plus(3).start()).seconds(), day.end().seconds() - 1);
        assert_eq!(day.nearest(day.plus(-1).start()), day.start());
    }

    #[test]
    fn only_the_full_form_of_a_date_is_a_day() {
        for text in ["", "2026-3-1", "2026-02-29", "2026-11-21T00:00:00Z", "21.11.2026", "+12026-01-01", "1969-12-31", " 2026-11-21"] {
            assert_eq!(text.parse::<Day>(), Err(NoDay), "{text}");
        }
        assert_eq!("2028-02-29".parse::<Day>().expect("a leap day").first_of_month().to_string(), "2028-02-01");
    }

    #[test]
    fn a_span_of_days_has_both_its_ends() {
        assert_eq!(Day(5).until(Day(7)).collect::<Vec<_>>(), [Day(5), Day(6), Day(7)]);
        assert_eq!(Day(5).until(Day(4)).count(), 0);
    }
}
