//! What a caller has used of its period, and what is left (row V6).

use touchstone_core::{day::Day, organization::Caller, refusal::Refusal, time::Timestamp};

use crate::{road::Road, trouble::Trouble};

/// The use of the present month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// First day of the month, UTC.
    pub first: Day,
    /// First day of the next.
    pub next: Day,
    /// Images, as they are counted or paid: judged ones, and those under way.
    pub used: i64,
    /// The plan's monthly allowance; `None` where there is none.
    pub quota: Option<i64>,
    /// What is left of it and of bought credits; `None` where nothing is counted down.
    pub remaining: Option<i64>,
    /// Images that test keys submitted today.
    pub tests: u64,
    /// How many they may; `None`: any number.
    pub tests_a_day: Option<u64>,
}

impl Road {
    /// What the caller's organisation has used this month.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn usage(&self, caller: &Caller) -> Result<Usage, Refusal> {
        let (store, organization) = (self.store(), &caller.organization);
        let today = Day::of(Timestamp::now());
        let first = today.first_of_month();
        // No month has 32 days, and the 1st is the 1st of the next then.
        let next = first.plus(31).first_of_month();
        let days = store.usage(organization.id, first, next.plus(-1)).await.trouble()?;
        let proven: i64 = days.values().map(|day| day.units).sum();
        let used = proven + store.reserved_units(organization.id).await.trouble()?;
        let quota = self.plans().map(|plans| i64::from(plans.terms(organization.plan).monthly_credits));
        let remaining = if organization.metered { None } else { Some(store.credits(organization.id).await.trouble()?.total()) };
        let tests_a_day = Some(self.settings().accounts.test_documents_per_day).filter(|most| *most > 0);
        let tests = store.tested_on(organization.id, today).await.trouble()?;
        Ok(Usage { first, next, used, quota: quota.filter(|quota| *quota > 0 && !organization.metered), remaining, tests, tests_a_day })
    }
}
