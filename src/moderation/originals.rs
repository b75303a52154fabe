//! The bytes that a document is judged by: a stored object, or one image out of a stored archive. Always exactly the version
//! that was submitted, and never more of it than one image may have.

use bytes::Bytes;
use thiserror::Error;
use touchstone_blobs::BlobError;
use touchstone_store::{DocumentRecord, Member};

use crate::{
    archive::{Damaged, inflate},
    road::Road,
};

/// Why there are no bytes. Trying again helps with [`Lost::Trouble`] alone.
#[derive(Debug, Error)]
pub(crate) enum Lost {
    /// The object is gone, or another version lies there.
    #[error("The uploaded file is gone or was replaced after it was submitted. Upload it again.")]
    Gone,
    /// The archive does not hold what its directory says.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Something of ours failed.
    #[error(transparent)]
    Trouble(anyhow::Error),
}

impl From<BlobError> for Lost {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Changed(_) => Self::Gone,
            error => Self::Trouble(error.into()),
        }
    }
}

impl Road {
    /// The bytes of a document's image.
    pub(crate) async fn original(&self, document: &DocumentRecord) -> Result<Bytes, Lost> {
        let most = self.settings().uploads.max_bytes.max(self.v1().max_image_bytes);
        match &document.member {
            None => self.blobs().get(&document.object_key, Some(&document.object_etag), most).await?.ok_or(Lost::Gone),
            Some(member) => self.unpacked(document, member).await,
        }
    }

    /// Reads the entry's range of the archive and inflates it, in memory.
    async fn unpacked(&self, document: &DocumentRecord, member: &Member) -> Result<Bytes, Lost> {
        let entry = member.entry;
        let range = entry.offset..entry.offset + entry.compressed;
        let data = self.blobs().range(&document.object_key, &document.object_etag, range).await?.ok_or(Lost::Gone)?;
        let image = tokio::task::spawn_blocking(move || inflate(data, &entry)).await.map_err(|died| Lost::Trouble(died.into()))?;
        Ok(image?)
    }
}
