//! Credits: never below nothing, never twice, and always explained by the ledger.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::time::timeout;
use touchstone_core::{credit::Credits, ids::OrganizationId};

use super::{
    Fixture,
    fixture::{document, verdict},
    on_every_database,
};
use crate::{Analyzed, AssetStatus, DocumentStatus, FailureCode, Finished, Settlement, StoreError, Submitted};

on_every_database!(
    fifty_credits_pay_for_fifty_of_two_hundred_submissions_at_once,
    a_verdict_spends_the_credit_once,
    a_failure_gives_back_what_was_taken_once,
    work_that_is_cut_off_anywhere_is_whole_or_not_there,
    metered_organisations_and_test_keys_pay_nothing,
    a_grant_adds_up_and_an_unknown_organisation_is_told,
);

// B2: money survives a power cut. Read from the connection that writes.
#[tokio::test]
async fn every_commit_on_sqlite_reaches_the_disk() {
    let f = Fixture::sqlite().await;
    for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
        let read = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {pragma}"));
        let row = f.store.writer().query_one_raw(read).await.expect("answers").expect("one row");
        assert_eq!(row.try_get_by_index::<i32>(0).expect("a number"), expected, "{pragma}");
    }
}

async fn fifty_credits_pay_for_fifty_of_two_hundred_submissions_at_once(f: Fixture) {
    let organization = f.organization(30, 20).await;
    let mut uploads = Vec::new();
    for _ in 0..200 {
        uploads.push(f.upload(organization).await);
    }
    let storm = uploads.into_iter().map(|key| {
        let (store, new) = (f.store.clone(), document(organization, &key));
        tokio::spawn(async move { store.submit(new, 100_000).await.expect("submit") })
    });
    let (mut created, mut refused) = (0, 0);
    for answer in storm.collect::<Vec<_>>() {
        match answer.await.expect("joined") {
            Submitted::Created(_) => created += 1,
            Submitted::NotEnoughCredits => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((created, refused), (50, 150));
    assert_eq!(f.credits(organization).await, Credits::default());
    assert_eq!(f.ledger(organization).await.len(), 1 + 50);
    assert_eq!(f.store.backlog().await.expect("backlog"), 50);
}

async fn a_verdict_spends_the_credit_once(f: Fixture) {
    let organization = f.organization(1, 1).await;
    let id = f.submitted(organization).await;
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish"));
    // As after a crash right behind the commit: the same worker, or the next, does it again.
    assert!(f.finish(&job, id).await.expect("finish again"));
    assert!(f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "too late").await.expect("fail after"), "the job ends");
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "settle"]);
    let record = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((record.status, record.settlement), (DocumentStatus::Done, Settlement::Settled));
    assert_eq!((record.verdict, record.error_message), (Some(verdict()), None));
    assert_eq!(record.heatmap.status, AssetStatus::Failed, "nobody draws it any more");
    assert_eq!(f.credits(organization).await, Credits { base: 0, boost: 1 });
}

async fn a_failure_gives_back_what_was_taken_once(f: Fixture) {
    let organization = f.organization(1, 5).await;
    let mut new = document(organization, &f.upload(organization).await);
    new.cost = 3;
    let id = new.id;
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    assert_eq!(f.credits(organization).await, Credits { base: 0, boost: 3 });
    let job = f.claim_one().await;
    assert!(f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "not an image").await.expect("fail"));
    assert!(!f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "not an image").await.expect("fail again"), "the job is gone");
    assert_eq!(f.credits(organization).await, Credits { base: 1, boost: 5 });
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "release"]);
    let record = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((record.status, record.settlement), (DocumentStatus::Failed, Settlement::Released));
    assert_eq!(record.error_message.as_deref(), Some("not an image"));
}

/// Rounds of cutting off, each a little later.
const CUTS: u64 = 60;

// B2: as when the client hangs up, or the process is told to stop.
async fn work_that_is_cut_off_anywhere_is_whole_or_not_there(f: Fixture) {
    let organization = f.organization(10, CUTS as i64 - 10).await;
    for cut in (0..CUTS).map(|round| Duration::from_micros(round * round)) {
        let mut new = document(organization, &f.upload(organization).await);
        new.explicit = true;
        let id = new.id;
        drop(timeout(cut, f.store.submit(new.clone(), 100)).await);
        assert!(matches!(f.submit(new).await, Submitted::Created(made) | Submitted::Replayed(made) if made == id));
        let job = f.claim_one().await;
        drop(timeout(cut, f.finish(&job, id)).await);
        assert!(f.finish(&job, id).await.expect("finish") && f.store.complete(&job.lease).await.expect("complete"));
    }
    assert_eq!((f.credits(organization).await, f.units(organization).await), (Credits::default(), CUTS as i64));
    assert_eq!(f.ledger(organization).await.len(), 1 + 2 * CUTS as usize);
    f.sound().await;
}

async fn metered_organisations_and_test_keys_pay_nothing(f: Fixture) {
    let metered = f.metered().await;
    let id = f.submitted(metered).await;
    let job = f.claim_one().await;
    let finished = Finished {
        verdict: &verdict(),
        regions: &[],
        forensics: None,
        heatmap: AssetStatus::None,
        preview: AssetStatus::None,
        analysis: Analyzed::None,
        content_key: None,
        cached: None,
    };
    assert!(f.store.finish(&job.lease, id, finished).await.expect("finish"));
    assert_eq!((f.ledger(metered).await, f.units(metered).await), (vec!["settle".to_owned()], 1), "counted, and nothing is moved");

    let broke = f.organization(0, 0).await;
    let mut new = document(broke, &f.upload(broke).await);
    new.test = true;
    let id = new.id;
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    assert!(f.store.document(id).await.expect("document").expect("there").test);
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish"));
    assert!(f.ledger(broke).await.is_empty(), "a test key is not even counted");
}

async fn a_grant_adds_up_and_an_unknown_organisation_is_told(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let left = f.store.grant(organization, Credits { base: 2, boost: 3 }, Some("welcome")).await.expect("grant");
    assert_eq!(left, Credits { base: 2, boost: 3 });
    assert_eq!(f.ledger(organization).await, ["grant"]);
    let stranger = OrganizationId::random();
    let refused = f.store.grant(stranger, left, None).await;
    assert!(matches!(refused, Err(StoreError::NoOrganization(id)) if id == stranger), "{refused:?}");
}
