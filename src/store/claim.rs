//! Claiming: from everything that is due to the few jobs that this worker runs now.
//!
//! The candidates are read once, the order among them is [`crate::turns`]', and the database settles races: a job that another
//! node took in between is passed over and the next candidate tried.

use std::{collections::HashMap, time::Duration};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult, Iterable, Order, QueryFilter,
    QuerySelect,
    sea_query::{Expr, Func, LockBehavior, LockType, Query, SelectStatement, WindowStatement},
};
use serde_json::Value;
use touchstone_core::{
    ids::{JobId, OrganizationId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    Lease, Store, StoreError,
    entities::job::{Column, Entity, Model},
    turns::Waiting,
};

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who asks: one name a process, fresh at each start.
    pub worker: &'a str,
    /// The kinds of work it can do.
    pub names: &'a [&'a str],
    /// The queues it serves, "" for the shared one; `None`: every queue.
    pub queues: Option<&'a [String]>,
    /// How many it wants now: its free permits.
    pub limit: u32,
    /// How many it runs at most: while others wait, one organisation gets no more than half of them.
    pub permits: u32,
    /// How long before others may take them over.
    pub lease: Duration,
}

/// A job to run now.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The right to work on it.
    pub lease: Lease,
    /// `core::job::Job::NAME`.
    pub name: String,
    /// The job itself.
    pub payload: Value,
    /// Whose work it is.
    pub organization: OrganizationId,
    /// Which try this is, from 1. Above the job's `ATTEMPTS`: give it up.
    pub attempt: i32,
}

/// How many candidates one claim looks at, at most, whatever waits.
const CANDIDATES: u64 = 1000;

/// What one worker holds of one organisation's.
#[derive(FromQueryResult)]
struct Held {
    organization_id: Uuid,
    jobs: i64,
}

#[derive(FromQueryResult)]
struct Candidate {
    seq: i64,
    organization_id: Uuid,
    lane: i32,
}

impl Store {
    /// Leases up to `limit` jobs that are due: whoever waits before batches, round the organisations, in order within each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(&self, claim: Claim<'_>) -> Result<Vec<ClaimedJob>, StoreError> {
        let now = Timestamp::now();
        // Outside the write lock: most polls find nothing, and candidates are checked again when they are leased.
        let mut waiting = self.waiting(&claim, now).await?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let mut held = self.held(&claim, now).await?;
        let write = self.write().await?;
        let mut claimed = Vec::new();
        while claimed.len() < claim.limit as usize {
            let picked = self.pick(&mut waiting, &mut held, claim.permits, claim.limit as usize - claimed.len());
            if picked.is_empty() {
                break;
            }
            claimed.extend(lease(&write, &picked, &claim, now).await?);
        }
        write.commit().await?;
        claimed.into_iter().map(read).collect()
    }

    /// In the order in which they shall run.
    fn pick(&self, waiting: &mut Vec<Waiting>, held: &mut HashMap<OrganizationId, u32>, permits: u32, count: usize) -> Vec<i64> {
        let mut turns = self.turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (0..count).map_while(|_| turns.next(waiting, held, permits)).map(|job| job.seq).collect()
    }

    async fn waiting(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        let rows = self.reader().query_all(&candidates(claim, now)).await?;
        let rows = rows.iter().map(|row| Candidate::from_query_result(row, "")).collect::<Result<Vec<_>, _>>()?;
        let waiting = |row: Candidate| Waiting { seq: row.seq, organization: OrganizationId(row.organization_id), lane: row.lane };
        Ok(rows.into_iter().map(waiting).collect())
    }

    async fn held(&self, claim: &Claim<'_>, now: Timestamp) -> Result<HashMap<OrganizationId, u32>, StoreError> {
        let rows = Entity::find()
            .select_only()
            .column(Column::OrganizationId)
            .column_as(Column::Seq.count(), "jobs")
            .filter(Column::LeaseHolder.eq(claim.worker).and(Column::LeaseUntil.gt(now.0)))
            .group_by(Column::OrganizationId)
            .into_model::<Held>()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|row| (OrganizationId(row.organization_id), u32::try_from(row.jobs).unwrap_or(u32::MAX))).collect())
    }
}

/// Not dead, due, and nobody's.
fn is_due(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::DeadAt.is_null())
        .add(Column::RunAt.lte(now.0))
        .add(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now.0)))
}

/// Nothing where a worker serves every queue: then also those that no configuration names any more.
fn is_served(claim: &Claim<'_>) -> Option<Expr> {
    claim.queues.map(|queues| Column::Queue.is_in(queues.iter().map(String::as_str)))
}

/// The first `limit` due jobs of every organisation: no claim can need more of one.
fn candidates(claim: &Claim<'_>, now: Timestamp) -> SelectStatement {
    let order = WindowStatement::partition_by(Column::OrganizationId)
        .order_by(Column::Lane, Order::Asc)
        .order_by(Column::RunAt, Order::Asc)
        .order_by(Column::Seq, Order::Asc)
        .take();
    let due = Query::select()
        .columns([Column::Seq, Column::OrganizationId, Column::Lane])
        .expr_window_as(Func::cust("ROW_NUMBER"), order, "place")
        .from(Entity)
        .cond_where(is_due(now).add(Column::Name.is_in(claim.names.iter().copied())).add_option(is_served(claim)))
        .take();
    Query::select()
        .columns([Column::Seq, Column::OrganizationId, Column::Lane])
        .from_subquery(due, "due")
        .and_where(Expr::col("place").lte(i64::from(claim.limit)))
        .order_by(Column::Lane, Order::Asc)
        .order_by("place", Order::Asc)
        .order_by(Column::Seq, Order::Asc)
        .limit(CANDIDATES)
        .take()
}

/// Leases those of `picked` that are still due, in the order picked.
async fn lease(write: &DatabaseTransaction, picked: &[i64], claim: &Claim<'_>, now: Timestamp) -> Result<Vec<Model>, StoreError> {
    let free = Query::select()
        .column(Column::Seq)
        .from(Entity)
        .cond_where(is_due(now).add(Column::Seq.is_in(picked.iter().copied())))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .take();
    let update = Query::update()
        .table(Entity)
        .value(Column::LeaseUntil, (Timestamp::now() + claim.lease).0)
        .value(Column::LeaseToken, Uuid::new_v4())
        .value(Column::LeaseHolder, claim.worker)
        .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .and_where(Column::Seq.in_subquery(free))
        .returning(Query::returning().columns(Column::iter()))
        .take();
    let rows = write.query_all(&update).await?;
    let mut leased = rows.iter().map(|row| Model::from_query_result(row, "")).collect::<Result<Vec<_>, _>>()?;
    leased.sort_by_key(|job| picked.iter().position(|seq| *seq == job.seq));
    Ok(leased)
}

fn read(row: Model) -> Result<ClaimedJob, StoreError> {
    let unreadable = |what| StoreError::Unreadable { row: format!("job {}", row.id), what };
    let payload = serde_json::from_str(&row.payload).map_err(|_| unreadable("payload"))?;
    let token = row.lease_token.ok_or_else(|| unreadable("lease_token"))?;
    Ok(ClaimedJob {
        lease: Lease { job: JobId(row.id), token },
        payload,
        name: row.name,
        organization: OrganizationId(row.organization_id),
        attempt: row.attempts,
    })
}
