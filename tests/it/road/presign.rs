//! T1: asking for an upload URL.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Client, TestApp, Upload, audit, client::content_type, pictures};

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// How many seconds from now an upload URL says it lives.
fn life(presigned_url: &str) -> i64 {
    let url = url::Url::parse(presigned_url).unwrap();
    let expires = url.query_pairs().find(|(name, _)| name == "expires").expect("the URL says when it ends").1.parse::<i64>().unwrap();
    expires - now()
}

// T1
#[tokio::test]
async fn an_upload_url_comes_with_the_stored_key_and_a_correlation_id() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let answer = client.ask_presign(&[("file_name", "photo.jpg"), ("_t", "1763722000000"), ("content_type", "image/jpeg")]).await.ok();
    assert_eq!(answer["status"], "success");
    let path = answer["file_path"].as_str().unwrap();
    let (uuid, rest) = path.strip_prefix("uploads/").unwrap().split_once('_').unwrap();
    assert_eq!(uuid.parse::<uuid::Uuid>().unwrap().to_string(), uuid, "{path}");
    let (stamp, name) = rest.split_once('_').unwrap();
    let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!((shape.as_str(), name), ("99999999-999999", "photo.jpg"), "{path}");
    assert!(answer["presigned_url"].as_str().unwrap().starts_with(&format!("{}/", client.url)), "{answer}");
    let ids = [answer["document_id"].as_str().unwrap().to_owned(), client.presign("photo.jpg").await.document_id];
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.parse::<uuid::Uuid>().unwrap().get_version_num() == 4), "{ids:?}");
}

// T1
#[tokio::test]
async fn an_upload_url_lives_an_hour_or_as_long_as_asked_within_bounds() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for (asked, expected) in
        [(None, 3600), (Some("600"), 600), (Some("1"), 60), (Some("-5"), 60), (Some("0"), 60), (Some("999999"), 86_400)]
    {
        let mut query = vec![("file_name", "photo.png")];
        query.extend(asked.map(|seconds| ("expiration", seconds)));
        let answer = client.ask_presign(&query).await.ok();
        let life = life(answer["presigned_url"].as_str().unwrap());
        assert!((expected - 3..=expected).contains(&life), "asked {asked:?}, lives {life}");
    }
    assert_eq!(client.ask_presign(&[("file_name", "photo.png"), ("expiration", "soon")]).await.unprocessable(), ["expiration"]);
}

// T1
#[tokio::test]
async fn every_format_of_the_text_has_an_upload_url_and_so_has_zip() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for name in [
        "a.jpg", "a.jpeg", "a.jfif", "a.png", "a.webp", "a.heic", "a.heif", "a.avif", "a.bmp", "a.tiff", "a.tif", "a.gif", "a.svg",
        "a.pdf", "a.zip", "A.JPG",
    ] {
        let Upload { path, .. } = client.presign(name).await;
        assert!(path.ends_with(name), "{path}");
        assert!(!content_type(name).is_empty());
    }
}

// T1
#[tokio::test]
async fn a_name_that_is_no_image_is_refused_with_the_accepted_ones() {
    let app = TestApp::spawn();
    let client = app.client().await;
    for name in ["song.mp3", "noextension", "photo.", ".jpg.exe", "photo.jpg.txt", "%00"] {
        let detail = client.ask_presign(&[("file_name", name)]).await.refused(400, "Unsupported image type");
        assert!(["jpg", "png", "webp", "tiff", "zip"].iter().all(|extension| detail.contains(extension)), "{detail}");
    }
    assert_eq!(client.ask_presign(&[]).await.unprocessable(), ["file_name"]);
}

// T1, T16
#[tokio::test]
async fn an_upload_url_needs_a_valid_key() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let path = "/get-presigned-url?file_name=photo.jpg";
    assert_eq!(client.get(path).await.unprocessable(), ["apikey"]);
    for wrong in ["nonsense", "aidet_live_sk_0000000000000000000000000000000000000000000000000000000000000000", "' OR 1=1 --"] {
        client.with_key(wrong).get_keyed(path).await.refused(403, "User verification failed");
    }
    let store = app.store().await;
    let key = store.keys(Some(client.organization.parse().unwrap())).await.unwrap()[0].id;
    assert!(store.revoke_key(key).await.unwrap());
    client.get_keyed(path).await.refused(403, "User verification failed");
}

// T1
#[tokio::test]
async fn an_organisation_has_a_quota_of_unsubmitted_uploads() {
    let app = TestApp::with(|config| config.uploads.quota = 3);
    let (ann, bob) = (app.client().await, app.client().await);
    let first = ann.upload("photo.jpg", pictures::jpeg(1)).await;
    for _ in 0..2 {
        ann.presign("photo.jpg").await;
    }
    let refused = ann.ask_presign(&[("file_name", "photo.jpg")]).await;
    let detail = refused.refused(429, "Too many requests");
    assert!(detail.contains('3'), "{detail}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    // Another organisation's quota is its own; submitting makes room.
    bob.presign("photo.jpg").await;
    let id = ann.detect_upload(&first, serde_json::json!({})).await;
    ann.presign("photo.jpg").await;
    ann.settle(&id).await;
}

// T1
#[tokio::test]
async fn uploads_that_nobody_submitted_go_a_day_after_their_url_ended() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let forgotten = client.upload("forgotten.jpg", pictures::jpeg(1)).await;
    let submitted = client.upload("submitted.jpg", pictures::jpeg(2)).await;
    let fresh = client.upload("fresh.jpg", pictures::jpeg(3)).await;
    let id = client.detect_upload(&submitted, serde_json::json!({})).await;
    client.settle(&id).await;
    let stored = |upload: &Upload| app.data.path().join("blobs").join(&upload.path).exists();
    assert!(stored(&forgotten) && stored(&submitted) && stored(&fresh));
    let ended = (now() - 25 * 3600) * 1000;
    for upload in [&forgotten, &submitted] {
        audit::execute(&app.database, &format!("UPDATE upload SET expires_at = {ended} WHERE object_key = '{}'", upload.path)).await;
    }

    assert_eq!(sweep(&app).await, 1);

    assert!(!stored(&forgotten) && stored(&submitted) && stored(&fresh));
    let url = Client::vendor_url(&forgotten);
    client.detect(serde_json::json!({ "url": url })).await.refused(400, "File metadata could not be fetched");
    client.put(&forgotten.url, "image/jpeg", pictures::jpeg(1).into()).await.refused(403, "Image upload failed");
    let id = client.detect_upload(&fresh, serde_json::json!({})).await;
    client.settle(&id).await;
}

/// What the clock does once an hour, now.
async fn sweep(app: &TestApp) -> u64 {
    let blobs = touchstone_blobs::Blobs::open(&app.config.blobs).unwrap();
    let settings = touchstone_moderation::Settings {
        batches: app.config.batches.clone(),
        uploads: app.config.uploads.clone(),
        accounts: app.config.accounts.clone(),
        v1: app.config.v1.clone(),
        webhooks: app.config.webhooks.clone(),
        retention: app.config.retention,
        jobs: app.config.jobs.clone(),
        public_url: url::Url::parse(&app.url).unwrap(),
        known_hosts: Vec::new(),
        concurrent_fetches: 0,
        concurrent_fetches_per_organization: 0,
        link_seconds: 60,
        try_it_organization: String::new(),
    };
    let fetcher = touchstone_net::fetch::Fetcher::open(&app.config.fetch, &[]).unwrap();
    let poster = touchstone_net::post::Poster::open(&app.config.fetch, &[], std::time::Duration::from_secs(1)).unwrap();
    let road = touchstone_moderation::Road::new(app.store().await, blobs, app.signer().await, fetcher, poster, settings);
    road.sweep_uploads().await.unwrap()
}
