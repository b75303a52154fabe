//! The S3 side against a real S3 server in this process, one that checks every signature.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use futures::stream;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{BlobError, Blobs, PutError, S3, Settings};

const BUCKET: &str = "touchstone";

/// An S3 server on a port of this machine, its folder, and a store that speaks to it.
struct Fake {
    folder: TempDir,
    settings: Settings,
    blobs: Blobs,
}

async fn fake(prefix: &str) -> Fake {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
    let endpoint = serve(folder.path()).await;
    let s3 = S3 {
        endpoint,
        region: "us-east-1".into(),
        access_key_id: "access".into(),
        secret_access_key: "secret".to_owned().into(),
        virtual_host: false,
    };
    let settings = Settings { url: format!("s3://{BUCKET}{prefix}"), known_hosts: Vec::new(), s3 };
    let blobs = Blobs::open(&settings).expect("a store");
    Fake { folder, settings, blobs }
}

async fn serve(folder: &Path) -> String {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).expect("a file system"));
    builder.set_auth(SimpleAuth::from_single("access", "secret"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move { server.serve_connection(TokioIo::new(socket), service).await.is_ok() });
        }
    });
    format!("http://{address}")
}

async fn put(url: &url::Url, content_type: Option<&str>, acl: Option<&str>) -> u16 {
    let mut request = reqwest::Client::new().put(url.as_str()).body("bytes of an image");
    for (name, value) in [("content-type", content_type), ("x-amz-acl", acl)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.send().await.expect("an answer").status().as_u16()
}

/// T2: on S3 the client talks to S3 itself; host, content type and x-amz-acl are signed.
#[tokio::test]
async fn a_presigned_upload_takes_exactly_what_was_signed() {
    let Fake { blobs, folder: _folder, .. } = fake("").await;
    let url = blobs.presign_put("uploads/a.jpg", "image/jpeg", Duration::from_secs(60)).await.expect("signed").expect("a URL");
    assert!(url.path().ends_with("/uploads/a.jpg"), "{url}");
    for (content_type, acl) in [
        (Some("image/png"), Some("private")),
        (None, Some("private")),
        (Some("image/jpeg"), None),
        (Some("image/jpeg"), Some("public-read")),
    ] {
        assert_eq!(put(&url, content_type, acl).await, 403, "{content_type:?} {acl:?}");
    }
    assert_eq!(blobs.head("uploads/a.jpg").await.expect("head"), None);
    assert_eq!(put(&url, Some("image/jpeg"), Some("private")).await, 200);
    assert_eq!(blobs.head("uploads/a.jpg").await.expect("head").expect("an object").size, 17);

    let mut elsewhere = url.clone();
    elsewhere.set_path(&url.path().replace("a.jpg", "b.jpg"));
    assert_eq!(put(&elsewhere, Some("image/jpeg"), Some("private")).await, 403);
}

#[tokio::test]
async fn objects_are_written_read_and_deleted_below_the_prefix() {
    let Fake { folder, blobs, .. } = fake("/all/ours").await;
    let stored = blobs.put("uploads/a", "image/png", Bytes::from_static(b"hello")).await.expect("put");
    assert!(folder.path().join(BUCKET).join("all/ours/uploads/a").exists());
    assert_eq!(blobs.head("uploads/a").await.expect("head"), Some(stored.clone()));
    assert_eq!(blobs.get("uploads/a", None, 5).await.expect("get").as_deref(), Some(b"hello".as_slice()));
    assert_eq!(blobs.head_bytes("uploads/a", 4).await.expect("start").as_deref(), Some(b"hell".as_slice()));
    assert!(matches!(blobs.get("uploads/a", None, 4).await, Err(BlobError::TooLarge { .. })));
    assert_eq!(blobs.range("uploads/a", &stored.etag, 1..3).await.expect("range").as_deref(), Some(b"el".as_slice()));
    assert!(matches!(blobs.range("uploads/a", "\"another\"", 1..3).await, Err(BlobError::Changed(_))));
    assert!(matches!(blobs.get("uploads/a", Some("\"another\""), 5).await, Err(BlobError::Changed(_))), "whether or not the store looks");
    blobs.delete("uploads/a").await.expect("delete");
    blobs.delete("uploads/a").await.expect("deleting what is gone is fine");
    assert_eq!(blobs.get("uploads/a", None, 5).await.expect("get"), None);
}

#[tokio::test]
async fn streams_small_and_large_become_objects_and_long_ones_none() {
    let Fake { blobs, folder: _folder, .. } = fake("").await;
    for megabytes in [1usize, 11] {
        let body = stream::iter((0..megabytes).map(|n| Ok::<_, String>(Bytes::from(vec![n as u8; 1 << 20]))));
        let stored = blobs.put_stream("uploads/s", "image/png", body, 0..=11 << 20).await.expect("put");
        assert_eq!(stored.size, (megabytes as u64) << 20);
        let bytes = blobs.get("uploads/s", None, stored.size).await.expect("get").expect("an object");
        assert!((0..megabytes).all(|n| bytes[n << 20] == n as u8));
    }
    let body = stream::iter((0..11).map(|_| Ok::<_, String>(Bytes::from(vec![0; 1 << 20]))));
    assert!(matches!(blobs.put_stream("uploads/t", "image/png", body, 0..=10 << 20).await, Err(PutError::TooLarge { .. })));
    assert_eq!(blobs.head("uploads/t").await.expect("head"), None);
}

#[tokio::test]
async fn what_is_there_already_stays_the_same_version() {
    let Fake { blobs, folder: _folder, .. } = fake("").await;
    let image = Bytes::from(vec![7; 4096]);
    let first = blobs.put_once("fetched/a", "image/png", image.clone()).await.expect("put");
    let second = blobs.put_once("fetched/a", "image/png", image.clone()).await.expect("put");
    assert_eq!((first.size, &first), (4096, &second));
    assert_eq!(blobs.get("fetched/a", Some(&first.etag), 4096).await.expect("get"), Some(image));
}

#[tokio::test]
async fn health_notices_a_bucket_that_is_not_there() {
    let Fake { blobs, mut settings, folder: _folder } = fake("").await;
    blobs.health().await.expect("healthy");
    settings.url = "s3://nobody".into();
    assert!(Blobs::open(&settings).expect("a store").health().await.is_err());
}
