//! Choosing the store from the settings: a local folder, or S3.

use std::{path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
};
use secrecy::ExposeSecret;
use url::Url;

use crate::{
    error::BlobError,
    settings::{S3, Settings},
};

/// How long one request to S3 may take before it is tried again.
const REQUEST: Duration = Duration::from_secs(30);
/// How long all tries together may take: a request of ours waits for this, so it must end.
const ALL_TRIES: Duration = Duration::from_secs(60);

/// The two kinds of store, where they differ.
pub(crate) enum Kind {
    /// A folder of this machine.
    Folder(PathBuf),
    /// S3, which signs upload URLs itself.
    S3(Arc<AmazonS3>),
}

/// A store that was opened.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) kind: Kind,
}

/// Opens the store that `settings.url` names. Makes the folder if it is missing; asks nothing of S3.
pub(crate) fn open(settings: &Settings) -> Result<Opened, BlobError> {
    let bad = |reason: String| BlobError::Settings { url: settings.url.clone(), reason };
    let url = Url::parse(&settings.url).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "file" => folder(url.to_file_path().map_err(|()| bad("write file:///absolute/folder".into()))?),
        "s3" => s3(&url, &settings.s3).map_err(|error| bad(error.to_string())),
        other => Err(bad(format!("\"{other}\" is no kind of storage; write file:///… or s3://bucket"))),
    }
}

fn folder(folder: PathBuf) -> Result<Opened, BlobError> {
    let failed = |source| BlobError::Folder { folder: folder.display().to_string(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    // Synced to disk before an upload is answered: an accepted image must survive a power cut, too.
    let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
    Ok(Opened { store: Arc::new(store), prefix: Path::default(), kind: Kind::Folder(folder) })
}

fn s3(url: &Url, settings: &S3) -> Result<Opened, object_store::Error> {
    let secret = settings.secret_access_key.expose_secret();
    let mut builder = if settings.access_key_id.is_empty() {
        AmazonS3Builder::from_env()
    } else {
        AmazonS3Builder::new().with_access_key_id(&settings.access_key_id).with_secret_access_key(secret)
    };
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(settings.endpoint.trim_end_matches('/'));
    }
    let plain = settings.endpoint.starts_with("http://");
    let store = builder
        .with_bucket_name(url.host_str().unwrap_or_default())
        .with_region(&settings.region)
        .with_virtual_hosted_style_request(settings.virtual_host)
        .with_client_options(ClientOptions::new().with_timeout(REQUEST).with_allow_http(plain))
        .with_retry(RetryConfig { max_retries: 4, retry_timeout: ALL_TRIES, ..RetryConfig::default() })
        .build()?;
    let store = Arc::new(store);
    Ok(Opened { store: Arc::clone(&store) as Arc<dyn ObjectStore>, prefix: Path::parse(url.path())?, kind: Kind::S3(store) })
}
