//! V12: kill -9 in the middle of sweeps. Whatever was left undone is done by the next one, and nothing says "there" that is gone.

use std::time::Duration;

use bytes::Bytes;
use touchstone_blobs::Blobs;
use touchstone_core::{
    ids::{DocumentId, OrganizationId},
    job::{Lane, NewJob},
    submission::{Options, Profile},
    time::Timestamp,
};
use touchstone_store::{NewDocument, NewUpload, Store, Submitted, Work};
use uuid::Uuid;

use super::{count, objects};
use crate::support::{Finish, TestApp, app::Org, audit, process};

/// How many documents there are to let go of.
const DOCUMENTS: usize = 120;

/// How often the sweep is killed before one may end.
const KILLS: u64 = 6;

/// A document of long ago with its original and both of its pictures.
async fn old_document(store: &Store, blobs: &Blobs, organization: OrganizationId) {
    let (id, upload) = (DocumentId::random(), Uuid::new_v4());
    let object_key = format!("uploads/{upload}_20260101-000000_a.png");
    let new = NewUpload {
        object_key: object_key.clone(),
        organization,
        correlation: upload,
        content_type: "image/png".into(),
        expires_at: Timestamp::now(),
    };
    assert_eq!(store.issue_upload(new, 1_000_000).await.unwrap(), touchstone_store::Issued::Yes);
    for key in [object_key.clone(), format!("heatmaps/{id}.png"), format!("previews/{id}.jpg")] {
        blobs.put(&key, "image/png", Bytes::from_static(b"pixels")).await.unwrap();
    }
    let payload = serde_json::json!({ "document": id });
    let lane = Lane::Interactive;
    let job = NewJob { name: "judge_document", payload, organization, lane, queue: String::new(), run_at: Timestamp::now(), leased: None };
    let document = NewDocument {
        id,
        explicit: false,
        organization,
        project: None,
        object_key,
        object_etag: "e".into(),
        options: Options { preview: true, heatmap: None, analysis: false, profile: Profile::Generic },
        asked: None,
        question: None,
        replay_window: Duration::ZERO,
        cost: 1,
        test: false,
        tests_a_day: 0,
        email: None,
        user_agent: None,
        work: Work::Image(job),
    };
    assert_eq!(store.submit(document, 1_000_000).await.unwrap(), Submitted::Created(id));
}

// V12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_is_killed_anywhere_is_ended_by_the_next() {
    let app = TestApp::without_worker();
    let client = app.client_of(Org { metered: true, ..Org::default() }).await;
    let (store, blobs) = (app.store().await, Blobs::open(&app.config.blobs).unwrap());
    for _ in 0..DOCUMENTS {
        old_document(&store, &blobs, client.organization.parse().unwrap()).await;
    }
    for sql in [
        "UPDATE document SET status = 'failed', settlement = 'released', finished_at = 1, heatmap_status = 'ready', preview_status = 'ready', \
         heatmap_content_type = 'image/png', preview_content_type = 'image/jpeg'",
        "DELETE FROM job",
    ] {
        audit::execute(&app.database, sql).await;
    }
    let connection = app.database.connect().await;
    for document in sea_orm::ConnectionTrait::query_all_raw(
        &connection,
        sea_orm::Statement::from_string(sea_orm::ConnectionTrait::get_database_backend(&connection), "SELECT id FROM document"),
    )
    .await
    .unwrap()
    {
        let id: Uuid = document.try_get("", "id").unwrap();
        let keys = format!("UPDATE document SET heatmap_key = 'heatmaps/{id}.png', preview_key = 'previews/{id}.jpg' WHERE id = ");
        let backend = sea_orm::ConnectionTrait::get_database_backend(&connection);
        let place = if backend == sea_orm::DbBackend::Postgres { "$1" } else { "?" };
        let statement = sea_orm::Statement::from_sql_and_values(backend, format!("{keys}{place}"), [id.into()]);
        sea_orm::ConnectionTrait::execute_raw(&connection, statement).await.unwrap();
    }
    connection.close().await.unwrap();
    assert_eq!(objects(&app).len(), 3 * DOCUMENTS);

    let settings =
        [("TOUCHSTONE__DATABASE__URL", app.config.database.url.as_str()), ("TOUCHSTONE__BLOBS__URL", app.config.blobs.url.as_str())];
    let sweep = || {
        process::touchstone(app.data.path()).envs(settings).args(["admin", "sweep"]).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    for kill in 0..KILLS {
        let mut child = sweep();
        tokio::time::sleep(Duration::from_millis(80 + 60 * kill)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // A picture that is said to be there is there.
        let said = count(&app, "document WHERE heatmap_key IS NOT NULL").await;
        let there = objects(&app).iter().filter(|key| key.starts_with("heatmaps/")).count();
        assert!(there >= usize::try_from(said).unwrap(), "{said} are said to be there, {there} are");
        eprintln!("killed after {} of {} objects", 3 * DOCUMENTS - objects(&app).len(), 3 * DOCUMENTS);
    }
    // Whoever was killed left its mark; it counts once it is old.
    audit::execute(&app.database, "UPDATE upload SET expiring_since = 1 WHERE expiring_since IS NOT NULL").await;
    assert!(sweep().finish().status.success());
    assert_eq!(objects(&app), [""; 0]);
    assert_eq!(count(&app, "upload WHERE state <> 'removed'").await + count(&app, "doomed_object").await, 0);
    assert_eq!(count(&app, "document WHERE heatmap_status <> 'removed' OR preview_status <> 'removed'").await, 0);
}
