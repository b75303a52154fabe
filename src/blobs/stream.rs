//! Writing a stream of unknown length without ever holding more than one part of it.
//!
//! What fits into one part is one atomic write. More becomes a multipart upload, which the store shows only when it is
//! completed and which is aborted on every other way out, a dropped future included.

use std::ops::RangeInclusive;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use object_store::{Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutPayloadMut, path::Path};

use crate::{
    blobs::Stored,
    error::{BlobError, PutError},
};

/// Part size on S3: the least that it takes.
pub(crate) const S3_PART: usize = 5 << 20;
/// Part size in a folder: a few writes for a usual image.
pub(crate) const FOLDER_PART: usize = 512 << 10;

/// Writes `body` to `path` if it has as many bytes as `sizes` allows.
pub(crate) async fn write<S, E>(
    store: &dyn ObjectStore,
    path: &Path,
    attributes: Attributes,
    body: S,
    sizes: RangeInclusive<u64>,
    part: usize,
) -> Result<Stored, PutError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
    E: std::fmt::Display,
{
    let mut upload = Unfinished { store, path, attributes, multipart: None };
    let result = pour(&mut upload, body, sizes, part).await;
    if result.is_err() {
        upload.abort().await;
    }
    result
}

/// Fills parts from `body`, and writes each as soon as it is full. The last step alone shows anything of it.
async fn pour<S, E>(upload: &mut Unfinished<'_>, mut body: S, sizes: RangeInclusive<u64>, part: usize) -> Result<Stored, PutError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
    E: std::fmt::Display,
{
    let (least, limit) = sizes.into_inner();
    let mut size = 0u64;
    let mut buffer = PutPayloadMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| PutError::Stream(error.to_string()))?;
        size += chunk.len() as u64;
        if size > limit {
            return Err(PutError::TooLarge { limit });
        }
        buffer.extend_from_slice(&chunk);
        if buffer.content_length() >= part {
            upload.part(std::mem::take(&mut buffer).freeze()).await?;
        }
    }
    if size < least {
        return Err(PutError::TooSmall { least });
    }
    let etag = upload.finish(buffer.freeze()).await?;
    Ok(Stored { size, etag: etag.unwrap_or_default() })
}

/// A write under way. Dropped before it is finished, it is aborted in the background.
struct Unfinished<'a> {
    store: &'a dyn ObjectStore,
    path: &'a Path,
    attributes: Attributes,
    /// Begun with the first full part.
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl Unfinished<'_> {
    async fn part(&mut self, bytes: PutPayload) -> Result<(), BlobError> {
        if self.multipart.is_none() {
            let options = PutMultipartOptions { attributes: self.attributes.clone(), ..PutMultipartOptions::default() };
            self.multipart = Some(self.store.put_multipart_opts(self.path, options).await?);
        }
        let upload = self.multipart.as_mut().expect("begun above");
        Ok(upload.put_part(bytes).await?)
    }

    /// Writes what is left and makes the object visible; answers its ETag.
    async fn finish(&mut self, rest: PutPayload) -> Result<Option<String>, BlobError> {
        if self.multipart.is_none() {
            let options = PutOptions { attributes: self.attributes.clone(), ..PutOptions::default() };
            return Ok(self.store.put_opts(self.path, rest, options).await?.e_tag);
        }
        if rest.content_length() > 0 {
            self.part(rest).await?;
        }
        let upload = self.multipart.as_mut().expect("checked above");
        let etag = upload.complete().await?.e_tag;
        self.multipart = None;
        Ok(etag)
    }

    async fn abort(&mut self) {
        if let Some(upload) = self.multipart.take() {
            abort(upload).await;
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(upload) = self.multipart.take() else { return };
        // Outside a runtime (it is shutting down) a folder still cleans up by itself; on S3 the bucket's lifecycle rule does.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(abort(upload));
        }
    }
}

async fn abort(mut upload: Box<dyn MultipartUpload>) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, "an unfinished upload could not be aborted");
    }
}
