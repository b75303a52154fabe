//! A range of UTC days, both ends included, as callers may ask for (row B4).

use touchstone_core::{day::Day, refusal::Refusal};

/// Most days of one range: a quarter of a year.
const MOST_DAYS: i32 = 92;

/// How far back a daily round looks: with the day that it runs on, Stripe's 35.
const ROUND: i32 = 34;

/// A range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
}

impl Period {
    /// A range that somebody asks for. Its end may lie in the future, and is today then: what is not there yet is not counted.
    ///
    /// # Errors
    /// [`Refusal::WrongPeriod`] when it ends before it starts, starts in the future, or is too long.
    pub fn asked(first: Day, last: Day, today: Day) -> Result<Self, Refusal> {
        let wrong = |reason: String| Err(Refusal::WrongPeriod { reason });
        if first > last {
            return wrong("start_date lies after end_date.".into());
        }
        if first > today {
            return wrong(format!("start_date lies in the future: today is {today} (UTC)."));
        }
        if last.min(today).0 - first.0 >= MOST_DAYS {
            return wrong(format!("A range has at most {MOST_DAYS} days."));
        }
        Ok(Self { first, last: last.min(today) })
    }

    /// What a daily round covers: every full day of which Stripe takes use.
    #[must_use]
    pub const fn round(today: Day) -> Self {
        Self { first: today.plus(-ROUND), last: today.plus(-1) }
    }

    /// The same, and today.
    #[must_use]
    pub const fn recent(today: Day) -> Self {
        Self { first: today.plus(-ROUND), last: today }
    }

    /// The month of which today is, as far as it has come.
    #[must_use]
    pub fn month(today: Day) -> Self {
        Self { first: today.first_of_month(), last: today }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_starts_before_it_ends_and_not_in_the_future() {
        // B4
        let today = Day(20_000);
        let asked = |first: i32, last: i32| Period::asked(today.plus(first), today.plus(last), today);
        for (first, last) in [(0, 0), (-91, 0), (-91, 500), (-200, -109), (0, 30)] {
            let period = asked(first, last).expect("a range");
            assert_eq!((period.first, period.last), (today.plus(first), today.plus(last.min(0))), "{first}..{last}");
        }
        for (first, last, why) in [(0, -1, "after end_date"), (1, 5, "future"), (-92, 0, "92 days"), (-200, -108, "92 days")] {
            let refused = asked(first, last).expect_err("refused").way_out();
            assert!(refused.contains(why), "{first}..{last}: {refused}");
        }
    }

    #[test]
    fn a_round_covers_every_full_day_that_stripe_takes() {
        let round = Period::round(Day(100));
        assert_eq!((round.first, round.last), (Day(66), Day(99)));
        assert_eq!(Period::month("2026-11-21".parse().expect("a day")).first.to_string(), "2026-11-01");
    }
}
