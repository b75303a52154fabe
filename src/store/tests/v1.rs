//! What /v1 asks of the store: a request that is repeated, an image that has ended, and one that is fetched too late.

use std::time::Duration;

use touchstone_core::time::Timestamp;

use super::{
    Fixture,
    fixture::{MINUTE, document, job},
    on_every_database,
};
use crate::{Asset, Drawn, NewDocument, StoreError, Submitted};

on_every_database!(
    a_question_is_known_again_while_its_asker_was_told_to_come_back,
    what_has_no_heatmap_yet_is_not_told,
    a_fetched_image_that_a_sweep_has_is_not_taken,
);

// V1, T17
async fn a_question_is_known_again_while_its_asker_was_told_to_come_back(f: Fixture) {
    let organization = f.organization(9, 0).await;
    let new = NewDocument { question: Some("q".into()), ..document(organization, &f.upload(organization).await) };
    let id = new.id;
    let since = Timestamp::now() - MINUTE;
    let asked = async |question: &str, since, waited| f.store.asked_before(question, since, waited).await.expect("asked");
    assert_eq!(asked("q", since, MINUTE).await, None);
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    assert_eq!(asked("q", since, MINUTE).await, Some(id), "it is being judged");
    assert_eq!(asked("r", since, MINUTE).await, None);
    assert_eq!(asked("q", Timestamp::now() + MINUTE, MINUTE).await, None, "long ago");
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish") && f.store.finish_drawing(&job.lease, id).await.expect("done"));
    assert_eq!(asked("q", since, MINUTE).await, None, "it was in time, and was answered");
    let slow = "UPDATE document SET created_at = created_at - 30000";
    sea_orm::ConnectionTrait::execute_unprepared(f.store.writer(), slow).await.expect("older");
    assert_eq!(asked("q", since, Duration::from_secs(29)).await, Some(id), "nobody was told its verdict");
    assert_eq!(asked("q", since, MINUTE).await, None);
}

// V3
async fn what_has_no_heatmap_yet_is_not_told(f: Fixture) {
    let id = f.submitted(f.organization(1, 0).await).await;
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish"));
    let read = async || f.store.document(id).await.expect("document").expect("there");
    let judged = read().await;
    assert!(judged.is_final() && !judged.is_told(), "its heatmap is being drawn");
    assert!(f.store.set_asset(&job.lease, id, Asset::Heatmap, Drawn::Failed).await.expect("drawn"));
    assert!(read().await.is_told());
    assert!(f.store.finish_drawing(&job.lease, id).await.expect("done"));
}

// V2, V12
async fn a_fetched_image_that_a_sweep_has_is_not_taken(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let id = f.submitted(organization).await;
    let (claimed, judge) = (f.claim_one().await, job(organization, id));
    let late = f.upload(organization).await;
    assert!(f.store.expire_upload(&late).await.expect("marked"));
    let fetched = f.store.fetched(&claimed.lease, id, (&late, "e2"), &judge).await;
    assert!(matches!(fetched, Err(StoreError::UploadGone(gone)) if gone == late));
    let fresh = f.upload(organization).await;
    let fetched = f.store.fetched(&claimed.lease, id, (&fresh, "e2"), &judge).await;
    assert!(fetched.expect("the job is still there"), "and is tried again");
    assert_eq!(f.store.document(id).await.expect("document").expect("there").object_key, fresh);
    f.sound().await;
}
