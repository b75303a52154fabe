//! Uploads: bounded, written once, and gone when nobody submits them.

use std::time::Duration;

use touchstone_core::{ids::OrganizationId, time::Timestamp};
use uuid::Uuid;

use super::{
    Fixture,
    fixture::{MINUTE, document},
    on_every_database,
};
use crate::{Issued, NewUpload, Submitted, UploadState};

on_every_database!(
    the_quota_counts_what_was_never_submitted,
    a_submitted_upload_is_not_written_again,
    what_nobody_submits_expires_and_cannot_be_submitted_then,
    what_comes_again_is_permitted_again_and_refused_only_while_it_goes,
);

fn upload(organization: OrganizationId, object_key: &str) -> NewUpload {
    let expires_at = Timestamp::now() + MINUTE;
    NewUpload { object_key: object_key.into(), organization, correlation: Uuid::new_v4(), content_type: "image/png".into(), expires_at }
}

// T1
async fn the_quota_counts_what_was_never_submitted(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let both = [upload(organization, "uploads/1"), upload(organization, "uploads/2")];
    let [one, two] = both.map(|new| f.store.issue_upload(new, 1));
    let (one, two) = tokio::join!(one, two);
    let answers = [one.expect("issue"), two.expect("issue")];
    assert!(answers.contains(&Issued::Yes) && answers.contains(&Issued::QuotaReached), "{answers:?}");
    let key = if answers[0] == Issued::Yes { "uploads/1" } else { "uploads/2" };
    assert!(matches!(f.submit(document(organization, key)).await, Submitted::Created(_)));
    assert_eq!(f.store.issue_upload(upload(organization, "uploads/3"), 1).await.expect("issue"), Issued::Yes);
}

// T2
async fn a_submitted_upload_is_not_written_again(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    assert!(f.store.mark_stored(&key, 2048, "e1").await.expect("stored"));
    assert!(f.store.mark_stored(&key, 4096, "e2").await.expect("stored again, before it was submitted"));
    let stored = f.store.upload(&key).await.expect("upload").expect("there");
    assert_eq!((stored.state, stored.size, stored.etag.as_deref()), (UploadState::Stored, Some(4096), Some("e2")));
    assert!(matches!(f.submit(document(organization, &key)).await, Submitted::Created(_)));
    assert!(!f.store.mark_stored(&key, 1, "e3").await.expect("refused"));
    assert!(!f.store.forget_upload(&key).await.expect("refused"), "a document needs it");
    assert!(!f.store.mark_stored("uploads/nowhere", 1, "e").await.expect("refused"));
}

async fn what_nobody_submits_expires_and_cannot_be_submitted_then(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let (idle, used) = (f.upload(organization).await, f.upload(organization).await);
    assert!(matches!(f.submit(document(organization, &used)).await, Submitted::Created(_)));
    let now = Timestamp::now();
    assert!(f.store.expired_uploads(now, 10).await.expect("expired").is_empty());
    let later = now + Duration::from_secs(3600);
    for _ in 0..2 {
        let over: Vec<String> = f.store.expired_uploads(later, 10).await.expect("expired").into_iter().map(|u| u.object_key).collect();
        assert_eq!(over, [idle.as_str()], "listed until it is forgotten");
    }
    assert_eq!(f.submit(document(organization, &idle)).await, Submitted::NoUpload);
    assert!(!f.store.mark_stored(&idle, 2048, "e1").await.expect("too late"));
    assert!(f.store.forget_upload(&idle).await.expect("forgotten"));
    assert_eq!(f.store.upload(&idle).await.expect("upload"), None);
}

// X9
async fn what_comes_again_is_permitted_again_and_refused_only_while_it_goes(f: Fixture) {
    let (organization, key) = (f.organization(10, 0).await, "fetched/o/00ff.png");
    let again = || f.store.issue_again(upload(organization, key));
    let (one, two) = tokio::join!(again(), again());
    assert!(one.expect("issued") && two.expect("issued"), "two at once are one upload");
    assert!(f.store.expire_upload(key).await.expect("expired"));
    assert!(!again().await.expect("refused"), "it is being deleted");
    assert_eq!(f.submit(document(organization, key)).await, Submitted::NoUpload);
    assert!(f.store.forget_upload(key).await.expect("forgotten"));
    assert!(again().await.expect("issued"));
    assert!(matches!(f.submit(document(organization, key)).await, Submitted::Created(_)));
    assert!(!f.store.expire_upload(key).await.expect("refused"), "a document needs it");
    assert!(again().await.expect("issued"), "and it may be submitted with other options");
    assert_eq!(f.store.upload(key).await.expect("upload").expect("there").state, UploadState::Taken);
    assert!(!f.store.expire_upload("fetched/o/nowhere.png").await.expect("refused"));
}
