//! Token buckets that all nodes share (row V8): one statement a request on one small table, by the database's own clock, as the generic
//! cell rate algorithm has it. Only PostgreSQL has several nodes; elsewhere each process counts for itself.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{Store, StoreError};

/// When a bucket was last seen so long ago, it is full, whatever its plan: nothing needs to remember it.
const FORGOTTEN_AFTER_MICROSECONDS: i64 = 3_600_000_000;

/// Takes one token, if there is one. `$1` whose bucket, `$2` microseconds that a token takes to come back, `$3` those of all tokens. The
/// row keeps the moment at which the bucket will be full. What `seen` finds is from before this statement: good enough to say when to
/// come back.
const TAKE: &str = "WITH clock AS (SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now), \
     taken AS (INSERT INTO rate_limit AS bucket (key, tat) SELECT $1, now + $2 FROM clock ON CONFLICT (key) DO UPDATE \
     SET tat = GREATEST(bucket.tat, (SELECT now FROM clock)) + $2 \
     WHERE GREATEST(bucket.tat, (SELECT now FROM clock)) + $2 - (SELECT now FROM clock) <= $3 RETURNING tat) \
     SELECT clock.now AS now, (SELECT tat FROM taken) AS taken, (SELECT tat FROM rate_limit WHERE key = $1) AS seen FROM clock";

/// How a request stands with its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// It took a token.
    pub passed: bool,
    /// Tokens that are left.
    pub remaining: u32,
    /// Until the bucket is full again.
    pub until_full: Duration,
    /// Until there is a token again; nothing where one was taken.
    pub wait: Duration,
}

impl Store {
    /// Takes one token from a bucket of this name that holds `burst` of them and gets `per_second` back each second, both at least 1.
    /// `None` where there is nobody to share it with.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turn(&self, name: &str, per_second: u32, burst: u32) -> Result<Option<Turn>, StoreError> {
        if self.writer().get_database_backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let token = 1_000_000 / i64::from(per_second.max(1));
        let all = token * i64::from(burst.max(1));
        let take = Statement::from_sql_and_values(DbBackend::Postgres, TAKE, [name.into(), token.into(), all.into()]);
        let row = self.writer().query_one_raw(take).await?.ok_or_else(|| unreadable(name))?;
        let now: i64 = row.try_get("", "now")?;
        let (taken, seen): (Option<i64>, Option<i64>) = (row.try_get("", "taken")?, row.try_get("", "seen")?);
        Ok(Some(turn(now, taken, seen, token, all)))
    }

    /// Forgets buckets that are full.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_turns(&self) -> Result<(), StoreError> {
        let now = touchstone_core::time::Timestamp::now().0.saturating_mul(1000);
        let full = format!("DELETE FROM rate_limit WHERE tat < {}", now - FORGOTTEN_AFTER_MICROSECONDS);
        Ok(self.writer().execute_unprepared(&full).await.map(drop)?)
    }
}

fn turn(now: i64, taken: Option<i64>, seen: Option<i64>, token: i64, all: i64) -> Turn {
    // Somebody else's first token, in this very moment: the bucket is as good as empty.
    let full_at = taken.or(seen).unwrap_or(now + all);
    let missing = (full_at - now).clamp(0, all);
    let wait = if taken.is_some() { 0 } else { (missing + token - all).max(1) };
    Turn {
        passed: taken.is_some(),
        remaining: if taken.is_some() { u32::try_from((all - missing) / token).unwrap_or(u32::MAX) } else { 0 },
        until_full: Duration::from_micros(missing.unsigned_abs()),
        wait: Duration::from_micros(wait.unsigned_abs()),
    }
}

fn unreadable(name: &str) -> StoreError {
    StoreError::Unreadable { row: format!("rate_limit {name}"), what: "tat" }
}

#[cfg(test)]
mod tests {
    use super::*;

    // V8
    #[test]
    fn a_bucket_tells_what_is_left_and_when_the_next_token_comes() {
        let (token, all) = (500_000, 2_500_000);
        let first = turn(0, Some(token), None, token, all);
        assert_eq!((first.passed, first.remaining, first.until_full), (true, 4, Duration::from_millis(500)));
        let last = turn(0, Some(all), Some(all - token), token, all);
        assert_eq!((last.passed, last.remaining, last.wait), (true, 0, Duration::ZERO));
        let none = turn(0, None, Some(all), token, all);
        assert_eq!((none.passed, none.remaining, none.wait), (false, 0, Duration::from_millis(500)));
        assert!(!turn(0, None, None, token, all).passed, "a bucket that is being made says no rather than yes twice");
    }
}
