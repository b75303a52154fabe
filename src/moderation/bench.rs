//! Where a request judges what it waits for: among this node's own jobs, under one of their permits. The root's worker is the bench of
//! a node that judges; without one, and when every place is taken, jobs wait in the queue like all others.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use touchstone_core::{
    ids::{JobId, OrganizationId},
    job::{Leased, NewJob},
};
use touchstone_store::{ClaimedJob, Lease};

use crate::places::{Place, Places};

/// Runs a job at once, by the very code that runs claimed ones: its lease is kept, its panic contained, its end recorded.
pub trait Bench: Send + Sync {
    /// How many jobs run at once.
    fn places(&self) -> usize;
    /// Whether more jobs may wait in the queue than have a place.
    fn is_behind(&self) -> bool;
    /// A permit among the node's own, waited for no longer than this.
    fn permit(&self, within: Duration) -> BoxFuture<'_, Option<OwnedSemaphorePermit>>;
    /// Under whose name, and for how long, a job is leased that is about to be run here.
    fn lease(&self) -> (String, Duration);
    /// Runs a job that is leased to this process, to its end.
    fn run(&self, job: ClaimedJob) -> BoxFuture<'_, ()>;
}

/// The bench of a node, and how many of its places requests may take.
#[derive(Clone)]
pub(crate) struct Seats {
    bench: Arc<dyn Bench>,
    all: usize,
    places: Arc<Places>,
}

/// A place to run one job at once, given back when dropped.
pub(crate) struct Seat {
    bench: Arc<dyn Bench>,
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// Requests may take every place, one organisation's no more than half of them, and all of them no more while the queue is behind: it
    /// goes round the organisations, they do not.
    pub(crate) fn new(bench: Arc<dyn Bench>) -> Self {
        let all = bench.places();
        Self { bench, all, places: Arc::new(Places::new(all, all.div_ceil(2))) }
    }

    /// A place, if there is one soon.
    pub(crate) async fn take(&self, organization: OrganizationId, within: Duration) -> Option<Seat> {
        if self.bench.is_behind() && self.places.free() <= self.all / 2 {
            return None;
        }
        let place = self.places.take(organization).ok()?;
        let permit = self.bench.permit(within).await?;
        Some(Seat { bench: Arc::clone(&self.bench), _place: place, _permit: permit })
    }
}

impl Seat {
    /// The same job, leased to this process from the moment it is stored; and the claim that runs it.
    pub(crate) fn lease(&self, job: NewJob) -> (NewJob, ClaimedJob) {
        let (holder, span) = self.bench.lease();
        let lease = Lease { job: JobId::random(), token: uuid::Uuid::new_v4() };
        let claim =
            ClaimedJob { lease, name: job.name.to_owned(), payload: job.payload.clone(), organization: job.organization, attempt: 1 };
        (NewJob { leased: Some(Leased { id: lease.job, token: lease.token, holder, span }), ..job }, claim)
    }

    /// Runs it.
    pub(crate) async fn run(self, claim: ClaimedJob) {
        self.bench.run(claim).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Semaphore;
    use uuid::Uuid;

    use super::*;

    struct Four {
        behind: AtomicBool,
        permits: Arc<Semaphore>,
    }

    impl Bench for Four {
        fn places(&self) -> usize {
            4
        }

        fn is_behind(&self) -> bool {
            self.behind.load(Ordering::Relaxed)
        }

        fn permit(&self, _: Duration) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
            Box::pin(async { self.permits.clone().try_acquire_owned().ok() })
        }

        fn lease(&self) -> (String, Duration) {
            (String::new(), Duration::ZERO)
        }

        fn run(&self, _: ClaimedJob) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    // V1, T16
    #[tokio::test]
    async fn while_the_queue_is_behind_requests_leave_it_half_of_the_places() {
        let four = Arc::new(Four { behind: true.into(), permits: Arc::new(Semaphore::new(4)) });
        let seats = Seats::new(four.clone());
        let take = async |organization: u128| seats.take(OrganizationId(Uuid::from_u128(organization)), Duration::ZERO).await;
        let held = [take(1).await, take(2).await];
        assert!(held.iter().all(Option::is_some) && take(3).await.is_none());
        four.behind.store(false, Ordering::Relaxed);
        assert!(take(3).await.is_some(), "nobody else wants them");
    }
}
