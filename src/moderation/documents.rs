//! Reading back: a document's state, an organisation's credits, a document's pictures and the links that open them.

use std::time::Duration;

use bytes::Bytes;
use touchstone_blobs::SignError;
use touchstone_core::{
    credit::{Credits, METERED},
    ids::DocumentId,
    organization::Caller,
    refusal::Refusal,
    time::Timestamp,
};
use touchstone_store::{Asset, AssetRecord, AssetStatus, DocumentRecord};

use crate::{road::Road, trouble::Trouble};

/// Most bytes of a heatmap or preview that are read back: far above what drawing can make.
pub(crate) const MOST_ASSET_BYTES: u64 = 64 << 20;

/// The word that a link's signature begins with: a signature for one purpose never opens another.
const PURPOSE: &str = "get";

/// The path segment of a picture, in links and in routes.
const fn segment(asset: Asset) -> &'static str {
    match asset {
        Asset::Heatmap => "heatmap",
        Asset::Preview => "preview",
    }
}

/// A picture that belongs to a document.
#[derive(Debug)]
pub enum AssetState {
    /// It was never asked for, or the verdict needs none.
    None,
    /// It is being drawn.
    Pending,
    /// It could not be drawn.
    Failed,
    /// Here it is.
    Ready {
        /// The encoded picture.
        bytes: Bytes,
        /// Its content type.
        content_type: String,
    },
    /// The record says it is there, the object store has lost it.
    Lost,
}

/// Whether the picture was asked for. Whether a heatmap is then made depends on the verdict.
fn is_wanted(document: &DocumentRecord, asset: Asset) -> bool {
    match asset {
        Asset::Heatmap => document.options.heatmap.is_some(),
        Asset::Preview => document.options.preview,
    }
}

impl Road {
    /// A document with its organisation; `None` when there is none. Whether the asker may see it is for the edge to decide.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn document(&self, id: DocumentId) -> Result<Option<DocumentRecord>, Refusal> {
        self.store().document(id).await.trouble()
    }

    /// What the caller's organisation has left (row T13). Metered ones read as full, since clients check before they submit.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn credits(&self, caller: &Caller) -> Result<Credits, Refusal> {
        if caller.organization.metered {
            return Ok(Credits { base: METERED, boost: 0 });
        }
        self.store().credits(caller.organization.id).await.trouble()
    }

    /// The bytes of a document's heatmap or preview, or why there are none.
    ///
    /// # Errors
    /// [`Refusal::NoSuchDocument`], [`Refusal::Removed`], [`Refusal::Internal`].
    pub async fn asset(&self, id: DocumentId, asset: Asset) -> Result<AssetState, Refusal> {
        let document = self.document(id).await?.ok_or(Refusal::NoSuchDocument)?;
        if document.forgotten.is_some() {
            return Err(Refusal::Removed);
        }
        if !document.is_final() && is_wanted(&document, asset) {
            return Ok(AssetState::Pending);
        }
        let AssetRecord { status, object_key, content_type } = document.asset(asset);
        let (Some(object_key), Some(content_type)) = (object_key, content_type) else {
            return Ok(match status {
                AssetStatus::None => AssetState::None,
                AssetStatus::Pending => AssetState::Pending,
                AssetStatus::Failed => AssetState::Failed,
                AssetStatus::Ready => AssetState::Lost,
                AssetStatus::Removed => return Err(Refusal::Removed),
            });
        };
        let bytes = self.blobs().get(object_key, None, MOST_ASSET_BYTES).await.trouble()?;
        Ok(bytes.map_or(AssetState::Lost, |bytes| AssetState::Ready { bytes, content_type: content_type.clone() }))
    }

    /// A fresh, short-lived link to a document's heatmap or preview. Never logged: it is a capability.
    #[must_use]
    pub fn asset_url(&self, id: DocumentId, asset: Asset) -> String {
        let expires = (Timestamp::now() + Duration::from_secs(self.settings().link_seconds)).seconds();
        let signature = self.signer().sign(&[PURPOSE, segment(asset), &id.to_string()], Timestamp::from_seconds(expires));
        format!("{}?expires={expires}&signature={signature}", self.asset_address(id, asset))
    }

    /// Where a document's heatmap or preview is. By itself it opens nothing: it takes the owner's key (row T10).
    #[must_use]
    pub fn asset_address(&self, id: DocumentId, asset: Asset) -> String {
        format!("{}/{}/{id}", self.public_url(), segment(asset))
    }

    /// Checks a link that [`Road::asset_url`] made.
    ///
    /// # Errors
    /// [`Refusal::BadLink`] when it has expired or was altered.
    pub fn check_asset_link(&self, id: DocumentId, asset: Asset, expires: i64, signature: &str) -> Result<(), Refusal> {
        let checked = self.signer().verify(
            &[PURPOSE, segment(asset), &id.to_string()],
            Timestamp::from_seconds(expires),
            signature,
            Timestamp::now(),
        );
        checked.map_err(|(SignError::Expired | SignError::Wrong)| Refusal::BadLink)
    }

    /// Where clients reach this server, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.settings().public_url.as_str().trim_end_matches('/')
    }
}
