//! The first two steps of a client: ask for an upload URL, put the file there.
//!
//! On S3 the client talks to S3 itself; on a local folder this server plays the object store and checks what S3 would:
//! the signature, the expiry, the content type and the size.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use touchstone_blobs::{PutError, SignError};
use touchstone_core::{media::UploadKind, organization::Caller, refusal::Refusal, time::Timestamp};
use touchstone_store::{Issued, NewUpload, UploadState};
use uuid::Uuid;

use crate::{
    names::{UPLOADS, fresh_key, normalise},
    road::Road,
    trouble::Trouble,
};

/// Shortest, default and longest life of an upload URL, in seconds (row T1).
const EXPIRATION: (i64, i64, i64) = (60, 3600, 86_400);

/// The word that an upload's signature begins with: a signature for one purpose never opens another.
const PURPOSE: &str = "put";

/// An upload that may now be sent.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// Where to PUT the file.
    pub url: String,
    /// The stored key, to be sent back in `/detect`.
    pub file_path: String,
    /// For correlation only.
    pub document_id: Uuid,
}

/// What an upload URL of a local folder carries in its query.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub struct UploadQuery {
    /// Seconds since the Unix epoch.
    pub expires: Option<i64>,
    /// Hex.
    pub signature: Option<String>,
}

impl Road {
    /// Reserves a key for a file and answers the URL to PUT it to (row T1).
    ///
    /// # Errors
    /// [`Refusal::UnsupportedImageType`], [`Refusal::TooManyUploads`].
    pub async fn presign(&self, caller: &Caller, file_name: &str, expiration: Option<i64>) -> Result<Presigned, Refusal> {
        let name = normalise(file_name);
        let kind = UploadKind::from_file_name(&name)
            .ok_or_else(|| Refusal::UnsupportedImageType { file_name: file_name.chars().take(120).collect() })?;
        let (least, default, most) = EXPIRATION;
        let life = Duration::from_secs(expiration.unwrap_or(default).clamp(least, most).unsigned_abs());
        let object_key = fresh_key(&name);
        let document_id = Uuid::new_v4();
        let expires_at = Timestamp::now() + life;
        let upload = NewUpload {
            object_key: object_key.clone(),
            organization: caller.organization.id,
            correlation: document_id,
            content_type: kind.content_type().to_owned(),
            expires_at,
        };
        let quota = self.settings().uploads.quota;
        if self.store().issue_upload(upload, quota).await.trouble()? == Issued::QuotaReached {
            return Err(Refusal::TooManyUploads { most: quota });
        }
        let url = self.upload_url(&object_key, kind, life, expires_at).await?;
        Ok(Presigned { url, file_path: object_key, document_id })
    }

    async fn upload_url(&self, object_key: &str, kind: UploadKind, life: Duration, expires_at: Timestamp) -> Result<String, Refusal> {
        if let Some(url) = self.blobs().presign_put(object_key, kind.content_type(), life).await.trouble()? {
            return Ok(url.to_string());
        }
        let expires = expires_at.seconds();
        let signature = self.signer().sign(&[PURPOSE, object_key, kind.content_type()], Timestamp::from_seconds(expires));
        Ok(format!("{}/blobs/{object_key}?expires={expires}&signature={signature}", self.public_url()))
    }

    /// Stores a file that a client puts to an upload URL of a local folder (row T2). Memory stays flat whatever its size.
    ///
    /// # Errors
    /// [`Refusal::InvalidPresignedUrl`], [`Refusal::UploadRefused`], [`Refusal::WrongContentType`],
    /// [`Refusal::FileTooSmall`], [`Refusal::FileTooLarge`].
    pub async fn receive<S, E>(&self, name: &str, query: &UploadQuery, content_type: Option<&str>, body: S) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let kind = self.check_upload(name, query, content_type)?;
        let object_key = format!("{UPLOADS}/{name}");
        let upload = self
            .store()
            .upload(&object_key)
            .await
            .trouble()?
            .ok_or(Refusal::UploadRefused { reason: "This upload is no longer waited for." })?;
        if matches!(upload.state, UploadState::Taken | UploadState::Expiring) {
            return Err(Refusal::UploadRefused { reason: "The file was already submitted and can no longer be replaced." });
        }
        self.keep(&object_key, kind, body).await
    }

    /// Checks what can be checked before a byte of the file is read: the URL's signature and expiry, and the content type.
    ///
    /// # Errors
    /// [`Refusal::InvalidPresignedUrl`], [`Refusal::UploadRefused`], [`Refusal::WrongContentType`].
    pub fn check_upload(&self, name: &str, query: &UploadQuery, content_type: Option<&str>) -> Result<UploadKind, Refusal> {
        let kind = UploadKind::from_file_name(name).ok_or(Refusal::InvalidPresignedUrl)?;
        self.check_upload_url(&format!("{UPLOADS}/{name}"), kind, query)?;
        check_content_type(kind, content_type)?;
        Ok(kind)
    }

    fn check_upload_url(&self, object_key: &str, kind: UploadKind, query: &UploadQuery) -> Result<(), Refusal> {
        let (Some(expires), Some(signature)) = (query.expires, query.signature.as_deref()) else {
            return Err(Refusal::InvalidPresignedUrl);
        };
        match self.signer().verify(
            &[PURPOSE, object_key, kind.content_type()],
            Timestamp::from_seconds(expires),
            signature,
            Timestamp::now(),
        ) {
            Ok(()) => Ok(()),
            Err(SignError::Expired) => Err(Refusal::UploadRefused { reason: "The upload URL has expired." }),
            Err(SignError::Wrong) => Err(Refusal::UploadRefused { reason: "The upload URL's signature does not fit its path." }),
        }
    }

    /// Streams a body into the object store and marks the upload as stored.
    pub(crate) async fn keep<S, E>(&self, object_key: &str, kind: UploadKind, body: S) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let uploads = &self.settings().uploads;
        let (least, most) = (uploads.min_bytes, uploads.most(kind));
        let stored = match self.blobs().put_stream(object_key, kind.content_type(), body, least..=most).await {
            Ok(stored) => stored,
            Err(PutError::TooSmall { .. }) => return Err(Refusal::FileTooSmall { least }),
            Err(PutError::TooLarge { .. }) => return Err(Refusal::FileTooLarge { most }),
            Err(PutError::Stream(_)) => return Err(Refusal::UploadRefused { reason: "The upload was cut off before its end." }),
            Err(error) => return Err(error).trouble(),
        };
        if !self.store().mark_stored(object_key, stored.size, &stored.etag).await.trouble()? {
            // It was submitted while this body was arriving: the worker judges the version it recorded, or fails.
            return Err(Refusal::UploadRefused { reason: "The file was already submitted and can no longer be replaced." });
        }
        Ok(())
    }
}

/// The content type must be the extension's, a charset parameter aside.
fn check_content_type(kind: UploadKind, content_type: Option<&str>) -> Result<(), Refusal> {
    let got = content_type.unwrap_or_default();
    let essence = got.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(kind.content_type()) {
        return Ok(());
    }
    Err(Refusal::WrongContentType { expected: kind.content_type(), got: got.chars().take(120).collect() })
}
