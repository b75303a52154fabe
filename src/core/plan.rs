//! Plans: what an organisation subscribed to, and what each plan allows.

use serde::{Deserialize, Serialize};

/// What an organisation subscribed to (row V15).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// To try it: a small monthly allowance.
    Free,
    /// The ordinary one, also of a self-hoster's own organisation.
    #[default]
    Pro,
    /// By agreement.
    Enterprise,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 3] = [Self::Free, Self::Pro, Self::Enterprise];

    /// The name that the command line, the configuration and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

impl std::str::FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|plan| plan.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is no plan; write free, pro or enterprise"))
    }
}

/// `[plans]` of the configuration: what each plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    /// `[plans.free]`
    pub free: Terms,
    /// `[plans.pro]`
    pub pro: Terms,
    /// `[plans.enterprise]`
    pub enterprise: Terms,
}

/// What one plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What base credits are set to on the 1st, 00:00 UTC. 0: there is no allowance, and base credits are kept as they were granted.
    pub monthly_credits: u32,
    /// Requests a second of one project to the /v1 API, lastingly (row V8). 0: no limit.
    pub per_second: u32,
    /// Requests of one project at once: the size of its token bucket.
    pub burst: u32,
    /// Batches of one project, waited for or not, that may be under way at once. 0: any number.
    pub concurrent_batches: u32,
}

/// Most requests a second that a limit can count: its tokens are counted in microseconds.
const MOST_PER_SECOND: u32 = 100_000;

impl Plans {
    /// Whether each plan's limit is one that can be kept.
    ///
    /// # Errors
    /// Which cannot, and why.
    pub fn check(&self) -> Result<(), String> {
        for plan in Plan::ALL {
            let (Terms { per_second, burst, .. }, name) = (self.terms(plan), plan.name());
            if per_second > MOST_PER_SECOND {
                return Err(format!("plans.{name}.per_second is {per_second}; it may be at most {MOST_PER_SECOND}, or 0 for no limit"));
            }
            if per_second > 0 && burst == 0 {
                return Err(format!("plans.{name}.burst is 0, so that no request would ever pass; with a limit it is at least 1"));
            }
        }
        Ok(())
    }

    /// What this plan allows.
    #[must_use]
    pub const fn terms(&self, plan: Plan) -> Terms {
        match plan {
            Plan::Free => self.free,
            Plan::Pro => self.pro,
            Plan::Enterprise => self.enterprise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_known_by_its_name_and_has_its_own_terms() {
        let terms = |monthly_credits| Terms { monthly_credits, per_second: 1, burst: 1, concurrent_batches: 1 };
        let plans = Plans { free: terms(1), pro: terms(2), enterprise: terms(3) };
        for (plan, credits) in Plan::ALL.into_iter().zip([1, 2, 3]) {
            assert_eq!(plan.name().parse(), Ok(plan));
            assert_eq!(plans.terms(plan).monthly_credits, credits);
        }
        assert!("gold".parse::<Plan>().is_err());
    }
}
