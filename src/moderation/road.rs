//! The road itself: what it is made of. Its stations are the other files of this crate.
//!
//! A `Road` is cheap to clone and shared by every request and every job of a node.

use std::{net::IpAddr, sync::Arc};

use touchstone_blobs::{Blobs, Signer};
use touchstone_core::{
    causes::chain,
    ids::ProjectId,
    organization::Caller,
    plan::{Plan, Plans, Terms},
    refusal::Refusal,
};
use touchstone_net::{fetch::Fetcher, post::Poster};
use touchstone_pipeline::Lab;
use touchstone_store::{Presented, Store, Turn};

use crate::{
    bench::{Bench, Seats},
    handed::Handed,
    keeper::Keeper,
    lab,
    places::Places,
    settings::{Settings, V1},
    trouble::{RETRY_AFTER, Trouble},
    words::Words,
};

/// Everything that ingest, judging and delivery share.
#[derive(Clone)]
pub struct Road {
    inner: Arc<Inner>,
    words: Option<Words>,
    lab: Option<lab::Places>,
    seats: Option<Seats>,
}

struct Inner {
    store: Store,
    blobs: Blobs,
    signer: Signer,
    fetcher: Fetcher,
    poster: Poster,
    places: Places,
    settings: Settings,
    archives: Places,
    handed: Handed,
}

/// Archives that are looked through at once, and of one organisation.
const ARCHIVES: (usize, usize) = (8, 4);

impl Road {
    /// A road over a database, an object store, the keys that sign links, and the ways to foreign URLs and to webhooks.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs, signer: Signer, fetcher: Fetcher, poster: Poster, settings: Settings) -> Self {
        let places = Places::new(settings.concurrent_fetches, settings.concurrent_fetches_per_organization);
        let (archives, handed) = (Places::new(ARCHIVES.0, ARCHIVES.1), Handed::default());
        Self {
            inner: Arc::new(Inner { store, blobs, signer, fetcher, poster, places, settings, archives, handed }),
            words: None,
            lab: None,
            seats: None,
        }
    }

    /// The same road on a node that judges: requests that wait for a verdict are judged on its bench.
    #[must_use]
    pub fn with_bench(self, bench: Arc<dyn Bench>) -> Self {
        Self { seats: Some(Seats::new(bench)), ..self }
    }

    /// The same road, with a vision model that may add to its analyses.
    #[must_use]
    pub fn with_words(self, words: Option<Words>) -> Self {
        Self { words, ..self }
    }

    /// The same road, with a lab that looks at pictures without judging them.
    #[must_use]
    pub fn with_lab(self, lab: Lab) -> Self {
        Self { lab: Some(lab::Places::new(lab)), ..self }
    }

    /// Ends what jobs left under way beside themselves. Called once no job runs any more.
    pub async fn finish(&self) {
        if let Some(words) = &self.words {
            words.finish().await;
        }
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

    pub(crate) const fn lab(&self) -> Option<&lab::Places> {
        self.lab.as_ref()
    }

    pub(crate) fn seats(&self) -> Option<&Seats> {
        self.seats.as_ref()
    }

    pub(crate) fn words(&self) -> Option<&Words> {
        self.words.as_ref()
    }

    pub(crate) fn fetcher(&self) -> &Fetcher {
        &self.inner.fetcher
    }

    pub(crate) fn poster(&self) -> &Poster {
        &self.inner.poster
    }

    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    /// Pictures on their way from a job to the request that waits for them.
    pub(crate) fn handed(&self) -> &Handed {
        &self.inner.handed
    }

    /// What lets go of what is not to be kept.
    #[must_use]
    pub fn keeper(&self) -> Keeper {
        Keeper::new(self.store().clone(), self.blobs().clone(), self.settings().retention)
    }

    /// Places for archives that are looked through.
    pub(crate) fn archives(&self) -> &Places {
        &self.inner.archives
    }

    /// What each plan allows.
    #[must_use]
    pub fn plans(&self) -> Option<Plans> {
        self.store().plans()
    }

    /// Counts a request of a project against the limit of its plan that all nodes share (row V8), which is told with it. `None` where
    /// nothing confines it, or there is no other node: then the process counts for itself.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when the limit cannot be asked: nobody passes uncounted.
    pub async fn take_turn(&self, project: ProjectId, plan: Plan) -> Result<Option<(Turn, Terms)>, Refusal> {
        let Some(terms) = self.plans().map(|plans| plans.terms(plan)).filter(|terms| terms.per_second > 0) else { return Ok(None) };
        let name = format!("project:{}:{project}", plan.name());
        let turn = self.store().take_turn(&name, terms.per_second, terms.burst).await.map_err(|error| {
            tracing::error!(error = chain(&error), "the limit that all nodes share could not be asked");
            Refusal::Busy { retry_after: RETRY_AFTER }
        })?;
        Ok(turn.map(|turn| (turn, terms)))
    }

    /// How the /v1 API is served.
    #[must_use]
    pub fn v1(&self) -> &V1 {
        &self.settings().v1
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Who a key belongs to that a client at this address, if that is known, sent.
    ///
    /// # Errors
    /// [`Refusal::VerificationFailed`] when it is unknown, [`Refusal::KeyRefused`] when it opens nothing here and now.
    pub async fn authenticate(&self, secret: &str, client: Option<IpAddr>) -> Result<Caller, Refusal> {
        match self.store().caller(secret, client).await.trouble()? {
            Presented::Accepted(caller) => Ok(caller),
            Presented::Denied(denial) => Err(Refusal::KeyRefused(denial)),
            Presented::Unknown => Err(Refusal::VerificationFailed),
        }
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
