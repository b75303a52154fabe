//! The road itself: what it is made of. Its stations are the other files of this crate.
//!
//! A `Road` is cheap to clone and shared by every request and every job of a node.

use std::sync::Arc;

use tokio::sync::Semaphore;
use touchstone_blobs::{Blobs, Signer};
use touchstone_core::{organization::Caller, refusal::Refusal};
use touchstone_store::Store;

use crate::{
    settings::Settings,
    trouble::{Trouble, chain},
};

/// Everything that ingest, judging and delivery share.
#[derive(Clone)]
pub struct Road {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    blobs: Blobs,
    signer: Signer,
    settings: Settings,
    archives: Semaphore,
}

/// Archives that are looked through at once.
const ARCHIVES: usize = 8;

impl Road {
    /// A road over a database, an object store and the keys that sign links.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs, signer: Signer, settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { store, blobs, signer, settings, archives: Semaphore::new(ARCHIVES) }) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.inner.signer
    }

    /// Places for archives that are looked through.
    pub(crate) fn archives(&self) -> &Semaphore {
        &self.inner.archives
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Who a key belongs to.
    ///
    /// # Errors
    /// [`Refusal::VerificationFailed`] when it is unknown, revoked or expired.
    pub async fn authenticate(&self, secret: &str) -> Result<Caller, Refusal> {
        self.store().caller(secret).await.trouble()?.ok_or(Refusal::VerificationFailed)
    }

    /// Whether the database and the object store answer.
    ///
    /// # Errors
    /// Which of them does not, for the log.
    pub async fn health(&self) -> Result<(), String> {
        self.store().health().await.map_err(|error| format!("database: {}", chain(&error)))?;
        self.blobs().health().await.map_err(|error| format!("object store: {}", chain(&error)))
    }
}
