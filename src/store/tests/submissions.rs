//! Submitting: retries are recognised, ids are unique, uploads are their owner's alone.

use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};
use touchstone_core::{
    ids::{DocumentId, ProjectId},
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    Fixture,
    fixture::{MINUTE, document},
    on_every_database,
};
use crate::{DocumentStatus, FailureCode, NewDocument, NewUpload, Submitted, UploadState, entities::document as rows};

on_every_database!(
    a_retry_is_answered_with_the_first_document_and_charged_once,
    sixteen_retries_at_once_make_one_document,
    what_differs_or_comes_late_is_a_new_document,
    a_failed_document_is_tried_anew_unless_its_id_was_chosen,
    an_id_that_belongs_to_something_else_is_refused,
    the_same_chosen_id_by_two_organisations_at_once_goes_to_one,
    an_upload_is_its_owners_alone,
    a_full_queue_refuses_and_changes_nothing,
    test_keys_submit_so_many_a_day_also_at_once,
    a_live_submission_is_never_answered_with_a_test_one,
    a_document_remembers_the_project_of_its_key,
);

// T17
async fn a_retry_is_answered_with_the_first_document_and_charged_once(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    let first = document(organization, &key);
    let id = first.id;
    assert_eq!(f.submit(first).await, Submitted::Created(id));
    assert_eq!(f.submit(document(organization, &key)).await, Submitted::Replayed(id));
    assert_eq!(f.credits(organization).await.total(), 9);
    assert_eq!(f.store.backlog().await.expect("backlog"), 1);
    // A retry is recognised even when nothing new would be taken.
    let again = f.store.submit(document(organization, &key), 0).await.expect("submit");
    assert_eq!(again, Submitted::Replayed(id));
}

// T17
async fn sixteen_retries_at_once_make_one_document(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    let retries = (0..16).map(|_| {
        let (store, new) = (f.store.clone(), document(organization, &key));
        tokio::spawn(async move { store.submit(new, 100).await.expect("submit") })
    });
    let mut created = 0;
    for answer in retries.collect::<Vec<_>>() {
        created += usize::from(matches!(answer.await.expect("joined"), Submitted::Created(_)));
    }
    assert_eq!((created, f.credits(organization).await.total()), (1, 9));
}

// T17
async fn what_differs_or_comes_late_is_a_new_document(f: Fixture) {
    let organization = f.organization(10, 0).await;
    let key = f.upload(organization).await;
    let id = f.submit(document(organization, &key)).await;
    let mut others =
        [document(organization, &key), document(organization, &key), document(organization, &key), document(organization, &key)];
    others[0].options.preview = false;
    others[1].object_etag = "e2".into();
    others[2].explicit = true;
    others[3].replay_window = Duration::ZERO;
    for other in others {
        let made = Submitted::Created(other.id);
        assert_eq!(f.submit(other).await, made);
        assert_ne!(made, id);
    }
}

async fn a_failed_document_is_tried_anew_unless_its_id_was_chosen(f: Fixture) {
    let organization = f.organization(10, 0).await;
    for explicit in [false, true] {
        let key = f.upload(organization).await;
        let mut first = document(organization, &key);
        first.explicit = explicit;
        let id = first.id;
        assert_eq!(f.submit(first.clone()).await, Submitted::Created(id));
        assert!(f.store.fail(&f.claim_one().await.lease, id, FailureCode::InvalidRequest, "unreadable").await.expect("fail"));
        let retry = if explicit { first } else { document(organization, &key) };
        let expected = if explicit { Submitted::Replayed(id) } else { Submitted::Created(retry.id) };
        assert_eq!(f.submit(retry).await, expected);
    }
}

async fn an_id_that_belongs_to_something_else_is_refused(f: Fixture) {
    let (organization, correlation) = (f.organization(10, 0).await, Uuid::new_v4());
    let taken = f.submitted(organization).await;
    let new = NewUpload {
        object_key: "uploads/x".into(),
        organization,
        correlation,
        content_type: "image/png".into(),
        expires_at: touchstone_core::time::Timestamp::now() + MINUTE,
    };
    assert_eq!(f.store.issue_upload(new, 100).await.expect("issue"), crate::Issued::Yes);
    for id in [taken, DocumentId(correlation)] {
        let mut second = document(organization, "uploads/x");
        (second.id, second.explicit) = (id, true);
        assert_eq!(f.submit(second).await, Submitted::IdTaken);
    }
    assert_eq!(f.credits(organization).await.total(), 9);
    assert_eq!(f.store.upload("uploads/x").await.expect("upload").expect("there").state, UploadState::Issued);
}

async fn the_same_chosen_id_by_two_organisations_at_once_goes_to_one(f: Fixture) {
    for _ in 0..10 {
        let (one, two, id) = (f.organization(1, 0).await, f.organization(1, 0).await, DocumentId::random());
        let mut both = [document(one, &f.upload(one).await), document(two, &f.upload(two).await)];
        for new in &mut both {
            (new.id, new.explicit) = (id, true);
        }
        let [first, second] = both;
        let (first, second) = tokio::join!(f.submit(first), f.submit(second));
        let answers = [first, second];
        assert!(answers.contains(&Submitted::Created(id)) && answers.contains(&Submitted::IdTaken), "{answers:?}");
        assert_eq!(f.credits(one).await.total() + f.credits(two).await.total(), 1);
    }
}

async fn an_upload_is_its_owners_alone(f: Fixture) {
    let (owner, thief) = (f.organization(10, 0).await, f.organization(10, 0).await);
    let key = f.upload(owner).await;
    assert_eq!(f.submit(document(thief, &key)).await, Submitted::NoUpload);
    assert_eq!(f.submit(document(thief, "uploads/nowhere")).await, Submitted::NoUpload);
    assert_eq!(f.credits(thief).await.total(), 10);
    let new = document(owner, &key);
    let id = new.id;
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    let record = f.store.document(id).await.expect("document").expect("there");
    assert_eq!((record.status, record.organization.id, record.object_key), (DocumentStatus::Pending, owner, key));
    assert_eq!(record.email.as_deref(), Some("a@example.org"));
}

async fn a_full_queue_refuses_and_changes_nothing(f: Fixture) {
    let organization = f.organization(10, 0).await;
    f.submitted(organization).await;
    let key = f.upload(organization).await;
    let refused = f.store.submit(document(organization, &key), 1).await.expect("submit");
    assert_eq!(refused, Submitted::Busy);
    assert_eq!(f.credits(organization).await.total(), 9);
    assert_eq!(f.store.upload(&key).await.expect("upload").expect("there").state, UploadState::Issued);
}

// V7
async fn test_keys_submit_so_many_a_day_also_at_once(f: Fixture) {
    let (organization, other) = (f.organization(3, 0).await, f.organization(0, 0).await);
    let test = |organization, key: &str| NewDocument { test: true, tests_a_day: 5, ..document(organization, key) };
    let mut submissions = Vec::new();
    for _ in 0..16 {
        let (store, new) = (f.store.clone(), test(organization, &f.upload(organization).await));
        submissions.push(tokio::spawn(async move { store.submit(new, 100_000).await.expect("submit") }));
    }
    let mut made = 0;
    for submission in submissions {
        match submission.await.expect("joined") {
            Submitted::Created(_) => made += 1,
            other => assert_eq!(other, Submitted::TestsUsedUp),
        }
    }
    assert_eq!(made, 5);
    f.submitted(organization).await;
    let elsewhere = test(other, &f.upload(other).await);
    let id = elsewhere.id;
    assert_eq!(f.submit(elsewhere).await, Submitted::Created(id), "each organisation has its own day");

    // As if it were tomorrow.
    let yesterday = Expr::col(rows::Column::CreatedAt).sub(86_400_000i64);
    let all = rows::Entity::update_many().col_expr(rows::Column::CreatedAt, yesterday).filter(rows::Column::Test.eq(true));
    all.exec(f.store.writer()).await.expect("moved");
    let fresh = test(organization, &f.upload(organization).await);
    let id = fresh.id;
    assert_eq!(f.submit(fresh).await, Submitted::Created(id));
}

// V7, T17
async fn a_live_submission_is_never_answered_with_a_test_one(f: Fixture) {
    let organization = f.organization(3, 0).await;
    let key = f.upload(organization).await;
    let new = |test| NewDocument { test, tests_a_day: 1, ..document(organization, &key) };
    let begun = Timestamp::now() - MINUTE;
    assert!(
        f.store.may_test(organization, 1).await.expect("looked") && !f.store.has_tested_since(organization, begun).await.expect("looked")
    );
    let (test, live) = (new(true), new(false));
    let (first, second) = (test.id, live.id);
    assert_eq!(f.submit(test).await, Submitted::Created(first));
    assert_eq!(f.submit(live).await, Submitted::Created(second));
    assert_eq!(f.credits(organization).await.total(), 2, "it is paid for");
    for (test, id) in [(true, first), (false, second)] {
        assert_eq!(f.submit(new(test)).await, Submitted::Replayed(id), "each has retries of its own");
    }
    assert!(!f.store.may_test(organization, 1).await.expect("looked") && f.store.may_test(organization, 0).await.expect("looked"));
    assert!(f.store.has_tested_since(organization, begun).await.expect("looked"), "that may be retried");
}

// B1
async fn a_document_remembers_the_project_of_its_key(f: Fixture) {
    let organization = f.organization(2, 0).await;
    for project in [Some(ProjectId::default_of(organization)), None] {
        let new = NewDocument { project, ..document(organization, &f.upload(organization).await) };
        let id = new.id;
        assert_eq!(f.submit(new).await, Submitted::Created(id));
        let row = rows::Entity::find_by_id(id.0).one(f.store.reader()).await.expect("row").expect("there");
        assert_eq!(row.project_id.map(ProjectId), project);
    }
}
