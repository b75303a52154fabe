//! What metered use is worth once a window of it is frozen (rows B4, B5). Pure arithmetic; `store` freezes, `billing` sends.
//!
//! A meter takes no negative values, and what was sent is never rewritten. So more refunds than use in one window become a debt
//! of ours that the organisation's next windows pay off.

/// A frozen window's worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// What is sent: 0 or more.
    pub value: i64,
    /// What is still owed to the organisation afterwards: 0 or less.
    pub owed: i64,
}

/// What `units` of use, refunds taken off, are worth after a debt of `carried` (0 or less) is paid off with them.
#[must_use]
pub fn worth(units: i64, carried: i64) -> Worth {
    let net = units.saturating_add(carried);
    Worth { value: net.max(0), owed: net.min(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refunds_beyond_the_use_are_owed_and_paid_off_later() {
        // B5
        let mut owed = 0;
        let mut sent = Vec::new();
        for units in [5, -8, 2, 0, 10] {
            let worth = worth(units, owed);
            owed = worth.owed;
            sent.push(worth.value);
        }
        assert_eq!((sent, owed), (vec![5, 0, 0, 0, 4], 0), "nine in all, as 5 - 8 + 2 + 10");
    }

    #[test]
    fn nothing_is_made_or_lost_by_carrying() {
        for units in -20..20 {
            for carried in -20..=0 {
                let Worth { value, owed } = worth(units, carried);
                assert_eq!(value + owed, units + carried);
                assert!(value >= 0 && owed <= 0 && (value == 0 || owed == 0));
            }
        }
    }
}
