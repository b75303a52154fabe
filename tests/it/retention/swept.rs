//! V12: originals, pictures and documents go when their time is over, and nothing says that they are there.

use serde_json::{Value, json};

use super::{KEPT, base64, count, days_pass, detect, objects, sweep};
use crate::support::{
    Client, Finish, TestApp,
    app::Org,
    audit, eventually, pictures, process,
    zips::{File, archive},
};
use touchstone_moderation::settings::Retention;

// V12, T17
#[tokio::test]
async fn an_upload_goes_a_while_after_its_verdict_and_everything_else_stays() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("castle.png", pictures::generated_png(1)).await;
    let id = client.detect_upload(&upload, json!({})).await;
    let seen = client.settle(&id).await;
    sweep(&app, KEPT).await;
    assert!(objects(&app).contains(&upload.path), "its submission may be repeated");

    let swept = sweep(&app, Retention { originals_minutes: 0, ..KEPT }).await;

    assert_eq!((swept.originals, swept.pictures), (1, 0));
    assert!(!objects(&app).contains(&upload.path));
    assert_eq!(client.query(&id).await["result"], seen["result"]);
    for asset in ["heatmap", "preview"] {
        assert_eq!(client.post(&format!("/{asset}/{id}"), &json!({ "key": client.key })).await.status, 200, "{asset}");
    }
    assert_eq!(client.detect_upload(&upload, json!({})).await, id, "a retry needs no image");
    let other = json!({ "url": Client::vendor_url(&upload), "generate_preview": false });
    client.detect(other).await.refused(400, "File metadata could not be fetched");
    client.put(&upload.url, "image/png", pictures::generated_png(1).into()).await.refused(403, "Image upload failed");
    assert_eq!(sweep(&app, Retention { originals_minutes: 0, ..KEPT }).await.originals, 0);
}

// V12, V1, V2
#[tokio::test]
async fn an_image_of_v1_goes_with_its_verdict() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let judged = detect(&client, &pictures::jpeg(1), json!({ "include_heatmap": true })).await;
    let broken = [pictures::jpeg(2)[..1500].to_vec(), vec![0; 600]].concat();
    let body = json!({ "images": [
        { "image_base64": base64(&broken) },
        { "image_base64": base64(&pictures::jpeg(3)) },
        { "image_base64": base64(&pictures::jpeg(3)) },
    ]});
    client.v1_post("/v1/detect/batch", &body).await.ok();
    app.idle().await;
    let map = format!("heatmaps/{}", judged["id"].as_str().unwrap());
    eventually("the originals to go", std::time::Duration::from_secs(5), || async {
        let left = objects(&app);
        (left.len() == 1 && left[0].starts_with(&map)).then_some(())
    })
    .await;
    assert_eq!((sweep(&app, KEPT).await.originals, count(&app, "upload").await), (4, 0), "their rows follow");
}

// V12, T11
#[tokio::test]
async fn an_archive_goes_when_its_last_image_has_ended() {
    let app = TestApp::without_worker();
    let client = app.client_of(Org { metered: true, ..Org::default() }).await;
    let zip = archive(&[File::stored("a.jpg", pictures::jpeg(1)), File::stored("b.jpg", pictures::jpeg(2))]);
    let upload = client.upload("photos.zip", zip).await;
    client.bulk(&upload, json!({})).await.ok();
    let soon = Retention { originals_minutes: 0, ..KEPT };
    let end = |position: u32| {
        let sql = format!("UPDATE document SET status = 'failed', settlement = 'released', finished_at = 1 WHERE position = {position}");
        let database = &app.database;
        async move { audit::execute(database, &sql).await }
    };
    audit::execute(&app.database, "UPDATE document SET finished_at = 1 WHERE kind = 'zip'").await;
    end(0).await;
    assert_eq!((sweep(&app, soon).await.originals, objects(&app)), (0, vec![upload.path.clone()]));
    end(1).await;
    assert_eq!((sweep(&app, soon).await.originals, objects(&app)), (1, Vec::new()));
}

// V12
#[tokio::test]
async fn an_object_of_two_documents_goes_with_the_later_one() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    let ids = [client.detect_upload(&upload, json!({})).await, client.detect_upload(&upload, json!({ "generate_preview": false })).await];
    for id in &ids {
        client.settle(id).await;
    }
    app.idle().await;
    let old = |ids: &str| {
        let sql = format!("UPDATE document SET finished_at = 1 WHERE fingerprint IN (SELECT fingerprint FROM document {ids})");
        let database = &app.database;
        async move { audit::execute(database, &sql).await }
    };
    assert_eq!(old("ORDER BY fingerprint LIMIT 1").await, 1);
    assert_eq!(sweep(&app, KEPT).await.originals, 0);
    assert_eq!(old("").await, 2);
    assert_eq!(sweep(&app, KEPT).await.originals, 1);
    assert!(!objects(&app).contains(&upload.path));
}

// V12, T10
#[tokio::test]
async fn pictures_go_after_a_month_and_the_verdict_stays() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let id = client.submit("castle.png", pictures::generated_png(1)).await;
    let seen = client.settle(&id).await;
    let (heatmap, preview) = (seen["result_details"]["heatmap_url"].clone(), seen["preview_url"].clone());
    days_pass(&app, 29).await;
    assert_eq!(sweep(&app, KEPT).await.pictures, 0);
    days_pass(&app, 31).await;
    let swept = sweep(&app, KEPT).await;
    assert_eq!((swept.pictures, swept.objects, objects(&app)), (1, 2, Vec::new()));
    for link in [heatmap, preview] {
        client.get(link.as_str().unwrap()).await.refused(410, "Asset removed");
    }
    let later = client.query(&id).await;
    assert_eq!((&later["result"], &later["preview_url"]), (&seen["result"], &Value::Null), "{later}");
    assert_eq!(later["result_details"]["heatmap_status"], Value::Null);
    assert_eq!(sweep(&app, KEPT).await, touchstone_moderation::Swept::default());
}

// V12
#[tokio::test]
async fn a_document_is_forgotten_when_the_operator_says_so() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let id = client.submit_with("castle.png", pictures::generated_png(1), json!({ "email": "ann@example.org" })).await;
    client.settle(&id).await;
    let judged = detect(&client, &pictures::jpeg(1), json!({ "metadata": { "user": "u_1" } })).await;
    app.idle().await;
    days_pass(&app, 91).await;
    assert_eq!(sweep(&app, KEPT).await.documents, 0, "for good, unless somebody says otherwise");

    assert_eq!(sweep(&app, Retention { documents_days: 90, ..KEPT }).await.documents, 2);

    client.post("/query", &json!({ "id": id })).await.refused(410, "Asset removed");
    client.post(&format!("/heatmap/{id}"), &json!({ "key": client.key })).await.refused(410, "Asset removed");
    let gone = client.v1_get(&format!("/v1/detections/{}", judged["id"].as_str().unwrap())).await;
    assert_eq!((gone.status, gone.json()["error"]["code"].clone()), (404, json!("not_found")), "as if it had never been");
    assert_eq!(count(&app, "document WHERE verdict IS NOT NULL OR email IS NOT NULL OR v1 IS NOT NULL OR object_key <> ''").await, 0);
    assert_eq!((client.credits().await, objects(&app)), (98, Vec::new()), "amounts stay");
}

// V12
#[tokio::test]
async fn images_that_are_gone_too_soon_are_no_configuration() {
    let data = tempfile::tempdir().unwrap();
    for (name, value, said) in [
        ("TOUCHSTONE__RETENTION__ORIGINALS_MINUTES", "9", "jobs.replay_seconds"),
        ("TOUCHSTONE__RETENTION__PICTURES_DAYS", "0", "--retention zero"),
    ] {
        for command in [&["check-config"][..], &["serve"], &["admin", "sweep"]] {
            let output = process::touchstone(data.path()).env(name, value).args(command).finish();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && told.contains(said), "{command:?}: {told}");
        }
    }
}
