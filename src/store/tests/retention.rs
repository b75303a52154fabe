//! What is let go of, and what it costs to take a verdict over.

use std::time::Duration;

use touchstone_core::{credit::Credits, ids::DocumentId, time::Timestamp};

use super::{
    Fixture,
    fixture::{MINUTE, document, verdict},
    on_every_database,
};
use crate::{
    Analyzed, Asset, AssetStatus, DocumentStatus, Drawn, Erasure, Finished, Forgotten, Price, Settlement, Stopped, Submitted, UploadState,
};

on_every_database!(
    an_original_goes_when_its_last_document_has_ended_and_is_submitted_no_more,
    of_a_submission_and_a_sweep_at_once_one_wins,
    a_mark_of_somebody_who_died_is_found_again,
    a_verdict_that_is_given_away_leaves_no_use_and_adds_up,
    what_a_worker_has_in_hand_is_not_erased_and_what_waits_is_paid_back,
    forgotten_pictures_are_doomed_until_their_bytes_are_gone,
);

/// Nobody's submission is repeated any more.
fn later() -> Timestamp {
    Timestamp::now() + MINUTE
}

// V12, T17
async fn an_original_goes_when_its_last_document_has_ended_and_is_submitted_no_more(f: Fixture) {
    let organization = f.organization(3, 0).await;
    let key = f.upload(organization).await;
    for explicit in [true, false] {
        let new = crate::NewDocument { explicit, ..document(organization, &key) };
        assert!(matches!(f.submit(new).await, Submitted::Created(_)));
    }
    let due = || f.store.due_originals(later(), 10);
    for ended in 0..2 {
        assert!(due().await.expect("due").is_empty(), "{ended} of 2 have ended");
        let job = f.claim_one().await;
        let id: DocumentId = serde_json::from_value(job.payload["document"].clone()).expect("an id");
        assert!(f.finish(&job, id).await.expect("finish"));
        assert!(due().await.expect("due").is_empty(), "its pictures are drawn from it");
        assert!(f.store.finish_drawing(&job.lease, id).await.expect("drawn"));
    }
    assert!(f.store.due_originals(Timestamp::now() - MINUTE, 10).await.expect("due").is_empty(), "it may be submitted again");
    assert_eq!(due().await.expect("due"), std::slice::from_ref(&key));
    assert_eq!(f.store.expire_originals(std::slice::from_ref(&key), later()).await.expect("marked"), std::slice::from_ref(&key));
    f.store.originals_are_gone(std::slice::from_ref(&key), |_| true).await.expect("gone");
    assert_eq!(f.store.upload(&key).await.expect("upload").expect("there").state, UploadState::Removed);
    assert_eq!(f.store.submitted_version(&key).await.expect("version").as_deref(), Some("e1"));
    assert!(matches!(f.submit(document(organization, &key)).await, Submitted::Replayed(_)));
    let other = crate::NewDocument { object_etag: "e2".into(), ..document(organization, &key) };
    assert_eq!(f.submit(other).await, Submitted::NoUpload);
}

// V12
async fn of_a_submission_and_a_sweep_at_once_one_wins(f: Fixture) {
    let organization = f.organization(100, 0).await;
    for _ in 0..20 {
        let key = f.upload(organization).await;
        assert!(matches!(f.submit(document(organization, &key)).await, Submitted::Created(_)));
        let job = f.claim_one().await;
        let id: DocumentId = serde_json::from_value(job.payload["document"].clone()).expect("an id");
        assert!(f.finish(&job, id).await.expect("finish") && f.store.finish_drawing(&job.lease, id).await.expect("drawn"));
        let again = crate::NewDocument { object_etag: "e2".into(), ..document(organization, &key) };
        let keys = [key];
        let (submitted, marked) = tokio::join!(f.submit(again), f.store.expire_originals(&keys, later()));
        let marked = marked.expect("marked");
        match submitted {
            Submitted::Created(_) => {
                assert!(marked.is_empty(), "a document needs it");
                f.store.complete(&f.claim_one().await.lease).await.expect("complete");
            }
            other => assert_eq!((other, marked.len()), (Submitted::NoUpload, 1)),
        }
    }
}

// V12
async fn a_mark_of_somebody_who_died_is_found_again(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let key = f.upload(organization).await;
    assert!(f.store.expire_upload(&key).await.expect("marked"));
    assert!(f.store.due_originals(later(), 10).await.expect("due").is_empty(), "somebody may be at it");
    let old = format!("UPDATE upload SET expiring_since = expiring_since - {}", Duration::from_secs(601).as_millis());
    sea_orm::ConnectionTrait::execute_unprepared(f.store.writer(), &old).await.expect("older");
    assert_eq!(f.store.due_originals(later(), 10).await.expect("due"), std::slice::from_ref(&key));
    assert_eq!(f.store.expire_originals(std::slice::from_ref(&key), later()).await.expect("marked").len(), 1);
    f.store.originals_are_gone(std::slice::from_ref(&key), |_| false).await.expect("gone");
    assert!(f.store.upload(&key).await.expect("upload").is_none());
}

// V11, B2
async fn a_verdict_that_is_given_away_leaves_no_use_and_adds_up(f: Fixture) {
    for month_passes in [false, true] {
        let organization = f.organization(1, 1).await;
        for _ in 0..2 {
            let id = f.submitted(organization).await;
            if month_passes {
                f.month_passes().await;
            }
            let job = f.claim_one().await;
            let verdict = verdict();
            let finished = Finished {
                verdict: &verdict,
                regions: &[],
                forensics: None,
                heatmap: AssetStatus::None,
                preview: AssetStatus::None,
                analysis: Analyzed::None,
                content_key: Some("k"),
                cached: Some(Price::Nothing),
            };
            assert!(f.store.finish(&job.lease, id, finished).await.expect("finish"));
            assert!(f.store.complete(&job.lease).await.expect("complete"));
            let document = f.store.document(id).await.expect("document").expect("there");
            assert_eq!((document.cached, document.settlement), (true, Settlement::Settled));
            let found = f.store.judged_before(organization, "k", false).await.expect("found").expect("there");
            assert_eq!(found.id, id, "the newest");
            assert!(f.store.judged_before(organization, "k", true).await.expect("found").is_none(), "no test key's");
        }
        assert_eq!(f.units(organization).await, 0);
        if !month_passes {
            assert_eq!(f.credits(organization).await, Credits { base: 1, boost: 1 });
        }
    }
    f.sound().await;
}

// V12, B2
async fn what_a_worker_has_in_hand_is_not_erased_and_what_waits_is_paid_back(f: Fixture) {
    let organization = f.organization(2, 0).await;
    let (held, waits) = (f.submitted(organization).await, f.submitted(organization).await);
    let job = f.claim_one().await;
    assert_eq!(f.store.erase_documents(&[held, waits]).await.expect("asked"), Stopped::AtWork(held));
    assert_eq!(f.credits(organization).await.base, 0, "nothing was changed");
    let originals = f.store.erase_documents(&[waits]).await.expect("erased");
    assert!(matches!(originals, Stopped::Yes(keys) if keys.len() == 1));
    let erased = f.store.document(waits).await.expect("document").expect("there");
    assert_eq!(
        (erased.status, erased.settlement, erased.forgotten),
        (DocumentStatus::Failed, Settlement::Released, Some(Forgotten::Erased))
    );
    assert_eq!((f.credits(organization).await.base, erased.email), (1, None));
    assert!(f.finish(&job, held).await.expect("finish") && f.store.finish_drawing(&job.lease, held).await.expect("drawn"));
    assert!(f.claim("w", 1, MINUTE).await.is_empty(), "its job is gone");
    let found = f.store.to_erase(Erasure::Document(held)).await.expect("found").expect("there");
    assert_eq!((found.documents, found.originals), (1, 1));
    assert!(f.store.to_erase(Erasure::Document(DocumentId::random())).await.expect("found").is_none());
    f.sound().await;
}

// V12
async fn forgotten_pictures_are_doomed_until_their_bytes_are_gone(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let id = f.submitted(organization).await;
    let job = f.claim_one().await;
    assert!(f.finish(&job, id).await.expect("finish"));
    let ready = Drawn::Ready { object_key: "heatmaps/1.png".into(), content_type: "image/png".into() };
    assert!(f.store.set_asset(&job.lease, id, Asset::Heatmap, ready).await.expect("drawn"));
    assert!(f.store.finish_drawing(&job.lease, id).await.expect("done"));
    assert_eq!(f.store.forget_pictures(Timestamp::now() - MINUTE, 10).await.expect("forget"), 0);
    assert_eq!(f.store.forget_pictures(later(), 10).await.expect("forget"), 1);
    assert_eq!(f.store.forget_pictures(later(), 10).await.expect("forget"), 0);
    let document = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((document.heatmap.status, document.preview.status), (AssetStatus::Removed, AssetStatus::Failed));
    let doomed = f.store.doomed_objects(later(), 10).await.expect("doomed");
    assert_eq!(doomed, ["heatmaps/1.png"]);
    f.store.objects_are_gone(&doomed).await.expect("gone");
    assert!(f.store.doomed_objects(later(), 10).await.expect("doomed").is_empty());
    assert_eq!(f.store.forget_documents(later(), 10).await.expect("forget"), 1);
    let document = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((document.forgotten, document.verdict.is_none(), document.charged.base), (Some(Forgotten::Expired), true, 1));
}
