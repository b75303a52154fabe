//! T11, T16, U1: what a ZIP may not be, who may not see it, and what hostile ones cost.

use serde_json::{Value, json};

use crate::support::{
    Client, Process, TestApp, Upload,
    app::Org,
    audit, pictures,
    zips::{self, File, archive},
};

fn photo(name: &str) -> File {
    File::stored(name, pictures::jpeg_of(&pictures::scene(64, 48, 1), 95))
}

async fn upload_zip(client: &Client, zip: Vec<u8>) -> Upload {
    client.upload("photos.zip", zip).await
}

// T11
#[tokio::test]
async fn what_is_no_zip_of_images_is_refused_at_once() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let photos = |count: usize| -> Vec<File> { (0..count).map(|n| photo(&format!("{n}.jpg"))).collect() };
    let empty = [zips::end(0, 0, 0), vec![0; 2000]].concat();
    for (zip, sentence, detail) in [
        (vec![7; 5000], "URL must point to a ZIP file", "no readable ZIP archive"),
        (zips::archive_counting(&photos(3), 2), "URL must point to a ZIP file", "more entries"),
        (archive(&photos(51)), "Too many files", "at most 50 images"),
        (
            archive(&(0..1001).map(|n| File::stored(&format!("{n}.txt"), [0; 8])).collect::<Vec<_>>()),
            "Too many files",
            "at most 1000 entries",
        ),
        (empty, "No valid images found in ZIP", "empty"),
        (archive(&[photo("a.pdf"), photo("b.txt")]), "No valid images found in ZIP", "PDF not supported in bulk"),
        (
            archive(&(0..20).map(|n| photo(&format!("{n}{}.jpg", "x".repeat(60_000)))).collect::<Vec<_>>()),
            "ZIP file too large",
            "directory",
        ),
    ] {
        let answer = client.bulk(&upload_zip(&client, zip).await, json!({})).await;
        let told = answer.refused(400, sentence);
        assert!(told.contains(detail), "{told}");
    }
    let image = client.upload("photo.jpg", pictures::jpeg(1)).await;
    client.bulk(&image, json!({})).await.refused(400, "URL must point to a ZIP file");
    let foreign = json!({ "key": client.key, "url": "https://example.com/photos.zip" });
    client.post("/bulk-upload", &foreign).await.refused(400, "URL must point to a ZIP file");
    client.post("/bulk-upload", &json!({ "key": client.key, "url": "" })).await.refused(400, "Input URL cannot be empty");
    assert_eq!(client.credits().await, 100);
    assert_eq!(app.store().await.backlog().await.unwrap(), 0);
}

// T2, T11: as on S3, where nobody stops a client's PUT.
#[tokio::test]
async fn an_archive_that_is_too_large_is_refused_and_deleted() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let upload = upload_zip(&client, archive(&[photo("a.jpg")])).await;
    let stored = app.data.path().join("blobs").join(&upload.path);
    std::fs::OpenOptions::new().write(true).open(&stored).unwrap().set_len((100 << 20) + 1).unwrap();
    let told = client.bulk(&upload, json!({})).await.refused(400, "ZIP file too large");
    assert!(told.contains("100 MB"), "{told}");
    assert!(!stored.exists());
    client.bulk(&upload, json!({})).await.refused(400, "File metadata could not be fetched");
}

// T3, T4, T16
#[tokio::test]
async fn the_fields_of_bulk_upload_are_those_of_detect() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let upload = upload_zip(&client, archive(&[photo("a.jpg")])).await;
    let url = Client::vendor_url(&upload);
    assert_eq!(client.post("/bulk-upload", &json!({ "key": client.key })).await.unprocessable(), ["url"]);
    assert_eq!(client.bulk(&upload, json!({ "id": "7", "generate_preview": "yes" })).await.unprocessable(), ["id", "generate_preview"]);
    let contradiction = json!({ "generate_heatmap": false, "generate_heatmap_overlayed": true });
    assert_eq!(client.bulk(&upload, contradiction).await.unprocessable(), ["generate_heatmap_overlayed"]);
    assert!(client.post("/bulk-upload", &json!({ "url": url })).await.unprocessable().contains(&"key".to_owned()));
    client.bulk(&upload, json!({ "key": "nonsense" })).await.refused(403, "User verification failed");
    client.bulk(&upload, json!({ "email": " " })).await.refused(400, "Input email is empty");
    client.bulk(&upload, json!({ "model": "unheard-of" })).await.refused(400, "Unknown model");
    client.send(client.request(reqwest::Method::GET, "/bulk-upload")).await.refused(405, "Method not allowed");
    // The key in the header, and what is not known is ignored.
    let body = json!({ "url": url, "email": "ann@example.org", "unheard_of": [1] });
    let answer = client.send(client.request(reqwest::Method::POST, "/bulk-upload").header("apikey", &client.key).json(&body)).await.ok();
    assert_eq!((&answer["status"], &answer["expected_count"]), (&json!("pending"), &json!(1)));
    assert_eq!(client.put(&upload.url, "application/zip", vec![0; 3000].into()).await.status, 403, "what was taken is not replaced");
}

// T11
#[tokio::test]
async fn a_batch_that_credits_do_not_cover_does_not_start() {
    let app = TestApp::without_worker();
    let credits = touchstone_core::credit::Credits { base: 1, boost: 1 };
    let client = app.client_of(Org { credits, ..Org::default() }).await;
    let upload = upload_zip(&client, archive(&[photo("a.jpg"), photo("b.jpg"), photo("c.jpg")])).await;
    client.bulk(&upload, json!({})).await.refused(403, "Not enough credits");
    assert_eq!((client.credits().await, app.store().await.backlog().await.unwrap()), (2, 0));
    let connection = app.database.connect().await;
    assert_eq!(audit::number(&connection, "SELECT COUNT(*) AS n FROM document").await, 0, "nothing has begun");
    connection.close().await.unwrap();
    // Two of three would be covered.
    let (_, expected) = client.submit_zip(archive(&[photo("a.jpg"), photo("b.jpg")]), json!({})).await;
    assert_eq!((expected, client.credits().await), (2, 0));
}

// T3, T5, T10, U1
#[tokio::test]
async fn a_batch_is_its_owners_and_its_ids_are_told_apart() {
    let app = TestApp::spawn();
    let ann = app.client_of(Org { set: "private_queries = true", ..Org::default() }).await;
    let bob = app.client().await;
    let upload = upload_zip(&ann, archive(&[photo("a.jpg")])).await;
    bob.bulk(&upload, json!({})).await.refused(400, "File metadata could not be fetched");
    let batch = ann.bulk(&upload, json!({})).await.ok()["id"].clone();
    app.idle().await;
    let ask = async |path: &str, body: Value| bob.post(path, &body).await.ok();
    for path in ["/query", "/bulk-upload/query"] {
        assert_eq!(ask(path, json!({ "id": batch })).await, Value::Null, "{path}");
        assert_eq!(ask(path, json!({ "id": batch, "key": bob.key })).await, Value::Null, "{path}");
        assert_eq!(ask(path, json!({ "id": batch, "key": ann.key })).await["status"], "done", "{path}");
    }
    let image = ask("/query", json!({ "id": batch, "key": ann.key })).await["results"][0]["id"].clone();
    assert_eq!(ask("/query", json!({ "id": image })).await, Value::Null, "an image is as private as its batch");
    assert_eq!(ask("/bulk-upload/query", json!({ "id": image })).await, Value::Null);
    bob.post(&format!("/heatmap/{}", image.as_str().unwrap()), &json!({ "key": bob.key })).await.refused(403, "Access denied");

    let wrong_kind = "Document is not a bulk upload (image-zip) result";
    let query = |id: Value| json!({ "id": id, "key": ann.key });
    bob.post("/bulk-upload/query", &query(image)).await.refused(400, wrong_kind);
    let single = bob.submit("photo.jpg", pictures::jpeg(1)).await;
    bob.post("/bulk-upload/query", &json!({ "id": single })).await.refused(400, wrong_kind);
    assert_eq!(ask("/bulk-upload/query", json!({ "id": uuid::Uuid::new_v4() })).await, Value::Null);
    assert_eq!(bob.post("/bulk-upload/query", &json!({})).await.unprocessable(), ["id"]);
    bob.settle(&single).await;
    // A single image and a ZIP each have their own door.
    let image = bob.upload("photos.zip", archive(&[photo("a.jpg")])).await;
    bob.detect(json!({ "url": Client::vendor_url(&image) })).await.refused(400, "Unsupported image type");
}

/// Sixteen small archives that claim or hold far more than they weigh.
fn bombs() -> Vec<Vec<u8>> {
    let zeros = zips::deflate(&vec![0; 64 << 20]);
    let head = pictures::jpeg(1);
    let noise: Vec<u8> = [&head[..3000], &vec![0; 64 << 20]].concat();
    let swollen = zips::deflate(&noise);
    // 64 MB behind a JPEG's head: declared honestly, declared as 10 MB, and declared as what it weighs.
    let claims = |size| File { data: swollen.clone(), size, ..File::deflated("bomb.jpg", &head) };
    let honest = archive(&[claims(noise.len() as u32), photo("good.jpg")]);
    let modest = archive(&[claims(10 << 20), photo("good.jpg")]);
    let light = archive(&[claims(swollen.len() as u32), photo("good.jpg")]);
    let nothing = archive(&[File { data: zeros, size: 9 << 20, ..File::deflated("zeros.bmp", &head) }, photo("good.jpg")]);
    [honest, modest, light, nothing].into_iter().cycle().take(16).collect()
}

// T11, O5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_that_swell_leave_memory_flat_and_harm_nobody() {
    let bombs = bombs();
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path(), &[]);
    let client = server.demo();
    client.judge("photo.jpg", pictures::jpeg(1)).await;
    let before = server.peak_memory();
    let mut ids = Vec::new();
    for bomb in bombs {
        let (id, expected) = client.submit_zip(bomb, json!({ "generate_heatmap": false })).await;
        assert!(expected <= 2);
        ids.push(id);
    }
    for id in ids {
        let seen = client.settle_zip(&id).await;
        let done = seen["results"].as_array().unwrap().iter().filter(|image| image["status"] == "done");
        assert_eq!((&seen["status"], done.count()), (&json!("done"), 1), "the good one alone: {seen}");
    }
    let grown = server.peak_memory().saturating_sub(before);
    eprintln!("memory: {} MB more for 16 archives that swell to 64 MB each", grown >> 20);
    assert!(grown < 64 << 20, "{grown} bytes");
    assert_eq!(client.credits().await, 1000 - 17);
}
