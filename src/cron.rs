//! What is due by the clock. Every node may run this; a lease in the database lets one of them do each round.
//!
//! Times are UTC: the scheduler is an hour off around a change of daylight-saving time in any other zone.

use std::{sync::Arc, time::Duration};

use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;
use touchstone_billing::Billing;
use touchstone_core::{day::Day, time::Timestamp};
use touchstone_moderation::{Keeper, Road, Swept};
use touchstone_store::Store;

/// Second, minute, hour, day, month, weekday: ten past every hour.
const SWEEP_UPLOADS: &str = "0 10 * * * *";

/// Half past every hour.
const SWEEP_WEBHOOKS: &str = "0 30 * * * *";
/// Every five minutes, past the full one, when everybody else is at work.
const LET_GO: &str = "40 */5 * * * *";

/// Twenty past midnight: the day before is over everywhere, and its last documents are judged.
const SYNC_USAGE: &str = "0 20 0 * * *";

/// Every hour, five seconds late for the sake of clocks that are not quite right: the first one of a month is the one that counts.
const RESET_ALLOWANCES: &str = "5 0 * * * *";

/// How long a round may take before another node may begin one.
const ROUND: Duration = Duration::from_secs(600);

/// The lease of whoever sends usage.
const SYNCING: &str = "sync_usage";

/// The lease whose end is when a round of sending usage was last completed.
const SYNCED: &str = "sync_usage:completed";

/// [`SYNC_USAGE`] as what has passed of the day.
const SYNC_AT: Duration = Duration::from_secs(20 * 60);

/// How often a round that is to be made up for looks whether another node's is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs the clock's work until `stop` is cancelled.
///
/// # Errors
/// When the scheduler does not start.
pub async fn run_until(store: Store, road: Road, billing: Billing, stop: CancellationToken) -> anyhow::Result<()> {
    let mut scheduler = JobScheduler::new().await?;
    let name = Arc::new(crate::worker::node_name());
    let (resets, node) = (store.clone(), name.clone());
    let (synced, sends, syncer) = (store.clone(), billing.clone(), name.clone());
    let (swept, sweeper) = (store.clone(), name.clone());
    let (told, forgets, forgetter) = (store.clone(), road.clone(), name.clone());
    let (kept, keeper, its) = (store.clone(), road.keeper(), name.clone());
    scheduler
        .add(Job::new_async(LET_GO, move |_, _| {
            let (store, keeper, name) = (kept.clone(), keeper.clone(), its.clone());
            Box::pin(async move { let_go(&store, &keeper, &name).await })
        })?)
        .await?;
    scheduler
        .add(Job::new_async(SWEEP_UPLOADS, move |_, _| {
            let (store, road, name) = (swept.clone(), road.clone(), sweeper.clone());
            Box::pin(async move { sweep_uploads(&store, &road, &name).await })
        })?)
        .await?;
    scheduler
        .add(Job::new_async(SWEEP_WEBHOOKS, move |_, _| {
            let (store, road, name) = (told.clone(), forgets.clone(), forgetter.clone());
            Box::pin(async move { sweep_webhooks(&store, &road, &name).await })
        })?)
        .await?;
    scheduler
        .add(Job::new_async(RESET_ALLOWANCES, move |_, _| {
            let (store, name) = (resets.clone(), node.clone());
            Box::pin(async move { reset_allowances(&store, &name).await })
        })?)
        .await?;
    scheduler
        .add(Job::new_async(SYNC_USAGE, move |_, _| {
            let (store, billing, name) = (synced.clone(), sends.clone(), syncer.clone());
            Box::pin(async move {
                if !sync_usage(&store, &billing, &name).await {
                    // Another node is at it: unless it dies over it, this one has nothing to do.
                    make_up_for_usage(&store, &billing, &name).await;
                }
            })
        })?)
        .await?;
    scheduler.start().await?;
    tokio::select! {
        () = make_up_for_usage(&store, &billing, &name) => stop.cancelled().await,
        () = stop.cancelled() => {}
    }
    scheduler.shutdown().await?;
    Ok(())
}

/// Does a round's work where no other round of it is going on, on this node or another; `None` where one is. The lease is the round's: it is
/// renewed for as long as the work takes, and given back after it.
///
/// # Errors
/// When the database fails, or the work does.
pub async fn once<T>(store: &Store, name: &str, node: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Option<T>> {
    let round = format!("{node}/{}", uuid::Uuid::new_v4());
    if !store.take_lease(name, &round, ROUND).await? {
        return Ok(None);
    }
    let renewed = async {
        loop {
            tokio::time::sleep(ROUND / 4).await;
            if let Err(error) = store.take_lease(name, &round, ROUND).await {
                tracing::warn!(%error, name, "the lease of a round could not be renewed");
            }
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = renewed => never,
    };
    store.release_lease(name, &round).await?;
    done.map(Some)
}

async fn sweep_uploads(store: &Store, road: &Road, node: &str) {
    let swept = once(store, "sweep_uploads", node, async {
        if let Err(error) = store.forget_turns().await {
            tracing::error!(%error, "the limits of who has not asked for long could not be forgotten; the next sweep tries again");
        }
        road.sweep_uploads().await
    });
    match swept.await {
        Ok(None) => {}
        Ok(Some(gone)) => tracing::info!(gone, "uploads that nobody submitted were deleted"),
        Err(error) => tracing::error!(error = format!("{error:#}"), "the sweep of uploads failed; the next one tries again"),
    }
}

async fn sweep_webhooks(store: &Store, road: &Road, node: &str) {
    match once(store, "sweep_webhooks", node, road.sweep_webhooks()).await {
        Ok(None | Some(0)) => {}
        Ok(Some(gone)) => tracing::info!(gone, "old events of webhooks were forgotten"),
        Err(error) => tracing::error!(error = format!("{error:#}"), "the sweep of webhooks failed; the next one tries again"),
    }
}

async fn let_go(store: &Store, keeper: &Keeper, node: &str) {
    match once(store, "let_go", node, keeper.sweep()).await {
        Ok(None) => {}
        Ok(Some(swept)) if swept == Swept::default() => {}
        Ok(Some(Swept { originals, pictures, documents, objects })) => {
            tracing::info!(originals, pictures, documents, objects, "what was kept long enough was let go");
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "not everything could be let go whose time is over; the next sweep goes on")
        }
    }
}

async fn reset_allowances(store: &Store, node: &str) {
    let reset = match store.take_lease("reset_allowances", node, ROUND).await {
        Ok(false) => return,
        Ok(true) => store.reset_allowances().await,
        Err(error) => Err(error),
    };
    match reset {
        Ok(0) => {}
        Ok(organizations) => tracing::info!(organizations, "a month has begun: base credits are the plan's again"),
        Err(error) => tracing::error!(%error, "monthly credits could not all be reset; the next round tries again"),
    }
}

/// Makes up for a daily round that nobody was there to run, or that a node died over: its lease is waited for.
pub async fn make_up_for_usage(store: &Store, billing: &Billing, node: &str) {
    while is_missed(store, node).await && !sync_usage(store, billing, node).await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the last round that was due was not completed.
///
/// A database on which none ever was has nothing to be made up for: it is marked, and its first round is the next one.
async fn is_missed(store: &Store, node: &str) -> bool {
    match store.lease_until(SYNCED).await {
        Ok(Some(completed)) => completed < last_due(Timestamp::now()),
        Ok(None) => {
            mark_synced(store, node).await;
            false
        }
        Err(error) => {
            tracing::error!(%error, "nobody knows when usage was last sent");
            false
        }
    }
}

/// When a daily round was last due.
fn last_due(now: Timestamp) -> Timestamp {
    let today = Day::of(now);
    let due = today.start() + SYNC_AT;
    if due <= now { due } else { today.plus(-1).start() + SYNC_AT }
}

/// Sends the use of every full day that Stripe still takes, and whatever waits from before. What fails is tried again the next day.
/// `false`: another node is at it, or died over it not long ago.
pub async fn sync_usage(store: &Store, billing: &Billing, node: &str) -> bool {
    if !billing.sends() {
        return true;
    }
    let billed = match store.take_lease(SYNCING, node, ROUND).await {
        Ok(false) => return false,
        Ok(true) => billing.billed().await.map_err(anyhow::Error::from),
        Err(error) => Err(error.into()),
    };
    let billed = match billed {
        Ok(billed) => billed,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "usage could not be sent; the next day tries again");
            return true;
        }
    };
    for organization in billed {
        let organization = organization.id;
        // Kept as long as the round goes on, which with many organisations is long.
        if let Ok(false) = store.take_lease(SYNCING, node, ROUND).await {
            return false;
        }
        match billing.sync_round(organization).await {
            Ok(report) => tracing::info!(%organization, sent = report.value_sent_to_stripe, message = report.message, "usage was sent"),
            Err(refusal) => tracing::error!(%organization, %refusal, "usage could not be sent; the next day tries again"),
        }
    }
    mark_synced(store, node).await;
    true
}

/// A lease that has run out already: what counts is when.
async fn mark_synced(store: &Store, node: &str) {
    if let Err(error) = store.take_lease(SYNCED, node, Duration::ZERO).await {
        tracing::error!(%error, "it could not be written down that usage was sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_due_twenty_minutes_after_midnight() {
        // B4
        let minute = |day: i32, minutes: u32| Day(day).start() + Duration::from_secs(60) * minutes;
        for (now, due) in [
            (minute(100, 19), minute(99, 20)),
            (minute(100, 20), minute(100, 20)),
            (minute(100, 45), minute(100, 20)),
            (minute(100, 1439), minute(100, 20)),
        ] {
            assert_eq!(last_due(now), due);
        }
    }
}
