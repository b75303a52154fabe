//! The rules of credits. Pure arithmetic; `store` makes each rule and its ledger row one transaction.
//!
//! Base credits (the monthly allowance) are spent before boost credits (bought, kept). A reservation takes from the balance at
//! once, so a balance can never be promised twice; settling keeps it, releasing gives back what was taken. On the 1st, 00:00 UTC,
//! base becomes the allowance anew: what was left of it lapses, and so does what a document of the month before gives back later.

use serde::{Deserialize, Serialize};

/// So many credits of each kind.
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
}

/// What an organisation has left to spend; neither kind is ever negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// The credits.
    pub left: Credits,
    /// Which month's allowance `left.base` is, as [`crate::time::Timestamp::month`] counts; 0: it was never reset.
    pub month: i64,
}

/// What a document took from a balance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// The credits.
    pub credits: Credits,
    /// The balance's month when it took them.
    pub month: i64,
}

impl Balance {
    /// The balance as it stands in this month: where there is an allowance and the 1st has passed, base is the allowance again,
    /// less or more than it was. An allowance of 0 is none: base credits are then kept like any others.
    #[must_use]
    pub const fn renewed(self, allowance: i64, month: i64) -> Self {
        if allowance <= 0 || month <= self.month {
            return self;
        }
        Self { left: Credits { base: allowance, boost: self.left.boost }, month }
    }

    /// What was base is boost: where an allowance begins, credits that were granted to be kept do not lapse with it.
    #[must_use]
    pub const fn kept(self) -> Self {
        Self { left: Credits { base: 0, boost: self.left.total() }, ..self }
    }

    /// Takes `amount`, base first. `None` when there is not enough (or `amount` is negative), and then nothing is taken.
    #[must_use]
    pub fn reserve(self, amount: i64) -> Option<(Self, Taken)> {
        if amount < 0 || self.left.total() < amount {
            return None;
        }
        let base = amount.min(self.left.base);
        let credits = Credits { base, boost: amount - base };
        let left = Credits { base: self.left.base - credits.base, boost: self.left.boost - credits.boost };
        Some((Self { left, ..self }, Taken { credits, month: self.month }))
    }

    /// Gives back what a reservation took, each kind to its own. Base of a month that is over lapses: the reset replaced it.
    #[must_use]
    pub const fn release(self, taken: Taken) -> Self {
        let base = if taken.month == self.month { taken.credits.base } else { 0 };
        self.plus(Credits { base, boost: taken.credits.boost })
    }

    /// Gives back what a document cost that was judged. Base of a month that is over comes back as boost: a refund is worth what
    /// was paid.
    #[must_use]
    pub const fn refund(self, taken: Taken) -> Self {
        let back = if taken.month == self.month { taken.credits } else { Credits { base: 0, boost: taken.credits.total() } };
        self.plus(back)
    }

    /// Adds what somebody gives, bought or corrects. `None` when either kind would be less than nothing.
    #[must_use]
    pub const fn changed(self, by: Credits) -> Option<Self> {
        let changed = self.plus(by);
        if changed.left.base < 0 || changed.left.boost < 0 { None } else { Some(changed) }
    }

    const fn plus(self, by: Credits) -> Self {
        let left = Credits { base: self.left.base.saturating_add(by.base), boost: self.left.boost.saturating_add(by.boost) };
        Self { left, ..self }
    }
}

/// Why a ledger row was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Credits given by an operator.
    Grant,
    /// The 1st: base is the allowance again.
    Reset,
    /// Credits that were bought.
    Boost,
    /// Credits set aside for a document that was accepted.
    Reserve,
    /// The document was judged: the reservation is spent, its use is proven. Moves no balance.
    Settle,
    /// The document could not be judged: the reservation goes back.
    Release,
    /// The document was judged, and its price is given back all the same.
    Refund,
    /// A correction by an operator, up or down.
    Adjustment,
}

impl Entry {
    /// The name that the database keeps.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Reset => "reset",
            Self::Boost => "boost",
            Self::Reserve => "reserve",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
        }
    }
}

#[cfg(test)]
#[path = "credit_tests.rs"]
mod tests;
