//! Batches: every image is paid by itself, all or none are taken in, and the state follows from the images.

use std::time::Duration;

use touchstone_core::{
    batch::{Entry, Method, Skipped},
    credit::Credits,
    ids::{DocumentId, OrganizationId},
};

use super::{
    Fixture,
    fixture::{MINUTE, document, job},
    on_every_database,
};
use crate::{
    BatchRecord, DocumentKind, DocumentStatus, FailureCode, Member, NewBatch, NewDocument, NewMember, Settlement, Submitted, UploadState,
    Work,
};

on_every_database!(
    the_images_of_a_batch_count_one_by_one_against_the_day_of_a_test_key,
    a_batch_becomes_a_document_a_credit_and_a_job_for_each_image,
    a_batch_that_is_not_covered_or_finds_no_room_changes_nothing,
    the_state_of_a_batch_is_that_of_its_images,
    a_retry_of_a_batch_is_answered_with_the_first_one,
    a_chosen_id_is_the_batchs_and_not_its_images,
    metered_organisations_and_test_keys_pay_nothing_for_batches,
);

const ENTRY: Entry = Entry { offset: 40, compressed: 2000, size: 3000, method: Method::Deflated, crc32: u32::MAX };

pub(super) fn batch(organization: OrganizationId, object_key: &str, images: usize) -> NewDocument {
    let member = |n| {
        let id = DocumentId::random();
        NewMember { id, file_name: format!("{n}.jpg"), entry: ENTRY, job: job(organization, id) }
    };
    let skipped = vec![Skipped { filename: "a.pdf".into(), reason: "PDF".into() }];
    let work = Work::Batch(NewBatch { members: (0..images).map(member).collect(), skipped });
    NewDocument { work, ..document(organization, object_key) }
}

impl Fixture {
    pub(super) async fn batch(&self, id: DocumentId) -> BatchRecord {
        let document = self.store.document(id).await.expect("document").expect("there");
        self.store.batch(&document).await.expect("batch").expect("it is one")
    }

    /// Ends one image of a batch.
    pub(super) async fn end(&self, member: DocumentId, well: bool) {
        let claimed = self.claim("w", 100, Duration::ZERO).await;
        let job = claimed.into_iter().find(|job| job.payload["document"] == serde_json::json!(member)).expect("it waits");
        assert!(self.store.begin(&job.lease, member).await.expect("begin"));
        if well {
            assert!(self.finish(&job, member).await.expect("finish"));
            assert!(self.store.finish_drawing(&job.lease, member).await.expect("drawn"));
        } else {
            assert!(self.store.fail(&job.lease, member, FailureCode::InvalidRequest, "unreadable").await.expect("fail"));
        }
    }
}

// T11, T12
async fn a_batch_becomes_a_document_a_credit_and_a_job_for_each_image(f: Fixture) {
    let organization = f.organization(2, 5).await;
    let new = batch(organization, &f.upload(organization).await, 3);
    let id = new.id;
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    assert_eq!(f.credits(organization).await, Credits { base: 0, boost: 4 });
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "reserve", "reserve"]);
    assert_eq!(f.store.backlog().await.expect("backlog"), 3);
    let whole = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((whole.kind, whole.charged, whole.member), (DocumentKind::Zip, Credits::default(), None));
    let BatchRecord { members, skipped, .. } = f.batch(id).await;
    assert_eq!(skipped[0].filename, "a.pdf");
    for (n, member) in members.iter().enumerate() {
        assert_eq!(member.member, Some(Member { batch: id, file_name: format!("{n}.jpg"), entry: ENTRY }), "in order");
        assert_eq!((member.kind, member.status, member.settlement), (DocumentKind::Image, DocumentStatus::Pending, Settlement::Reserved));
        assert_eq!(member.charged.total(), 1);
        assert_eq!(f.store.batch(member).await.expect("batch"), None, "an image is no batch");
    }
    assert_eq!(members[2].charged, Credits { base: 0, boost: 1 }, "base is spent first");
}

// T11
async fn a_batch_that_is_not_covered_or_finds_no_room_changes_nothing(f: Fixture) {
    let organization = f.organization(2, 0).await;
    let key = f.upload(organization).await;
    assert_eq!(f.submit(batch(organization, &key, 3)).await, Submitted::NotEnoughCredits);
    assert_eq!(f.store.submit(batch(organization, &key, 2), 1).await.expect("submit"), Submitted::Busy);
    assert_eq!((f.credits(organization).await.total(), f.store.backlog().await.expect("backlog")), (2, 0));
    assert_eq!(f.store.upload(&key).await.expect("upload").expect("there").state, UploadState::Issued);
    let fits = batch(organization, &key, 2);
    let id = fits.id;
    assert_eq!(f.store.submit(fits, 2).await.expect("submit"), Submitted::Created(id), "exactly covered, exactly room");
}

// T12
async fn the_state_of_a_batch_is_that_of_its_images(f: Fixture) {
    let organization = f.organization(10, 0).await;
    for (ends, expected) in [(vec![true, false], DocumentStatus::Done), (vec![false, false], DocumentStatus::Failed)] {
        let new = batch(organization, &f.upload(organization).await, 2);
        let id = new.id;
        assert_eq!(f.submit(new).await, Submitted::Created(id));
        assert_eq!(f.batch(id).await.status(), DocumentStatus::Pending);
        let members: Vec<DocumentId> = f.batch(id).await.members.iter().map(|member| member.id).collect();
        f.end(members[0], ends[0]).await;
        assert_eq!(f.batch(id).await.status(), DocumentStatus::Analyzing);
        f.end(members[1], ends[1]).await;
        assert_eq!(f.batch(id).await.status(), expected);
    }
    assert_eq!(f.credits(organization).await.total(), 9, "one was judged");
}

// T17
async fn a_retry_of_a_batch_is_answered_with_the_first_one(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    let first = batch(organization, &key, 2);
    let id = first.id;
    assert_eq!(f.submit(first).await, Submitted::Created(id));
    assert_eq!(f.submit(batch(organization, &key, 2)).await, Submitted::Replayed(id));
    assert_eq!((f.credits(organization).await.total(), f.store.backlog().await.expect("backlog")), (8, 2));
    // One that failed is tried anew.
    for member in f.batch(id).await.members {
        f.end(member.id, false).await;
    }
    let again = batch(organization, &key, 2);
    let anew = again.id;
    assert_eq!(f.submit(again).await, Submitted::Created(anew));
    assert_eq!(f.credits(organization).await.total(), 8);
}

// T3, T17
async fn a_chosen_id_is_the_batchs_and_not_its_images(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    let first = NewDocument { explicit: true, replay_window: Duration::ZERO, ..batch(organization, &key, 2) };
    let id = first.id;
    assert_eq!(f.submit(first.clone()).await, Submitted::Created(id));
    assert_eq!(f.submit(first).await, Submitted::Replayed(id), "whenever that was");
    let image = f.batch(id).await.members[0].id;
    for taken in [id, image] {
        let other = NewDocument { id: taken, explicit: true, ..document(organization, &f.upload(organization).await) };
        assert_eq!(f.submit(other).await, Submitted::IdTaken);
    }
    // Without a chosen id it is another submission.
    let other = NewDocument { replay_window: MINUTE, ..batch(organization, &key, 2) };
    let expected = Submitted::Created(other.id);
    assert_eq!(f.submit(other).await, expected);
}

// V7
async fn the_images_of_a_batch_count_one_by_one_against_the_day_of_a_test_key(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let key = f.upload(organization).await;
    let new = |images| NewDocument { test: true, tests_a_day: 4, ..batch(organization, &key, images) };
    assert_eq!(f.submit(new(5)).await, Submitted::TestsUsedUp);
    let fits = new(4);
    let id = fits.id;
    assert_eq!(f.submit(fits).await, Submitted::Created(id));
    let one = NewDocument { test: true, tests_a_day: 4, ..document(organization, &f.upload(organization).await) };
    assert_eq!(f.submit(one).await, Submitted::TestsUsedUp);
}

// T13
async fn metered_organisations_and_test_keys_pay_nothing_for_batches(f: Fixture) {
    for (organization, test) in [(f.metered().await, false), (f.organization(0, 0).await, true)] {
        let new = NewDocument { test, ..batch(organization, &f.upload(organization).await, 2) };
        let id = new.id;
        assert_eq!(f.submit(new).await, Submitted::Created(id));
        assert!(!f.ledger(organization).await.iter().any(|entry| entry == "reserve"));
        assert!(f.batch(id).await.members.iter().all(|member| member.charged == Credits::default() && member.test == test));
    }
}
