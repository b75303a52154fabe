//! What is told of a picture without judging it: its forensics and its Content Credentials (rows V4, V5). Nothing is stored, no document is
//! made and no credit is taken.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::Semaphore, time::timeout};
use touchstone_core::refusal::Refusal;
use touchstone_pipeline::{
    Lab,
    decoder::Undecoded,
    forensics::{Maps, Report},
    stages::provenance::Credentials,
    trust_list::TrustListFacts,
};

use crate::{
    road::Road,
    trouble::{RETRY_AFTER, Trouble, internal},
};

/// A lab, and as many places in it as pictures may be in work.
#[derive(Clone)]
pub(crate) struct Places {
    lab: Lab,
    free: Arc<Semaphore>,
}

/// Only nodes that serve the API have one.
#[derive(Debug, thiserror::Error)]
#[error("this node has no lab")]
struct NoLab;

impl Places {
    pub(crate) fn new(lab: Lab) -> Self {
        let free = Arc::new(Semaphore::new(lab.at_once()));
        Self { lab, free }
    }
}

impl Road {
    /// A picture's forensics, in figures and in maps.
    ///
    /// # Errors
    /// [`Refusal::Undecodable`], [`Refusal::Busy`] when no place becomes free, [`Refusal::Internal`].
    pub async fn examine(&self, bytes: Bytes) -> Result<(Report, Maps), Refusal> {
        self.in_lab(move |lab| lab.examine(bytes)).await
    }

    /// A picture's Content Credentials.
    ///
    /// # Errors
    /// As [`Road::examine`].
    pub async fn verify_credentials(&self, bytes: Bytes) -> Result<Credentials, Refusal> {
        self.in_lab(move |lab| lab.verify(bytes)).await
    }

    /// The trust list that is installed here.
    #[must_use]
    pub fn trust_list(&self) -> Option<&TrustListFacts> {
        self.lab().and_then(|places| places.lab.trust_list())
    }

    async fn in_lab<T: Send + 'static>(&self, work: impl FnOnce(&Lab) -> Result<T, Undecoded> + Send + 'static) -> Result<T, Refusal> {
        let Places { lab, free } = self.lab().ok_or_else(|| internal(&NoLab))?.clone();
        let wait = Duration::from_secs(self.settings().v1.place_seconds);
        let place = timeout(wait, free.acquire_owned()).await.map_err(|_| Refusal::Busy { retry_after: RETRY_AFTER })?.trouble()?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&lab);
            drop(place);
            done
        });
        done.await.trouble()?.map_err(|error| match error {
            Undecoded::Unreadable(why) => Refusal::Undecodable { reason: why.to_string() },
            failed @ Undecoded::Failed(_) => internal(&failed),
        })
    }
}
