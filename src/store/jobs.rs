//! The queue of background work. A claim is a lease: whoever dies loses it, and what they still try to write is refused.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QuerySelect,
    UpdateMany, sea_query::Expr,
};
use touchstone_core::{ids::JobId, job::NewJob, time::Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::job::{ActiveModel, Column, Entity},
};

/// The right to work on one job, until it lapses and somebody else claims it. Every write about the job must show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which job.
    pub job: JobId,
    /// Which claim of it.
    pub token: Uuid,
}

impl Store {
    /// Keeps a lease for this long from now. `false`: it is lost; stop working.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend(&self, lease: &Lease, span: Duration) -> Result<bool, StoreError> {
        self.change(lease, |job| job.col_expr(Column::LeaseUntil, Expr::value((Timestamp::now() + span).0))).await
    }

    /// Ends this try in failure; the job is due again at `run_at`. `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry(&self, lease: &Lease, run_at: Timestamp, error: &str) -> Result<bool, StoreError> {
        self.change(lease, |job| {
            unleased(job).col_expr(Column::RunAt, Expr::value(run_at.0)).col_expr(Column::LastError, Expr::value(error))
        })
        .await
    }

    /// Gives the job back untried, as when this process shuts down: the try does not count. `false`: the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_back(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.change(lease, |job| unleased(job).col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))).await
    }

    /// The job is done and leaves the queue. `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn complete(&self, lease: &Lease) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let done = remove(&write, lease).await?;
        write.commit().await?;
        Ok(done)
    }

    /// How many jobs live: waiting, leased or to be tried again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn backlog(&self) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::DeadAt.is_null()).count(self.reader()).await?)
    }

    /// Waits until this process queued a job, or `at_most`. A hint: other nodes' jobs and lapsed leases are found by polling.
    pub async fn wait_for_job(&self, at_most: Duration) {
        // Both ends are the same to the caller: it looks again.
        tokio::time::timeout(at_most, self.wake.notified()).await.unwrap_or_default();
    }

    /// The same for an image to fetch.
    pub async fn wait_for_fetch(&self, at_most: Duration) {
        tokio::time::timeout(at_most, self.fetches.notified()).await.unwrap_or_default();
    }

    /// Changes the job that a lease is for; not, when the lease was lost.
    async fn change(&self, lease: &Lease, change: impl FnOnce(UpdateMany<Entity>) -> UpdateMany<Entity>) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let changed = change(Entity::update_many()).filter(is_held(lease)).exec(&*write).await?;
        write.commit().await?;
        Ok(changed.rows_affected > 0)
    }
}

/// Whether a lease still stands; if so, its job is held against other transactions until this one ends.
pub(crate) async fn hold(write: &DatabaseTransaction, lease: &Lease) -> Result<bool, StoreError> {
    Ok(Entity::find().filter(is_held(lease)).lock_exclusive().one(write).await?.is_some())
}

/// The job is done.
pub(crate) async fn remove(write: &DatabaseTransaction, lease: &Lease) -> Result<bool, StoreError> {
    Ok(Entity::delete_many().filter(is_held(lease)).exec(write).await?.rows_affected > 0)
}

/// The job is given up, and kept for the operator to see.
pub(crate) async fn bury(write: &DatabaseTransaction, lease: &Lease, error: &str) -> Result<(), StoreError> {
    unleased(Entity::update_many())
        .col_expr(Column::DeadAt, Expr::value(Timestamp::now().0))
        .col_expr(Column::LastError, Expr::value(error))
        .filter(is_held(lease))
        .exec(write)
        .await?;
    Ok(())
}

/// Whether `more` jobs in this queue would be more than may live there: an instance whose nodes are away fills its own queue and
/// nobody else's. The count walks an index that this very bound keeps short.
pub(crate) async fn is_full(write: &DatabaseTransaction, queue: &str, more: usize, max_backlog: u64) -> Result<bool, StoreError> {
    let waiting = Entity::find().filter(Column::DeadAt.is_null().and(Column::Queue.eq(queue)));
    Ok(waiting.count(write).await? + more as u64 > max_backlog)
}

/// Queues a job in the transaction of the fact that caused it.
pub(crate) async fn insert(write: &DatabaseTransaction, job: &NewJob, now: Timestamp) -> Result<(), StoreError> {
    let leased = job.leased.as_ref();
    let row = ActiveModel {
        id: Set(leased.map_or_else(JobId::random, |leased| leased.id).0),
        name: Set(job.name.to_owned()),
        payload: Set(job.payload.to_string()),
        organization_id: Set(job.organization.0),
        lane: Set(job.lane.rank()),
        queue: Set(job.queue.clone()),
        run_at: Set(job.run_at.0),
        attempts: Set(i32::from(leased.is_some())),
        lease_until: Set(leased.map(|leased| (Timestamp::now() + leased.span).0)),
        lease_token: Set(leased.map(|leased| leased.token)),
        lease_holder: Set(leased.map(|leased| leased.holder.clone())),
        created_at: Set(now.0),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(write).await?;
    Ok(())
}

/// A lease whose time ran out still stands until somebody else claims the job: nobody is harmed by late good work.
fn is_held(lease: &Lease) -> Condition {
    Condition::all().add(Column::Id.eq(lease.job.0)).add(Column::LeaseToken.eq(lease.token))
}

fn unleased(job: UpdateMany<Entity>) -> UpdateMany<Entity> {
    job.col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
        .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
        .col_expr(Column::LeaseHolder, Expr::value(None::<String>))
}
