//! T2: putting a file to its URL, on the local folder.

use bytes::Bytes;
use futures::stream;
use reqwest::Method;

use crate::support::{Client, TestApp, Upload, client::with_query as with, pictures};
use touchstone_core::time::Timestamp;

/// A JPEG padded to exactly this many bytes.
fn jpeg_of_size(bytes: usize) -> Bytes {
    let mut jpeg = pictures::jpeg_of(&pictures::scene(16, 16, 3), 40);
    assert!(jpeg.len() <= bytes, "{}", jpeg.len());
    jpeg.resize(bytes, 0);
    jpeg.into()
}

async fn presigned(app: &TestApp, name: &str) -> (Client, Upload) {
    let client = app.client().await;
    let upload = client.presign(name).await;
    (client, upload)
}

// T2
#[tokio::test]
async fn the_exact_type_is_needed_and_a_charset_is_tolerated() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    for wrong in ["image/jpg", "image/png", "application/octet-stream", "text/plain"] {
        let detail = client.put(&upload.url, wrong, jpeg_of_size(2000)).await.refused(400, "Image upload failed");
        assert!(detail.contains("image/jpeg") && detail.contains(wrong), "{detail}");
    }
    let untyped = client.request(Method::PUT, &upload.url).body(jpeg_of_size(2000));
    client.send(untyped).await.refused(400, "Image upload failed");
    for right in ["image/jpeg", "image/jpeg; charset=utf-8", "IMAGE/JPEG;charset=UTF-8"] {
        let answer = client.put(&upload.url, right, jpeg_of_size(2000)).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, 0), "{right}: {}", answer.text());
    }
}

// T2
#[tokio::test]
async fn a_file_has_between_one_kilobyte_and_ten_megabytes() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    for size in [0, 1, 1023] {
        let detail = client.put(&upload.url, "image/jpeg", Bytes::from(vec![7; size])).await.refused(400, "File size is too small");
        assert!(detail.contains("1 KB"), "{detail}");
    }
    for size in [1024, 10 << 20] {
        assert_eq!(client.put(&upload.url, "image/jpeg", jpeg_of_size(size)).await.status, 200, "{size}");
    }
    let detail = client.put(&upload.url, "image/jpeg", jpeg_of_size((10 << 20) + 1)).await.refused(400, "File size exceeds limit of 10 MB");
    assert!(detail.contains("10 MB"), "{detail}");
}

// T2
#[tokio::test]
async fn a_body_without_a_length_is_cut_at_the_limit_too() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    // A byte too many and no more: a server that answers before it has read all may cut the connection under a client that still writes.
    let chunks = |count: usize, more: usize| {
        let sizes = std::iter::repeat_n(1 << 20, count).chain([more]).filter(|size| *size > 0);
        let chunks = sizes.map(|size| Ok::<_, std::io::Error>(Bytes::from(vec![1; size])));
        client.request(Method::PUT, &upload.url).header("content-type", "image/jpeg").body(reqwest::Body::wrap_stream(stream::iter(chunks)))
    };
    client.send(chunks(10, 1)).await.refused(400, "File size exceeds limit of 10 MB");
    assert!(!app.data.path().join("blobs").join(&upload.path).exists(), "nothing of it is visible");
    assert_eq!(client.send(chunks(2, 0)).await.status, 200);
}

// T2, U2
#[tokio::test]
async fn limits_are_configuration_and_the_message_states_them() {
    let app = TestApp::with(|config| {
        config.uploads.max_bytes = 3 << 19;
        config.uploads.max_zip_bytes = 2 << 20;
    });
    let client = app.client().await;
    let (photo, archive) = (client.presign("photo.jpg").await, client.presign("photos.zip").await);
    let two_and_a_bit = Bytes::from(vec![1; (2 << 20) + 1]);
    client.put(&photo.url, "image/jpeg", two_and_a_bit.clone()).await.refused(400, "File size exceeds limit of 1.5 MB");
    client.put(&archive.url, "application/zip", two_and_a_bit.clone()).await.refused(400, "File size exceeds limit of 2 MB");
    assert_eq!(client.put(&archive.url, "application/zip", two_and_a_bit.slice(..2 << 20)).await.status, 200);
}

// T2
#[tokio::test]
async fn a_tampered_url_opens_nothing() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    let other = client.presign("other.jpg").await;
    let query = upload.url.split_once('?').unwrap().1;
    let far = (Timestamp::now().seconds() + 999_999).to_string();
    for url in [
        with(&upload.url, "signature", &"0".repeat(64)),
        with(&upload.url, "signature", ""),
        with(&upload.url, "signature", "zz"),
        with(&upload.url, "expires", &far),
        // The signature of one upload, used for another name.
        format!("{}?{query}", other.url.split_once('?').unwrap().0),
        upload.url.replace("photo.jpg", "photo.jpeg"),
    ] {
        client.put(&url, "image/jpeg", jpeg_of_size(2000)).await.refused(403, "Image upload failed");
    }
}

// T2
#[tokio::test]
async fn a_malformed_url_is_told_apart() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    let bare = upload.url.split_once('?').unwrap().0;
    for url in [bare.to_owned(), format!("{bare}?expires=12"), format!("{bare}?signature=ab"), format!("{bare}?expires=soon&signature=ab")]
    {
        client.put(&url, "image/jpeg", jpeg_of_size(2000)).await.refused(400, "Invalid pre-signed URL");
    }
}

// T2
#[tokio::test]
async fn an_expired_url_is_refused() {
    let app = TestApp::spawn();
    let (client, upload) = presigned(&app, "photo.jpg").await;
    let past = Timestamp::from_seconds(Timestamp::now().seconds() - 1);
    let signature = app.signer().await.sign(&["put", &upload.path, "image/jpeg"], past);
    let url = with(&with(&upload.url, "expires", &past.seconds().to_string()), "signature", &signature);
    let detail = client.put(&url, "image/jpeg", jpeg_of_size(2000)).await.refused(403, "Image upload failed");
    assert!(detail.contains("expired"), "{detail}");
}

// T2
#[tokio::test]
async fn a_file_may_be_put_again_until_it_is_submitted() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!(client.put(&upload.url, "image/jpeg", pictures::jpeg(2).into()).await.status, 200);
    let id = client.detect_upload(&upload, serde_json::json!({})).await;
    client.put(&upload.url, "image/jpeg", pictures::jpeg(3).into()).await.refused(403, "Image upload failed");
    assert_eq!(client.settle(&id).await["status"], "done");
    client.put(&upload.url, "image/jpeg", pictures::jpeg(3).into()).await.refused(403, "Image upload failed");
    assert_eq!(std::fs::read(app.data.path().join("blobs").join(&upload.path)).unwrap(), pictures::jpeg(2), "the last one before /detect");
}

// T2
#[tokio::test]
async fn an_upload_cannot_be_read_back() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photo.jpg", pictures::jpeg(1)).await;
    for url in [upload.url.clone(), format!("{}/{}", client.url, upload.path), format!("{}/blobs/{}", client.url, upload.path)] {
        let status = client.get_keyed(&url).await.status;
        assert!(matches!(status, 404 | 405), "{url}: {status}");
    }
}
