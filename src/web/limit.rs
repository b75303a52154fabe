//! How often somebody may ask: so many a second, with room for a burst. Memory is bounded whoever asks.

use std::{
    convert::Infallible,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{DefaultKeyedStateStore, ShrinkableKeyedStateStore},
    },
};
use touchstone_core::{
    ids::{OrganizationId, ProjectId},
    plan::{Plan, Plans, Terms},
    refusal::Refusal,
    time::Timestamp,
};
use touchstone_moderation::Turn;

use crate::settings::Settings;

/// Most askers that one limit remembers. Beyond it all are forgotten at once, which costs an attacker more than us.
const MOST_KEYS: usize = 50_000;

/// How many questions pass between two looks at the memory.
const LOOK_EVERY: u32 = 1024;

/// What is told where there is no limit: a client that divides by it must not fail.
const UNLIMITED: u32 = 1_000_000;

/// A token bucket an asker, which tells how full it is.
type Buckets<K> = RateLimiter<Question<K>, States<K>, DefaultClock, StateInformationMiddleware>;

/// What is done with an asker's bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question<K> {
    /// A token is taken.
    Take(K),
    /// It is only looked at.
    Look(K),
}

/// How full the buckets are.
struct States<K: Hash + Eq + Clone>(DefaultKeyedStateStore<K>);

impl<K: Hash + Eq + Clone> StateStore for States<K> {
    type Key = Question<K>;

    fn measure_and_replace<T, F, E>(&self, question: &Question<K>, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match question {
            Question::Take(asker) => self.0.measure_and_replace(asker, f),
            // An answer that is an error replaces nothing.
            Question::Look(asker) => match self.0.measure_and_replace(asker, |state| Err::<(Infallible, Nanos), _>(f(state))) {
                Ok(never) => match never {},
                Err(seen) => seen.map(|(seen, _)| seen),
            },
        }
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<Question<K>> for States<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        ShrinkableKeyedStateStore::len(&self.0)
    }

    fn is_empty(&self) -> bool {
        ShrinkableKeyedStateStore::is_empty(&self.0)
    }
}

/// One limit for each asker of a kind.
pub(crate) struct Limit<K: Hash + Eq + Clone> {
    quota: Option<Quota>,
    askers: RwLock<Option<Buckets<K>>>,
    asked: AtomicU32,
}

/// Where an asker stands with a limit (row V8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests a second, lastingly.
    pub(crate) limit: u32,
    /// Requests that would pass now.
    pub(crate) remaining: u32,
    /// When the bucket is full again, in Unix seconds.
    pub(crate) reset: i64,
}

/// Where an asker stands, and whether this question passed.
pub(crate) type Passed = (Standing, Result<(), Refusal>);

impl Standing {
    /// Of whom nothing confines.
    pub(crate) fn unlimited() -> Self {
        Self { limit: UNLIMITED, remaining: UNLIMITED, reset: Timestamp::now().seconds() }
    }

    fn new(quota: Quota, remaining: u32) -> Self {
        let missing = quota.burst_size().get().saturating_sub(remaining);
        let (until_full, now) = (quota.replenish_interval() * missing, Timestamp::now());
        // Never less than one a second: a limit of 0 would read as closed.
        let limit = (1.0 / quota.replenish_interval().as_secs_f64()).round().max(1.0) as u32;
        Self { limit, remaining, reset: (now + until_full + Duration::from_millis(999)).seconds() }
    }

    /// As headers, all in lower case.
    pub(crate) fn headers(self) -> [(&'static str, i64); 3] {
        [("x-ratelimit-limit", self.limit.into()), ("x-ratelimit-remaining", self.remaining.into()), ("x-ratelimit-reset", self.reset)]
    }
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(quota: Option<Quota>) -> Self {
        Self { askers: RwLock::new(quota.map(buckets)), quota, asked: AtomicU32::new(0) }
    }

    /// `per_second` lastingly and `burst` at once; 0 a second is no limit.
    pub(crate) fn per_second(per_second: u32, burst: u32) -> Self {
        Self::new(NonZeroU32::new(per_second).map(|rate| Quota::per_second(rate).allow_burst(NonZeroU32::new(burst).unwrap_or(rate))))
    }

    /// `count` in each `span`, all of them at once if wanted; 0 is no limit.
    pub(crate) fn per(span: Duration, count: u32) -> Self {
        let quota = NonZeroU32::new(count).and_then(|burst| Some(Quota::with_period(span / count)?.allow_burst(burst)));
        Self::new(quota)
    }

    /// Counts one question.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`] with the time after which the next one passes.
    pub(crate) fn ask(&self, asker: &K) -> Result<(), Refusal> {
        self.stand(asker).1
    }

    /// The same, and where the asker stands then.
    pub(crate) fn stand(&self, asker: &K) -> Passed {
        self.put(&Question::Take(asker.clone()))
    }

    /// Where an asker stands, who asks nothing.
    pub(crate) fn look(&self, asker: &K) -> Standing {
        let (standing, passes) = self.put(&Question::Look(asker.clone()));
        // The token that was only looked at is still there.
        Standing { remaining: standing.remaining.saturating_add(u32::from(passes.is_ok())).min(UNLIMITED), ..standing }
    }

    fn put(&self, question: &Question<K>) -> Passed {
        if self.asked.fetch_add(1, Ordering::Relaxed) % LOOK_EVERY == LOOK_EVERY - 1 {
            self.forget();
        }
        let askers = self.askers.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some((limiter, quota)) = askers.as_ref().zip(self.quota) else { return (Standing::unlimited(), Ok(())) };
        match limiter.check_key(question) {
            Ok(snapshot) => (Standing::new(quota, snapshot.remaining_burst_capacity()), Ok(())),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                (Standing::new(quota, 0), Err(too_many(wait)))
            }
        }
    }

    fn forget(&self) {
        let mut askers = self.askers.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(limiter) = askers.as_ref() else { return };
        limiter.retain_recent();
        if limiter.len() > MOST_KEYS {
            *askers = self.quota.map(buckets);
        }
    }
}

/// Where an asker stands with a bucket that all nodes share.
pub(crate) fn shared(turn: Turn, per_second: u32) -> Passed {
    let reset = (Timestamp::now() + turn.until_full + Duration::from_millis(999)).seconds();
    let standing = Standing { limit: per_second, remaining: turn.remaining, reset };
    (standing, if turn.passed { Ok(()) } else { Err(too_many(turn.wait)) })
}

fn buckets<K: Hash + Eq + Clone>(quota: Quota) -> Buckets<K> {
    RateLimiter::new(quota, States(DefaultKeyedStateStore::default()), DefaultClock::default())
}

/// Whole seconds, rounded up: that is what Retry-After can say.
fn too_many(wait: Duration) -> Refusal {
    Refusal::TooManyRequests { retry_after: Duration::from_secs(wait.as_millis().div_ceil(1000).clamp(1, 86_400) as u64) }
}

/// All limits of the server.
pub(crate) struct Limits {
    /// Keyed calls.
    pub(crate) organization: Limit<OrganizationId>,
    /// Calls without a key, and calls with a wrong one.
    pub(crate) keyless: Limit<Option<IpAddr>>,
    /// Calls of /v1, by the plan of whoever's project it is (row V8).
    projects: [Limit<ProjectId>; Plan::ALL.len()],
    /// Images tried on the page: how fast.
    pub(crate) try_it: Limit<Option<IpAddr>>,
    /// Images tried on the page: how many a day.
    pub(crate) try_it_day: Limit<Option<IpAddr>>,
}

impl Limits {
    /// The limits that the settings and the plans name.
    pub(crate) fn new(settings: &Settings, plans: Option<Plans>) -> Self {
        let of_plan = |plan| match plans.map(|plans| plans.terms(plan)) {
            Some(Terms { per_second, burst, .. }) => Limit::per_second(per_second, burst),
            None => Limit::new(None),
        };
        Self {
            projects: Plan::ALL.map(of_plan),
            organization: Limit::per_second(settings.organization_per_second, settings.organization_burst),
            keyless: Limit::per_second(settings.keyless_per_second, settings.keyless_burst),
            try_it: Limit::per(Duration::from_secs(60), settings.try_it_per_minute),
            try_it_day: Limit::per(Duration::from_secs(86_400), settings.try_it_per_day),
        }
    }
}

impl Limits {
    /// The limit of the projects of a plan.
    pub(crate) fn project(&self, plan: Plan) -> &Limit<ProjectId> {
        &self.projects[plan as usize]
    }
}

/// How long it takes to count so many requests of so many projects, one after the other. For measuring.
#[must_use]
pub fn count_in_memory(requests: u32, projects: u32) -> Duration {
    let projects: Vec<ProjectId> = (0..projects.max(1)).map(|_| ProjectId::random()).collect();
    let limit = Limit::per_second(200, 400);
    let start = Instant::now();
    let passed = projects.iter().cycle().take(requests as usize).filter(|project| limit.stand(project).1.is_ok()).count();
    let took = start.elapsed();
    tracing::debug!(passed, "requests were counted");
    took
}

/// What counts as one asker: an IPv4 address, or the /64 that one IPv6 household has; all whom nobody knows are one.
pub(crate) fn asker(client: Option<IpAddr>) -> Option<IpAddr> {
    client.map(|address| match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_next_is_told_when() {
        let limit = Limit::per_second(1, 3);
        for _ in 0..3 {
            assert_eq!(limit.ask(&1), Ok(()));
        }
        assert_eq!(limit.ask(&1), Err(Refusal::TooManyRequests { retry_after: Duration::from_secs(1) }));
        assert_eq!(limit.ask(&2), Ok(()), "others are not held up");
    }

    // V8
    #[test]
    fn an_asker_is_told_where_it_stands() {
        let limit = Limit::per_second(2, 5);
        let now = Timestamp::now().seconds();
        let (first, passed) = limit.stand(&1);
        assert_eq!((first.limit, first.remaining, passed), (2, 4, Ok(())));
        assert!((now..=now + 3).contains(&first.reset), "{first:?}");
        let last = (0..5).map(|_| limit.stand(&1)).last().expect("an answer");
        assert!(last.0.remaining == 0 && last.1.is_err() && last.0.reset >= now + 2, "{last:?}");
        assert_eq!(Limit::per_second(0, 0).stand(&1).0.limit, UNLIMITED);
    }

    // V8
    #[test]
    fn whoever_is_told_a_limit_takes_nothing_of_it() {
        let limit = Limit::per_second(1, 3);
        for _ in 0..10 {
            assert_eq!(limit.look(&1).remaining, 3);
        }
        assert_eq!(limit.stand(&1).0.remaining, 2);
        assert_eq!((limit.look(&1).remaining, limit.look(&2).remaining), (2, 3));
        for _ in 0..2 {
            assert_eq!(limit.ask(&1), Ok(()));
        }
        assert_eq!(limit.look(&1).remaining, 0);
        assert_eq!(Limit::per_second(0, 0).look(&1).remaining, UNLIMITED);
    }

    #[test]
    fn a_daily_cap_says_how_long_the_wait_is() {
        let limit = Limit::per(Duration::from_secs(86_400), 24);
        for _ in 0..24 {
            assert_eq!(limit.ask(&1), Ok(()));
        }
        assert_eq!(limit.ask(&1), Err(Refusal::TooManyRequests { retry_after: Duration::from_secs(3600) }));
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = Limit::per_second(0, 0);
        assert!((0..10_000).all(|_| limit.ask(&1).is_ok()));
    }

    #[test]
    fn a_flood_of_askers_is_forgotten() {
        let limit = Limit::per_second(1, 1);
        for asker in 0..(MOST_KEYS as u32 + 2 * LOOK_EVERY) {
            assert_eq!(limit.ask(&asker), Ok(()));
        }
        let known = limit.askers.read().expect("unpoisoned").as_ref().expect("a limit").len();
        assert!(known < MOST_KEYS, "{known} are remembered");
    }

    #[test]
    fn one_household_is_one_asker() {
        let addresses = ["2001:db8::1", "2001:db8::ffff:1"].map(|text| asker(Some(text.parse().expect("an address"))));
        assert_eq!(addresses[0], addresses[1]);
    }
}
