//! The rules of credits. Pure arithmetic; `store` makes each rule and its ledger row one transaction.
//!
//! Base credits (the monthly allowance) are spent before boost credits (bought, kept). A reservation takes from the
//! balance at once, so a balance can never be promised twice; settling keeps it, releasing gives back exactly what was taken.

use serde::{Deserialize, Serialize};

/// What an organisation has left to spend, or what one reservation took: never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credits {
    /// Credits of the monthly allowance.
    pub base: i64,
    /// Credits that were bought and are kept.
    pub boost: i64,
}

/// What a metered organisation is told it has (row T13): clients check before they submit, so it must never read as empty.
pub const METERED: i64 = i32::MAX as i64;

impl Credits {
    /// Both kinds together.
    #[must_use]
    pub const fn total(self) -> i64 {
        self.base.saturating_add(self.boost)
    }

    /// Takes `amount`, base first. `None` when there is not enough (or `amount` is negative), and then nothing is taken.
    /// Otherwise what is left, and how the amount was split, so that a release can give back the same.
    #[must_use]
    pub fn reserve(self, amount: i64) -> Option<(Self, Self)> {
        if amount < 0 || self.total() < amount {
            return None;
        }
        let base = amount.min(self.base);
        let taken = Self { base, boost: amount - base };
        Some((Self { base: self.base - taken.base, boost: self.boost - taken.boost }, taken))
    }

    /// Gives back what a reservation took.
    #[must_use]
    pub const fn release(self, taken: Self) -> Self {
        Self { base: self.base.saturating_add(taken.base), boost: self.boost.saturating_add(taken.boost) }
    }
}

/// Why a ledger row was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Credits given by an operator.
    Grant,
    /// Credits set aside for a document that was accepted.
    Reserve,
    /// The document was judged: the reservation is spent. Moves no balance.
    Settle,
    /// The document could not be judged: the reservation goes back.
    Release,
}

impl Entry {
    /// The name that the database keeps.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Reserve => "reserve",
            Self::Settle => "settle",
            Self::Release => "release",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_is_spent_before_boost_and_given_back_as_taken() {
        let before = Credits { base: 2, boost: 5 };
        let (left, taken) = before.reserve(3).expect("seven cover three");
        assert_eq!((left, taken), (Credits { base: 0, boost: 4 }, Credits { base: 2, boost: 1 }));
        assert_eq!(left.release(taken), before);
    }

    #[test]
    fn nothing_is_taken_when_there_is_not_enough() {
        assert_eq!(Credits { base: 1, boost: 1 }.reserve(3), None);
        assert_eq!(Credits::default().reserve(0), Some((Credits::default(), Credits::default())));
        assert_eq!(Credits { base: 5, boost: 0 }.reserve(-1), None);
    }
}
