//! What is told of a picture without judging it: its forensics and its Content Credentials (rows V4, V5). Nothing is stored, no document is
//! made and no credit is taken.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use touchstone_core::{organization::Caller, refusal::Refusal};
use touchstone_pipeline::{
    Lab,
    decoder::Undecoded,
    forensics::{Maps, Report},
    stages::provenance::Credentials,
    trust_list::TrustListFacts,
};

use crate::{
    detect::Sent,
    road::Road,
    trouble::{Trouble, internal},
};

/// A lab, and as many places in it as pictures may be in work, no more than half of them for one organisation: looking costs nothing.
#[derive(Clone)]
pub(crate) struct Places {
    lab: Lab,
    free: Arc<crate::places::Places>,
}

/// Only nodes that serve the API have one.
#[derive(Debug, thiserror::Error)]
#[error("this node has no lab")]
struct NoLab;

impl Places {
    pub(crate) fn new(lab: Lab) -> Self {
        let all = lab.at_once();
        Self { lab, free: Arc::new(crate::places::Places::new(all, all.div_ceil(2))) }
    }
}

impl Road {
    /// A picture's forensics, in figures and in maps.
    ///
    /// # Errors
    /// What is wrong with the image, [`Refusal::Busy`] when no place becomes free, [`Refusal::Internal`].
    pub async fn examine(&self, caller: &Caller, sent: Sent) -> Result<(Report, Maps), Refusal> {
        self.look(caller, sent, Lab::examine).await
    }

    /// A picture's Content Credentials.
    ///
    /// # Errors
    /// As [`Road::examine`].
    pub async fn verify_credentials(&self, caller: &Caller, sent: Sent) -> Result<Credentials, Refusal> {
        self.look(caller, sent, Lab::verify).await
    }

    /// The trust list that is installed here.
    #[must_use]
    pub fn trust_list(&self) -> Option<&TrustListFacts> {
        self.lab().and_then(|places| places.lab.trust_list())
    }

    async fn look<T>(&self, caller: &Caller, sent: Sent, work: fn(&Lab, Bytes) -> Result<T, Undecoded>) -> Result<T, Refusal>
    where
        T: Send + 'static,
    {
        match sent {
            Sent::Bytes(bytes) => {
                self.believed(&bytes)?;
                self.in_lab(caller, bytes, work).await
            }
            Sent::Url(url) => {
                let url = self.foreign(&url)?;
                // Held until the end: it bounds what lies in memory.
                let _place = self.fetch_place(caller).await?;
                let (bytes, _) = self.fetched_by_v1(url).await?;
                // What a URL answered is told in one wording, whatever was wrong with it.
                self.in_lab(caller, bytes, work).await.map_err(|refusal| match refusal {
                    Refusal::Undecodable { .. } => self.unfetchable(),
                    other => other,
                })
            }
        }
    }

    async fn in_lab<T: Send + 'static>(
        &self,
        caller: &Caller,
        bytes: Bytes,
        work: fn(&Lab, Bytes) -> Result<T, Undecoded>,
    ) -> Result<T, Refusal> {
        let Places { lab, free } = self.lab().ok_or_else(|| internal(&NoLab))?.clone();
        let wait = Duration::from_secs(self.v1().place_seconds);
        let place = free.wait(caller.organization.id, wait).await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&lab, bytes);
            drop(place);
            done
        });
        done.await.trouble()?.map_err(|error| match error {
            Undecoded::Unreadable(why) => Refusal::Undecodable { reason: why.to_string() },
            failed @ Undecoded::Failed(_) => internal(&failed),
        })
    }
}
