//! The store as the rest of Touchstone sees it: keys, bytes and versions.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    path::Path,
    signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer, Url},
};

use crate::{
    error::{BlobError, PutError},
    key, leftovers,
    open::{self, Kind, Opened},
    settings::Settings,
    stream,
};

/// How long a health check waits for the store.
const HEALTH: Duration = Duration::from_secs(5);

/// What the store says about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// In bytes.
    pub size: u64,
    /// Names this version of the object: written again, it has another one. Opaque; compare for equality only.
    pub etag: String,
}

/// Object storage. A clone is another handle on the same store.
#[derive(Clone)]
pub struct Blobs(Arc<Opened>);

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Blobs").field(&self.0.store).finish()
    }
}

impl Blobs {
    /// Opens the store that the settings name. A local folder is made if it is missing; S3 is not asked yet.
    ///
    /// For S3 the process must have installed rustls' default crypto provider, else the TLS client panics.
    ///
    /// # Errors
    /// When the URL or the S3 settings make no sense, or the folder cannot be used.
    pub fn open(settings: &Settings) -> Result<Self, BlobError> {
        open::open(settings).map(|opened| Self(Arc::new(opened)))
    }

    /// A URL to which a client can PUT this object itself, with exactly this content type and `x-amz-acl: private`.
    /// `None` on a local folder, where the server signs a URL of its own.
    ///
    /// # Errors
    /// When the key or content type cannot be used, or no credentials can be had.
    pub async fn presign_put(&self, key: &str, content_type: &str, expires_in: Duration) -> Result<Option<Url>, BlobError> {
        let Kind::S3(store) = &self.0.kind else { return Ok(None) };
        let path = self.path(key)?;
        let content_type = HeaderValue::from_str(content_type).map_err(|_| BlobError::Key(format!("{key} ({content_type})")))?;
        let options = SignedUrlOptions::new()
            .with_signed_header(HeaderName::from_static("content-type"), content_type)
            .with_signed_header(HeaderName::from_static("x-amz-acl"), HeaderValue::from_static("private"));
        Ok(Some(store.signed_url_opts(Method::PUT, &path, expires_in, &options).await?))
    }

    /// Writes an object whose bytes are at hand; replaces an older one atomically.
    ///
    /// # Errors
    /// When the key is none or the store fails.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<Stored, BlobError> {
        let path = self.path(key)?;
        let size = bytes.len() as u64;
        let options = PutOptions { attributes: self.attributes(content_type), ..PutOptions::default() };
        let put = self.0.store.put_opts(&path, bytes.into(), options).await?;
        Ok(Stored { size, etag: put.e_tag.unwrap_or_default() })
    }

    /// Writes an object under a key that says what is in it: one that is there already stays as it is, the same version, so that
    /// whoever has submitted it keeps what they submitted.
    ///
    /// # Errors
    /// When the key is none or the store fails.
    pub async fn put_once(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<Stored, BlobError> {
        let path = self.path(key)?;
        let size = bytes.len() as u64;
        let options = PutOptions { attributes: self.attributes(content_type), mode: PutMode::Create, ..PutOptions::default() };
        match self.0.store.put_opts(&path, bytes.clone().into(), options).await {
            Ok(put) => Ok(Stored { size, etag: put.e_tag.unwrap_or_default() }),
            Err(Error::AlreadyExists { .. }) => match self.head(key).await? {
                Some(stored) => Ok(stored),
                // Deleted in this very moment.
                None => self.put(key, content_type, bytes).await,
            },
            // A store without conditional writes names a version after its bytes, so writing them again changes nothing.
            Err(Error::NotImplemented { .. }) => self.put(key, content_type, bytes).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Writes an object from a stream of as many bytes as `sizes` allows. Memory stays flat, and nothing is visible until all
    /// of it is written: a stream that fails, is too short or too long, or is dropped half-way leaves what was there before.
    ///
    /// # Errors
    /// When the stream fails, is too short or too long, the key is none or the store fails.
    pub async fn put_stream<S, E>(&self, key: &str, content_type: &str, body: S, sizes: RangeInclusive<u64>) -> Result<Stored, PutError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: std::fmt::Display,
    {
        let path = self.path(key)?;
        let part = if matches!(self.0.kind, Kind::S3(_)) { stream::S3_PART } else { stream::FOLDER_PART };
        stream::write(self.0.store.as_ref(), &path, self.attributes(content_type), body, sizes, part).await
    }

    /// Size and version of an object, without its bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the key is none or the store fails.
    pub async fn head(&self, key: &str) -> Result<Option<Stored>, BlobError> {
        let found = found(self.0.store.head(&self.path(key)?).await, key)?;
        Ok(found.map(|meta| Stored { size: meta.size, etag: meta.e_tag.unwrap_or_default() }))
    }

    /// An object's bytes, at most `limit` of them; `None` when there is none. With `if_match`, exactly that version.
    ///
    /// # Errors
    /// [`BlobError::Changed`] when another version is there, [`BlobError::TooLarge`] before any byte is read, or when the
    /// store fails.
    pub async fn get(&self, key: &str, if_match: Option<&str>, limit: u64) -> Result<Option<Bytes>, BlobError> {
        let options = GetOptions { if_match: if_match.map(str::to_owned), ..GetOptions::default() };
        let Some(result) = self.fetch(key, options).await? else { return Ok(None) };
        let size = result.meta.size;
        if size > limit {
            return Err(BlobError::TooLarge { size, limit });
        }
        Ok(Some(result.bytes().await?))
    }

    /// The first `n` bytes of an object, fewer when it has fewer; `None` when there is none.
    ///
    /// # Errors
    /// When the key is none or the store fails.
    pub async fn head_bytes(&self, key: &str, n: u64) -> Result<Option<Bytes>, BlobError> {
        // A range of an empty object is an error to every store, so it is not asked for.
        match self.head(key).await? {
            None => return Ok(None),
            Some(stored) if stored.size == 0 => return Ok(Some(Bytes::new())),
            Some(_) => {}
        }
        let options = GetOptions { range: Some((0..n).into()), ..GetOptions::default() };
        let Some(result) = self.fetch(key, options).await? else { return Ok(None) };
        Ok(Some(result.bytes().await?))
    }

    /// The bytes of a range of exactly this version of an object, fewer where it ends before; `None` when there is none. The
    /// caller bounds the range: all of it is held in memory.
    ///
    /// # Errors
    /// [`BlobError::Changed`] when another version is there; when the range is empty or begins beyond the end, or the store fails.
    pub async fn range(&self, key: &str, if_match: &str, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        let options = GetOptions { if_match: Some(if_match.to_owned()), range: Some(range.into()), ..GetOptions::default() };
        let Some(result) = self.fetch(key, options).await? else { return Ok(None) };
        Ok(Some(result.bytes().await?))
    }

    /// Removes an object. A missing one is fine.
    ///
    /// # Errors
    /// When the key is none or the store fails.
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        found(self.0.store.delete(&self.path(key)?).await, key).map(|_| ())
    }

    /// Whether the store can be used now: the folder is there, or S3 lists the bucket within five seconds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn health(&self) -> Result<(), BlobError> {
        if let Kind::Folder(folder) = &self.0.kind {
            let failed = |source| BlobError::Folder { folder: folder.display().to_string(), source };
            return tokio::fs::read_dir(folder).await.map(|_| ()).map_err(failed);
        }
        let mut objects = self.0.store.list(Some(&self.path("health")?));
        let first = tokio::time::timeout(HEALTH, objects.next()).await.map_err(|_| BlobError::Slow(HEALTH.as_secs()))?;
        first.transpose().map(|_| ()).map_err(BlobError::Store)
    }

    /// Deletes what killed processes left of unfinished writes, when it is older than `age`; says how many files.
    /// Does nothing on S3, where a lifecycle rule of the bucket ends unfinished multipart uploads.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn remove_leftovers(&self, age: Duration) -> Result<usize, BlobError> {
        match &self.0.kind {
            Kind::Folder(folder) => leftovers::remove(folder.clone(), age).await,
            Kind::S3(_) => Ok(0),
        }
    }

    async fn fetch(&self, key: &str, options: GetOptions) -> Result<Option<GetResult>, BlobError> {
        let wanted = options.if_match.clone();
        let result = found(self.0.store.get_opts(&self.path(key)?, options).await, key)?;
        // Some stores that speak S3 read past the condition.
        let changed = |result: &GetResult| wanted.is_some() && result.meta.e_tag != wanted;
        if result.as_ref().is_some_and(changed) { Err(BlobError::Changed(key.to_owned())) } else { Ok(result) }
    }

    fn path(&self, key: &str) -> Result<Path, BlobError> {
        key::path(&self.0.prefix, key)
    }

    /// Folders keep no content type; S3 does.
    fn attributes(&self, content_type: &str) -> Attributes {
        match self.0.kind {
            Kind::Folder(_) => Attributes::new(),
            Kind::S3(_) => Attributes::from_iter([(Attribute::ContentType, content_type.to_owned())]),
        }
    }
}

/// A missing object is `None`, another version is [`BlobError::Changed`], and everything else a failure.
fn found<T>(result: Result<T, object_store::Error>, key: &str) -> Result<Option<T>, BlobError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(object_store::Error::Precondition { .. }) => Err(BlobError::Changed(key.to_owned())),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tempfile::TempDir;

    use super::*;
    use crate::settings::S3;

    fn folder() -> (TempDir, Blobs) {
        let folder = TempDir::new().expect("a folder");
        let blobs = Blobs::open(&settings(&format!("file://{}/new", folder.path().display()))).expect("a store");
        (folder, blobs)
    }

    fn settings(url: &str) -> Settings {
        let s3 = S3 {
            endpoint: String::new(),
            region: String::new(),
            access_key_id: String::new(),
            secret_access_key: String::new().into(),
            virtual_host: false,
        };
        Settings { url: url.into(), known_hosts: Vec::new(), s3 }
    }

    /// Every file below the folder, whatever its name.
    fn files(folder: &std::path::Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries
            .flat_map(|entry| match entry.file_type().expect("a type").is_dir() {
                true => files(&entry.path()),
                false => vec![entry.file_name().to_string_lossy().into_owned()],
            })
            .collect()
    }

    fn chunks(sizes: &[usize]) -> Vec<Result<Bytes, &'static str>> {
        sizes.iter().enumerate().map(|(n, size)| Ok(Bytes::from(vec![n as u8; *size]))).collect()
    }

    #[tokio::test]
    async fn what_is_there_already_stays_the_same_version() {
        let (_folder, blobs) = folder();
        let image = Bytes::from_static(b"image");
        let puts = (0..4).map(|_| blobs.put_once("fetched/a", "image/png", image.clone()));
        let stored: Vec<Stored> = futures::future::try_join_all(puts).await.expect("put");
        assert!(stored.iter().all(|one| *one == stored[0]), "{stored:?}");
        assert_eq!(blobs.get("fetched/a", Some(&stored[0].etag), 5).await.expect("get"), Some(image));
    }

    #[tokio::test]
    async fn an_object_is_written_read_and_deleted() {
        let (_folder, blobs) = folder();
        let stored = blobs.put("uploads/a.jpg", "image/jpeg", Bytes::from_static(b"hello")).await.expect("put");
        assert_eq!(stored.size, 5);
        assert_eq!(blobs.head("uploads/a.jpg").await.expect("head"), Some(stored.clone()));
        let bytes = blobs.get("uploads/a.jpg", Some(&stored.etag), 5).await.expect("get");
        assert_eq!(bytes.as_deref(), Some(b"hello".as_slice()));
        assert_eq!(blobs.head_bytes("uploads/a.jpg", 2).await.expect("start").as_deref(), Some(b"he".as_slice()));
        assert_eq!(blobs.head_bytes("uploads/a.jpg", 99).await.expect("all").as_deref(), Some(b"hello".as_slice()));
        blobs.delete("uploads/a.jpg").await.expect("delete");
        blobs.delete("uploads/a.jpg").await.expect("deleting what is gone is fine");
        assert_eq!(blobs.head("uploads/a.jpg").await.expect("head"), None);
        assert_eq!(blobs.get("uploads/a.jpg", None, 5).await.expect("get"), None);
        assert_eq!(blobs.head_bytes("uploads/a.jpg", 2).await.expect("start"), None);
    }

    #[tokio::test]
    async fn a_range_is_of_one_version() {
        // T11
        let (_folder, blobs) = folder();
        let first = blobs.put("a", "application/zip", Bytes::from_static(b"0123456789")).await.expect("put");
        let range = |etag: &str, range| {
            let (blobs, etag) = (blobs.clone(), etag.to_owned());
            async move { blobs.range("a", &etag, range).await }
        };
        assert_eq!(range(&first.etag, 2..5).await.expect("range").as_deref(), Some(b"234".as_slice()));
        assert_eq!(range(&first.etag, 8..99).await.expect("to the end").as_deref(), Some(b"89".as_slice()));
        assert!(range(&first.etag, 99..100).await.is_err(), "nothing lies beyond the end");
        blobs.put("a", "application/zip", Bytes::from_static(b"another, longer")).await.expect("put");
        assert!(matches!(range(&first.etag, 2..5).await, Err(BlobError::Changed(_))));
        blobs.delete("a").await.expect("delete");
        assert_eq!(range(&first.etag, 2..5).await.expect("gone"), None);
    }

    #[tokio::test]
    async fn an_empty_object_has_an_empty_start() {
        let (_folder, blobs) = folder();
        blobs.put("a", "image/png", Bytes::new()).await.expect("put");
        assert_eq!(blobs.head_bytes("a", 16).await.expect("start"), Some(Bytes::new()));
    }

    #[tokio::test]
    async fn a_reader_gets_exactly_its_version_or_nothing() {
        let (_folder, blobs) = folder();
        let first = blobs.put("a", "image/png", Bytes::from_static(b"one")).await.expect("put");
        let second = blobs.put("a", "image/png", Bytes::from_static(b"two")).await.expect("put");
        assert_ne!(first.etag, second.etag);
        assert!(matches!(blobs.get("a", Some(&first.etag), 9).await, Err(BlobError::Changed(_))));
        assert!(matches!(blobs.get("a", None, 2).await, Err(BlobError::TooLarge { size: 3, limit: 2 })));
    }

    #[tokio::test]
    async fn a_stream_becomes_one_object() {
        let (folder, blobs) = folder();
        let sizes = [10, 300_000, 0, 1, 600_000];
        let stored = blobs.put_stream("uploads/a", "image/png", stream::iter(chunks(&sizes)), 900_011..=900_011).await.expect("put");
        let expected: Vec<u8> = chunks(&sizes).into_iter().flat_map(|chunk| chunk.expect("bytes")).collect();
        assert_eq!(blobs.get("uploads/a", Some(&stored.etag), stored.size).await.expect("get").as_deref(), Some(&*expected));
        assert_eq!(files(folder.path()), ["a"]);
    }

    #[tokio::test]
    async fn a_stream_that_is_too_long_leaves_what_was_there() {
        let (folder, blobs) = folder();
        blobs.put("a", "image/png", Bytes::from_static(b"before")).await.expect("put");
        for sizes in [vec![11], vec![600_000, 600_000]] {
            let limit = sizes.iter().sum::<usize>() as u64 - 1;
            let put = blobs.put_stream("a", "image/png", stream::iter(chunks(&sizes)), 0..=limit).await;
            assert!(matches!(put, Err(PutError::TooLarge { .. })));
        }
        assert_eq!(blobs.get("a", None, 99).await.expect("get").as_deref(), Some(b"before".as_slice()));
        assert_eq!(files(folder.path()), ["a"]);
    }

    #[tokio::test]
    async fn a_stream_that_is_too_short_leaves_what_was_there() {
        // T2
        let (folder, blobs) = folder();
        let before = blobs.put("a", "image/png", Bytes::from_static(b"before")).await.expect("put");
        for size in [0, 9, 600_000] {
            let least = size as u64 + 1;
            let put = blobs.put_stream("a", "image/png", stream::iter(chunks(&[size])), least..=1 << 30).await;
            assert!(matches!(put, Err(PutError::TooSmall { least: told }) if told == least), "{size}");
        }
        assert_eq!(blobs.head("a").await.expect("head"), Some(before));
        assert_eq!(files(folder.path()), ["a"]);
    }

    #[tokio::test]
    async fn a_stream_that_breaks_leaves_nothing() {
        let (folder, blobs) = folder();
        for size in [10, 900_000] {
            let broken = chunks(&[size]).into_iter().chain([Err("connection reset")]);
            let put = blobs.put_stream("a", "image/png", stream::iter(broken), 0..=1 << 30).await;
            assert!(matches!(put, Err(PutError::Stream(reason)) if reason == "connection reset"));
        }
        assert_eq!(files(folder.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_stream_that_is_dropped_leaves_nothing() {
        let (folder, blobs) = folder();
        let endless = stream::iter(chunks(&[900_000])).chain(stream::pending());
        let put = blobs.put_stream("a", "image/png", endless, 0..=1 << 30);
        assert!(tokio::time::timeout(Duration::from_millis(200), put).await.is_err(), "the stream never ends");
        // The clean-up runs beside us.
        for _ in 0..100 {
            if files(folder.path()).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("left behind: {:?}", files(folder.path()));
    }

    #[tokio::test]
    async fn leftovers_of_a_killed_process_go_when_they_are_old() {
        let (folder, blobs) = folder();
        blobs.put("uploads/a", "image/png", Bytes::from_static(b"kept")).await.expect("put");
        std::fs::write(folder.path().join("new/uploads/b#1"), b"half").expect("a leftover");
        assert_eq!(blobs.remove_leftovers(Duration::from_secs(3600)).await.expect("sweep"), 0);
        assert_eq!(blobs.remove_leftovers(Duration::ZERO).await.expect("sweep"), 1);
        assert_eq!(files(folder.path()), ["a"]);
    }

    #[tokio::test]
    async fn health_notices_that_the_folder_is_gone() {
        let (folder, blobs) = folder();
        blobs.health().await.expect("healthy");
        std::fs::remove_dir_all(folder.path().join("new")).expect("removed");
        assert!(matches!(blobs.health().await, Err(BlobError::Folder { .. })));
    }

    #[tokio::test]
    async fn keys_from_outside_are_checked_by_every_door() {
        let (_folder, blobs) = folder();
        let key = "../secret";
        assert!(matches!(blobs.head(key).await, Err(BlobError::Key(_))));
        assert!(matches!(blobs.get(key, None, 1).await, Err(BlobError::Key(_))));
        assert!(matches!(blobs.head_bytes(key, 1).await, Err(BlobError::Key(_))));
        assert!(matches!(blobs.delete(key).await, Err(BlobError::Key(_))));
        assert!(matches!(blobs.put(key, "image/png", Bytes::new()).await, Err(BlobError::Key(_))));
        let put = blobs.put_stream(key, "image/png", stream::iter(chunks(&[1])), 1..=1).await;
        assert!(matches!(put, Err(PutError::Blob(BlobError::Key(_)))));
    }

    #[tokio::test]
    async fn a_folder_presigns_nothing() {
        let (_folder, blobs) = folder();
        assert_eq!(blobs.presign_put("a", "image/png", Duration::from_secs(60)).await.expect("none"), None);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_with_the_reason() {
        for (url, reason) in [("ftp://x", "no kind of storage"), ("nonsense", "relative URL"), ("file://host/x", "file:///absolute")] {
            let error = Blobs::open(&settings(url)).expect_err("refused").to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
