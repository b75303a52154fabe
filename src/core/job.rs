//! Background work as data: a job is a serialisable struct with a name, stored in the transaction of the fact that caused it.
//!
//! Running a job must be idempotent: a crash hands it to another worker once its lease runs out. The list of all jobs, and
//! their runner, is the root package's `worker.rs`.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use uuid::Uuid;

use crate::{
    ids::{JobId, OrganizationId},
    time::Timestamp,
};

/// What the worker needs to know of a kind of work before it runs one.
pub trait Job: Serialize + DeserializeOwned + Send + Sync {
    /// The name it is stored under. Never reused for another shape.
    const NAME: &'static str;
    /// How often it is tried before it is given up.
    const ATTEMPTS: i32;
}

/// Which line a job waits in: somebody watching a screen goes before a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Somebody waits for the answer.
    Interactive,
    /// Nobody watches; order within an organisation is kept.
    Batch,
}

impl Lane {
    /// The number that the database sorts by: smaller goes first.
    #[must_use]
    pub const fn rank(self) -> i32 {
        match self {
            Self::Interactive => 0,
            Self::Batch => 1,
        }
    }
}

/// A job about to be stored.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// [`Job::NAME`].
    pub name: &'static str,
    /// The job itself, as JSON.
    pub payload: serde_json::Value,
    /// Whose work it is: claims go round the organisations.
    pub organization: OrganizationId,
    /// The line it waits in.
    pub lane: Lane,
    /// An instance's own queue, which only the nodes that serve it claim from; "": the shared one (row T4).
    pub queue: String,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// Whoever stores it runs it at once; `None`: it waits for a worker.
    pub leased: Option<Leased>,
}

/// A lease that a job is stored with.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The id that the job will have.
    pub id: JobId,
    /// What every write about it must show.
    pub token: Uuid,
    /// Which process holds it.
    pub holder: String,
    /// For how long, before others may take it over.
    pub span: Duration,
}

impl NewJob {
    /// A job that may run at once, in the shared queue.
    ///
    /// # Errors
    /// When the job does not serialise.
    pub fn now<J: Job>(job: &J, organization: OrganizationId, lane: Lane) -> Result<Self, serde_json::Error> {
        let payload = serde_json::to_value(job)?;
        Ok(Self { name: J::NAME, payload, organization, lane, queue: String::new(), run_at: Timestamp::now(), leased: None })
    }
}

/// How long to wait before try number `attempt + 1`: 1 s doubling up to five minutes.
#[must_use]
pub fn back_off(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 10) - 1).unwrap_or(0);
    Duration::from_secs(2u64.pow(doublings).min(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stop_growing() {
        let seconds: Vec<u64> = [1, 2, 3, 9, 10, 500].map(|attempt| back_off(attempt).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }
}
