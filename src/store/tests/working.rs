//! The queue: crashes lose nothing, the dead are refused, and nobody waits behind another's flood.

use std::{collections::HashSet, time::Duration};

use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    time::Timestamp,
};

use super::{
    Fixture,
    fixture::{MINUTE, NAME, document, job},
    on_every_database,
};
use crate::{Asset, AssetStatus, Claim, DocumentStatus, Drawn, FailureCode, Submitted, Work};

on_every_database!(
    a_crashed_workers_job_is_claimed_again_and_its_late_writes_are_refused,
    a_job_runs_from_submission_to_the_last_picture,
    a_failed_try_comes_back_when_it_is_due_and_a_put_back_one_at_once,
    after_the_last_try_the_document_fails_and_the_job_is_kept_aside,
    claims_go_round_the_organisations,
    a_worker_claims_from_the_queues_it_serves,
    eight_workers_at_once_never_get_the_same_job,
    a_lease_has_one_holder_until_it_lapses,
    queueing_wakes_the_worker_of_this_process,
);

async fn a_crashed_workers_job_is_claimed_again_and_its_late_writes_are_refused(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let id = f.submitted(organization).await;
    let dead = f.claim("dead", 1, MINUTE).await.pop().expect("a job");
    assert!(f.store.begin(&dead.lease, id).await.expect("begin"));
    assert!(f.claim("alive", 1, MINUTE).await.is_empty(), "it is leased");
    // The minute passes.
    assert!(f.store.extend(&dead.lease, Duration::ZERO).await.expect("run out"));
    let alive = f.claim("alive", 1, MINUTE).await.pop().expect("the lease ran out");
    assert_eq!((alive.lease.job, dead.attempt, alive.attempt), (dead.lease.job, 1, 2));
    assert!(!f.finish(&dead, id).await.expect("refused"));
    assert!(!f.store.fail(&dead.lease, id, FailureCode::InvalidRequest, "late").await.expect("refused"));
    assert!(!f.store.extend(&dead.lease, MINUTE).await.expect("refused"));
    assert!(!f.store.complete(&dead.lease).await.expect("refused"));
    assert!(!f.store.retry(&dead.lease, Timestamp::now(), "late").await.expect("refused"));
    assert!(!f.store.begin(&dead.lease, id).await.expect("refused"));
    assert!(f.finish(&alive, id).await.expect("finish"));
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "settle"]);
}

async fn a_job_runs_from_submission_to_the_last_picture(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let id = f.submitted(organization).await;
    let job = f.claim_one().await;
    assert_eq!((job.name.as_str(), job.organization, &job.payload["document"]), (NAME, organization, &serde_json::json!(id)));
    assert!(f.store.begin(&job.lease, id).await.expect("begin"));
    assert_eq!(f.store.document(id).await.expect("document").expect("there").status, DocumentStatus::Analyzing);
    assert!(f.finish(&job, id).await.expect("finish"));
    assert!(f.store.extend(&job.lease, MINUTE).await.expect("still leased"));
    let ready = Drawn::Ready { object_key: "heatmaps/1.png".into(), content_type: "image/png".into() };
    assert!(f.store.set_asset(&job.lease, id, Asset::Heatmap, ready).await.expect("drawn"));
    assert!(f.store.set_asset(&job.lease, id, Asset::Preview, Drawn::Failed).await.expect("drawn"));
    assert!(f.store.complete(&job.lease).await.expect("complete"));
    let record = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((record.asset(Asset::Heatmap).status, record.preview.status), (AssetStatus::Ready, AssetStatus::Failed));
    assert_eq!(record.heatmap.object_key.as_deref(), Some("heatmaps/1.png"));
    assert!(record.finished_at.is_some());
    assert_eq!(f.store.backlog().await.expect("backlog"), 0);
}

async fn a_failed_try_comes_back_when_it_is_due_and_a_put_back_one_at_once(f: Fixture) {
    f.submitted(f.organization(1, 0).await).await;
    let job = f.claim_one().await;
    assert!(f.store.put_back(&job.lease).await.expect("put back"));
    let job = f.claim_one().await;
    assert_eq!(job.attempt, 1, "the try did not count");
    assert!(f.store.retry(&job.lease, Timestamp::now() + Duration::from_millis(700), "no memory").await.expect("retry"));
    assert!(f.claim("w", 1, MINUTE).await.is_empty(), "not yet due");
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(f.claim_one().await.attempt, 2);
}

async fn after_the_last_try_the_document_fails_and_the_job_is_kept_aside(f: Fixture) {
    let organization = f.organization(0, 1).await;
    let id = f.submitted(organization).await;
    let job = f.claim_one().await;
    assert!(f.store.give_up(&job.lease, Some(id), "It could not be judged.", "out of memory").await.expect("give up"));
    assert_eq!(f.store.document(id).await.expect("document").expect("there").status, DocumentStatus::Failed);
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "release"]);
    assert_eq!(f.store.backlog().await.expect("backlog"), 0);
    assert!(f.claim("w", 1, MINUTE).await.is_empty());
    assert!(!f.store.give_up(&job.lease, Some(id), "again", "again").await.expect("refused"));
}

async fn claims_go_round_the_organisations(f: Fixture) {
    let (flood, drop) = (f.organization(20, 0).await, f.organization(20, 0).await);
    for _ in 0..10 {
        let mut batch = document(flood, &f.upload(flood).await);
        batch.work = Work::Image(NewJob { lane: Lane::Batch, ..job(flood, batch.id) });
        assert!(matches!(f.submit(batch).await, Submitted::Created(_)));
    }
    let mut late = document(drop, &f.upload(drop).await);
    late.work = Work::Image(NewJob { lane: Lane::Batch, ..job(drop, late.id) });
    assert!(matches!(f.submit(late).await, Submitted::Created(_)));
    let watched = f.submitted(drop).await;

    let first = f.claim("w", 1, MINUTE).await.pop().expect("a job");
    assert_eq!(first.payload["document"], serde_json::json!(watched), "somebody waits for it");
    let four = Claim { worker: "four", names: &[NAME], queues: None, limit: 4, permits: 4, lease: MINUTE };
    let next: Vec<_> = f.store.claim(four).await.expect("claim").into_iter().map(|job| job.organization).collect();
    assert_eq!(next, [flood, drop, flood, flood], "round, and no permit idles when only one waits");
    f.submitted(drop).await;
    // It holds three of four permits: while others wait it gets no more.
    let one = f.store.claim(Claim { limit: 1, ..four }).await.expect("claim").pop().expect("a job");
    assert_eq!(one.organization, drop);
}

// T4
async fn a_worker_claims_from_the_queues_it_serves(f: Fixture) {
    let (flood, drop) = (f.organization(20, 0).await, f.organization(20, 0).await);
    let submit = async |organization, queue: &str, most| {
        let mut new = document(organization, &f.upload(organization).await);
        new.work = Work::Image(NewJob { queue: queue.to_owned(), ..job(organization, new.id) });
        f.store.submit(new, most).await.expect("submit")
    };
    // More than one claim looks at, all for an instance that nobody serves.
    for _ in 0..6 {
        assert!(matches!(submit(flood, "away", 6).await, Submitted::Created(_)));
    }
    assert_eq!(submit(drop, "away", 6).await, Submitted::Busy, "its own queue is full");
    for organization in [flood, flood, flood, drop] {
        assert!(matches!(submit(organization, "", 6).await, Submitted::Created(_)), "the others are not");
    }
    let queues = ["".to_owned(), "here".to_owned()];
    let shared = Claim { worker: "shared", names: &[NAME], queues: Some(&queues), limit: 2, permits: 4, lease: MINUTE };
    let claim = async |wanted| f.store.claim(wanted).await.expect("claim").iter().map(|job| job.organization).collect::<Vec<_>>();
    assert_eq!(claim(shared).await, [flood, drop], "round the organisations, as ever");
    assert_eq!(claim(shared).await, [flood, flood]);
    assert_eq!(claim(shared).await, []);
    let away = ["away".to_owned()];
    assert_eq!(claim(Claim { worker: "away", queues: Some(&away), ..shared }).await.len(), 2);
    assert_eq!(
        claim(Claim { worker: "all", queues: None, limit: 9, ..shared }).await.len(),
        4,
        "whoever serves every queue finds the rest"
    );
}

async fn eight_workers_at_once_never_get_the_same_job(f: Fixture) {
    let organization = f.organization(60, 0).await;
    for _ in 0..60 {
        f.submitted(organization).await;
    }
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let store = f.store.clone();
            tokio::spawn(async move {
                let (worker, mut mine) = (format!("w{n}"), Vec::new());
                loop {
                    let claim = Claim { worker: &worker, names: &[NAME], queues: None, limit: 3, permits: 3, lease: MINUTE };
                    let jobs = store.claim(claim).await.expect("claim");
                    // Another node's unfinished claim hides jobs for a moment only.
                    if jobs.is_empty() {
                        return mine;
                    }
                    mine.extend(jobs.into_iter().map(|job| job.lease.job));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.expect("joined"));
    }
    assert_eq!(all.len(), all.iter().collect::<HashSet<_>>().len(), "no job twice");
    all.extend(f.claim("last", 60, MINUTE).await.into_iter().map(|job| job.lease.job));
    assert_eq!(all.len(), 60);
}

async fn a_lease_has_one_holder_until_it_lapses(f: Fixture) {
    let blink = Duration::from_millis(700);
    assert!(f.store.take_lease("sweep", "a", blink).await.expect("lease"));
    assert!(f.store.take_lease("sweep", "a", blink).await.expect("kept"));
    assert!(!f.store.take_lease("sweep", "b", blink).await.expect("held"));
    assert!(f.store.take_lease("bill", "b", blink).await.expect("another lease"));
    tokio::time::sleep(blink + Duration::from_millis(100)).await;
    assert!(f.store.take_lease("sweep", "b", blink).await.expect("lapsed"));
}

async fn queueing_wakes_the_worker_of_this_process(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let key = f.upload(organization).await;
    let new = document(organization, &key);
    let wait = f.store.wait_for_job(MINUTE);
    let (_, made) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(wait, f.submit(new)) }).await.expect("woken");
    assert!(matches!(made, Submitted::Created(DocumentId(_))));
    f.store.wait_for_job(Duration::from_millis(5)).await;
}
