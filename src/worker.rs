//! The list of job types, and the runner that claims them, runs them under a lease and decides what a failure means.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use futures::future::BoxFuture;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use touchstone_core::{
    job::{Job, back_off},
    time::Timestamp,
};
use touchstone_moderation::{
    Bench, Road,
    fetch_image::FetchImage,
    judge::{JudgeDocument, Ran},
    settings::Jobs,
};
use touchstone_pipeline::Pipeline;
use touchstone_store::{Claim, ClaimedJob, Store};

/// THE list: every job this node can run, and what runs it.
#[derive(Clone)]
enum Trade {
    /// [`JudgeDocument`], with the model.
    Judge(Pipeline),
    /// [`FetchImage`]: it waits for other people's servers, so it takes nobody's place who judges.
    Fetch,
}

impl Trade {
    const fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Judge(_) => &[JudgeDocument::NAME],
            Self::Fetch => &[FetchImage::NAME],
        }
    }
}

/// How often a job of this name is tried.
fn attempts(name: &str) -> i32 {
    match name {
        JudgeDocument::NAME => JudgeDocument::ATTEMPTS,
        FetchImage::NAME => FetchImage::ATTEMPTS,
        _ => 1,
    }
}

/// How long an idle worker waits before it looks again without having been told.
const IDLE: Duration = Duration::from_secs(1);

/// How long a job may keep its lease: far longer than the slowest picture. Another worker then tries it, until it is given up.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a worker rests after the database failed it.
const TROUBLE: Duration = Duration::from_secs(2);

/// Claims jobs and runs them, so many at once.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    road: Road,
    trade: Trade,
    /// This process among the claimers: fresh at each start.
    name: Arc<str>,
    permits: Arc<Semaphore>,
    at_once: u32,
    /// The last claim found as many jobs as it had places for: more may wait.
    behind: Arc<AtomicBool>,
    lease: Duration,
    /// The queues it serves; `None`: every queue.
    queues: Option<Arc<[String]>>,
    /// Jobs in hand: claimed ones, and those that requests run here.
    running: TaskTracker,
}

impl Worker {
    /// One that judges, with a pipeline whose inference queue holds `queue`.
    #[must_use]
    pub fn judging(store: Store, road: Road, pipeline: Pipeline, jobs: &Jobs, queue: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = if jobs.concurrency == 0 { cores + 1 } else { jobs.concurrency };
        // More would only be turned away by the inference queue, and a job that was turned away counts as tried.
        let at_once = wanted.min(pipeline.threads() + queue);
        Self::new(store, road, Trade::Judge(pipeline), jobs, at_once)
    }

    /// One that fetches, so many images at once.
    #[must_use]
    pub fn fetching(store: Store, road: Road, jobs: &Jobs, at_once: usize) -> Self {
        Self::new(store, road, Trade::Fetch, jobs, at_once.max(1))
    }

    fn new(store: Store, road: Road, trade: Trade, jobs: &Jobs, at_once: usize) -> Self {
        Self {
            store,
            road,
            trade,
            name: node_name().into(),
            permits: Arc::new(Semaphore::new(at_once)),
            behind: Arc::default(),
            at_once: u32::try_from(at_once).unwrap_or(u32::MAX),
            lease: Duration::from_secs(jobs.lease_seconds),
            queues: jobs.served().map(Arc::from),
            running: TaskTracker::new(),
        }
    }

    /// Runs jobs until `stop` is cancelled, then waits for the ones in hand.
    ///
    /// # Errors
    /// Never by itself: a database that fails is waited for.
    pub async fn run_until(self, stop: CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            if let Err(error) = self.round(&stop).await {
                tracing::error!(error = format!("{error:#}"), "jobs could not be claimed; trying again");
                stop.run_until_cancelled(tokio::time::sleep(TROUBLE)).await;
            }
        }
        self.running.close();
        self.running.wait().await;
        self.road.finish().await;
        Ok(())
    }

    /// Waits for a free place, fills every free place with a job, or waits until there may be one.
    async fn round(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let Some(free) = stop.run_until_cancelled(all_free(&self.permits)).await else { return Ok(()) };
        let mut free = free?;
        // Only the waits may be cut off: a claim that is cut off while it commits would strand its jobs for a whole lease.
        let (limit, queues) = (u32::try_from(free.num_permits()).unwrap_or(u32::MAX), self.queues.as_deref());
        let wanted = Claim { worker: &self.name, names: self.trade.names(), queues, limit, permits: self.at_once, lease: self.lease };
        let claims = self.store.claim(wanted).await?;
        self.behind.store(claims.len() >= free.num_permits(), Ordering::Relaxed);
        if claims.is_empty() {
            drop(free);
            stop.run_until_cancelled(self.wait()).await;
            return Ok(());
        }
        for claim in claims {
            let permit = free.split(1).context("more jobs were claimed than there are places")?;
            let worker = self.clone();
            self.running.spawn(async move {
                worker.run(&claim).await;
                drop(permit);
            });
        }
        Ok(())
    }

    /// Until something of its trade was queued here, or may be due.
    async fn wait(&self) {
        match self.trade {
            Trade::Judge(_) => self.store.wait_for_job(IDLE).await,
            Trade::Fetch => self.store.wait_for_fetch(IDLE).await,
        }
    }

    /// Runs one claimed job, keeps its lease, and records how it ended.
    async fn run(&self, claim: &ClaimedJob) {
        let outcome = if claim.attempt > attempts(&claim.name) {
            // It was claimed, and its worker died each time: running it again would only kill another.
            Err(anyhow::anyhow!("its worker died in every attempt"))
        } else {
            self.run_leased(claim).await
        };
        let recorded = match outcome {
            Ok(Ran::Done) => Ok(()),
            Ok(Ran::Lost) => {
                tracing::warn!(job = %claim.lease.job.0, name = claim.name, "the lease was lost; another worker has the job");
                Ok(())
            }
            Err(error) => self.failed(claim, &error).await,
        };
        if let Err(error) = recorded {
            // The lease runs out and the job comes back by itself.
            tracing::error!(job = %claim.lease.job.0, error = format!("{error:#}"), "the end of a job could not be recorded");
        }
    }

    /// Runs the job in a task of its own, so that a panic is an error of this job and of nothing else, and keeps its lease
    /// meanwhile. A job whose lease was lost is still waited for: its place is not free before it is, and what it writes is refused.
    async fn run_leased(&self, claim: &ClaimedJob) -> anyhow::Result<Ran> {
        let (worker, its) = (self.clone(), claim.clone());
        let mut job = tokio::spawn(async move { worker.dispatch(&its).await });
        let ended = tokio::select! {
            biased;
            ended = &mut job => ended,
            () = self.keep_lease(claim) => job.await,
        };
        ended.context("the job panicked")?
    }

    async fn dispatch(&self, claim: &ClaimedJob) -> anyhow::Result<Ran> {
        match (claim.name.as_str(), &self.trade) {
            (JudgeDocument::NAME, Trade::Judge(pipeline)) => parse::<JudgeDocument>(claim)?.run(&self.road, pipeline, &claim.lease).await,
            (FetchImage::NAME, Trade::Fetch) => parse::<FetchImage>(claim)?.run(&self.road, &claim.lease).await,
            (other, _) => anyhow::bail!("there is no job named {other} here"),
        }
    }

    /// Extends the lease for as long as it is ours and the job may take; returns when it is not kept any more.
    async fn keep_lease(&self, claim: &ClaimedJob) {
        let start = Instant::now();
        while start.elapsed() < LONGEST {
            tokio::time::sleep(self.lease / 3).await;
            match self.store.extend(&claim.lease, self.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(job = %claim.lease.job.0, %error, "a lease could not be extended"),
            }
        }
        tracing::error!(job = %claim.lease.job.0, name = claim.name, "a job takes too long; its lease is not kept any more");
    }

    /// Tries the job again later, or gives it up and gives its credits back.
    async fn failed(&self, claim: &ClaimedJob, error: &anyhow::Error) -> anyhow::Result<()> {
        let reason = format!("{error:#}");
        if claim.attempt < attempts(&claim.name) {
            tracing::warn!(job = %claim.lease.job.0, name = claim.name, attempt = claim.attempt, reason, "a job failed; it will be tried again");
            self.store.retry(&claim.lease, Timestamp::now() + back_off(claim.attempt), &reason).await?;
            return Ok(());
        }
        tracing::error!(job = %claim.lease.job.0, name = claim.name, attempt = claim.attempt, reason, "a job failed for good");
        match claim.name.as_str() {
            JudgeDocument::NAME => parse::<JudgeDocument>(claim)?.give_up(&self.road, &claim.lease, &reason).await.map(drop),
            // Its document ends as one that could not be judged does.
            FetchImage::NAME => {
                let document = parse::<FetchImage>(claim)?.document;
                JudgeDocument { document }.give_up(&self.road, &claim.lease, &reason).await.map(drop)
            }
            _ => Ok(self.store.give_up(&claim.lease, None, "", &reason).await.map(drop)?),
        }
    }
}

/// Every free permit, once there is one. They are kept: one that is given back goes to whoever waits in line, and a claim would find none.
async fn all_free(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, AcquireError> {
    let mut all = permits.clone().acquire_owned().await?;
    let more = u32::try_from(permits.available_permits()).unwrap_or(u32::MAX);
    if let Ok(more) = permits.clone().try_acquire_many_owned(more) {
        all.merge(more);
    }
    Ok(all)
}

impl Bench for Worker {
    fn places(&self) -> usize {
        self.at_once as usize
    }

    fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    fn permit(&self, within: Duration) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
        Box::pin(async move {
            let permit = tokio::time::timeout(within, self.permits.clone().acquire_owned()).await;
            permit.ok().and_then(Result::ok)
        })
    }

    fn lease(&self) -> (String, Duration) {
        (self.name.to_string(), self.lease)
    }

    /// In a task of its own: a request that ends early ends no job.
    fn run(&self, job: ClaimedJob) -> BoxFuture<'_, ()> {
        let worker = self.clone();
        let running = self.running.spawn(async move { worker.run(&job).await });
        Box::pin(async move {
            if let Err(died) = running.await {
                tracing::error!(%died, "a job that a request waited for ended without its end");
            }
        })
    }
}

/// A name for this process that no other process has.
#[must_use]
pub fn node_name() -> String {
    format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple())
}

fn parse<J: Job>(claim: &ClaimedJob) -> anyhow::Result<J> {
    serde_json::from_value(claim.payload.clone())
        .with_context(|| format!("the payload of {} {} does not read", claim.name, claim.lease.job.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // V1, T16
    #[tokio::test]
    async fn the_queue_keeps_the_place_that_it_waited_for() {
        let permits = Arc::new(Semaphore::new(3));
        assert_eq!(all_free(&permits).await.expect("places").num_permits(), 3);
        let taken = permits.clone().try_acquire_many_owned(3).expect("all are free");
        let queue = tokio::spawn({
            let permits = permits.clone();
            async move { all_free(&permits).await }
        });
        tokio::task::yield_now().await;
        // A request waits in line behind it: what becomes free next is the queue's all the same.
        let request = tokio::spawn(permits.clone().acquire_owned());
        tokio::task::yield_now().await;
        let mut taken = taken;
        drop(taken.split(1));
        assert_eq!(queue.await.expect("no panic").expect("a place").num_permits(), 1);
        assert!(!request.is_finished());
        drop(taken);
        assert_eq!(request.await.expect("no panic").expect("a place").num_permits(), 1);
    }
}
