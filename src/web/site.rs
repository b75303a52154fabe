//! What every handler shares: the road, the settings, the limits, and whether the server is on its way out.
//!
//! Handlers run on the server's own threads, whose runtimes end with it. The road runs on the process' runtime instead:
//! database and storage connections that were opened there outlive the server, and a client that goes away in the middle of
//! a transaction cannot cut it in half.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpMessage, HttpRequest};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
};
use touchstone_billing::Billing;
use touchstone_core::{ids::ProjectId, organization::Caller, refusal::Refusal};
use touchstone_moderation::{Place, Places, Road};
use tracing::Instrument;
use utoipa::ToSchema;

use crate::{
    console::model::Card,
    errors::Failure,
    extract::client,
    limit::{self, Limits, Passed, asker},
    proxies::{NoNetwork, Proxies},
    scopes,
    settings::{Settings, TryIt},
};

/// When to come back to a server that restarts.
const RESTART: Duration = Duration::from_secs(5);

/// When to come back for an upload that found no place.
const NO_PLACE: Duration = Duration::from_secs(2);

/// Bodies of batches that are looked through at once, of all organisations and of one.
const BATCHES: (usize, usize) = (2, 1);

/// How long a batch waits for its turn to be looked through.
const TURN: Duration = Duration::from_secs(30);

/// Which part of the places for uploads one organisation's batches may take.
const SHARE: usize = 16;

/// Which weights judge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelFacts {
    /// The model's name.
    #[schema(example = "touchstone-2")]
    pub name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// SHA-256 of its weights.
    #[schema(example = "a3f5…")]
    pub sha256: String,
}

/// Everything that handlers share.
pub(crate) struct Site {
    road: Road,
    billing: Billing,
    runtime: Handle,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) proxies: Proxies,
    /// The model that judges here; `None` on a node that judges nothing itself.
    pub(crate) model: Option<ModelFacts>,
    /// The card of the model that judges, here or elsewhere.
    pub(crate) card: Option<Card>,
    /// When this node began to serve.
    pub(crate) started: Instant,
    /// The public can reach this listener.
    public: bool,
    uploads: Arc<Semaphore>,
    /// Bytes of images on their way into memory.
    memory: Arc<Semaphore>,
    /// Bodies of batches on their way in.
    bodies: Places,
    batches: Places,
    waits: Arc<Semaphore>,
    draining: AtomicBool,
    metrics: Option<PrometheusHandle>,
}

impl Site {
    /// What handlers share, on the runtime that calls.
    ///
    /// # Errors
    /// When `http.trusted_proxies` holds something that is no network.
    pub(crate) fn new(
        road: Road,
        billing: Billing,
        settings: &Settings,
        public: bool,
        (model, card): (Option<ModelFacts>, Option<Card>),
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, NoNetwork> {
        Ok(Self {
            runtime: Handle::current(),
            billing,
            limits: Limits::new(settings, road.plans()),
            started: Instant::now(),
            proxies: Proxies::parse(&settings.trusted_proxies)?,
            model,
            card,
            public,
            uploads: Arc::new(Semaphore::new(settings.concurrent_uploads)),
            memory: Arc::new(Semaphore::new(road.v1().max_memory as usize)),
            bodies: Places::new(settings.concurrent_uploads, settings.concurrent_uploads.div_ceil(SHARE)),
            batches: Places::new(BATCHES.0, BATCHES.1),
            waits: Arc::new(Semaphore::new(settings.concurrent_waits)),
            draining: AtomicBool::new(false),
            metrics,
            settings: settings.clone(),
            road,
        })
    }

    /// Runs one step of the road where it belongs. A panic there is an internal error here.
    ///
    /// # Errors
    /// What the step refuses.
    pub(crate) async fn road<T, F>(&self, step: impl FnOnce(Road) -> F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        self.run(step(self.road.clone())).await
    }

    /// The same for a step of billing: a client that goes away does not cut a sync in half.
    ///
    /// # Errors
    /// What the step refuses.
    pub(crate) async fn billing<T, F>(&self, step: impl FnOnce(Billing) -> F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        self.run(step(self.billing.clone())).await
    }

    async fn run<T: Send + 'static>(&self, step: impl Future<Output = Result<T, Refusal>> + Send + 'static) -> Result<T, Failure> {
        match self.runtime.spawn(step.in_current_span()).await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(died) => Err(Failure::internal(&told(&died))),
        }
    }

    /// Admits a trusted backend job. A wrong secret counts against its sender's address.
    ///
    /// # Errors
    /// 401 for a wrong or missing secret, 429 for too many of them.
    pub(crate) fn trust(&self, secret: Option<SecretString>, request: &HttpRequest) -> Result<(), Failure> {
        if secret.is_some_and(|secret| self.billing.trusts(&secret)) {
            return Ok(());
        }
        self.limits.keyless.ask(&asker(client(self, request)))?;
        Err(Refusal::WrongJobSecret.into())
    }

    /// The road's pure parts, which wait for nothing.
    pub(crate) const fn pure_road(&self) -> &Road {
        &self.road
    }

    /// Who a key belongs to, whatever it may. A wrong key counts against its sender's address.
    ///
    /// # Errors
    /// 403 for a wrong key, 429 for too many of them.
    pub(crate) async fn authenticate(&self, key: SecretString, request: &HttpRequest) -> Result<Caller, Failure> {
        let client = client(self, request);
        let outcome = self.road(move |road| async move { road.authenticate(key.expose_secret(), client).await }).await;
        match &outcome {
            Ok(caller) => {
                tracing::Span::current().record("key", tracing::field::display(caller.key)).record("test", caller.test);
            }
            Err(Failure::Refusal(Refusal::VerificationFailed | Refusal::KeyRefused(_))) => {
                let (standing, passed) = self.limits.keyless.stand(&asker(client));
                request.extensions_mut().insert(standing);
                passed?;
            }
            Err(_) => {}
        }
        outcome
    }

    /// Who a key belongs to that opens this route. One that does not counts against its organisation's limit.
    ///
    /// # Errors
    /// 403 for a wrong key or one that is confined to other parts of the API, 429 for too many of either.
    pub(crate) async fn permitted(&self, key: SecretString, request: &HttpRequest) -> Result<Caller, Failure> {
        let caller = self.authenticate(key, request).await?;
        if let Err(refusal) = scopes::check(&caller, request) {
            self.limits.organization.ask(&caller.organization.id)?;
            return Err(refusal.into());
        }
        Ok(caller)
    }

    /// The same, counted against the organisation's limit.
    ///
    /// # Errors
    /// As [`Site::permitted`], and 429 when the organisation asks too often.
    pub(crate) async fn caller(&self, key: SecretString, request: &HttpRequest) -> Result<Caller, Failure> {
        let caller = self.permitted(key, request).await?;
        self.limits.organization.ask(&caller.organization.id)?;
        Ok(caller)
    }

    /// Counts a request against its project's limit (row V8): where the project stands now, and whether the request passes.
    ///
    /// # Errors
    /// When the nodes' shared limit cannot be asked: nobody passes uncounted.
    pub(crate) async fn project_limit(&self, caller: &Caller) -> Result<Passed, Failure> {
        let project = caller.project.unwrap_or(ProjectId::default_of(caller.organization.id));
        let plan = caller.organization.plan;
        let shared = self.road(move |road| async move { road.take_turn(project, plan).await }).await?;
        Ok(match shared {
            Some((turn, terms)) => limit::shared(turn, terms.per_second),
            None => self.limits.project(plan).stand(&project),
        })
    }

    /// Where people read how the service is.
    pub(crate) fn status_page(&self) -> String {
        match self.road.v1().status_page.as_str() {
            "" => format!("{}/v1/health", self.road.public_url()),
            page => page.to_owned(),
        }
    }

    /// A place for one upload, kept until the permit is dropped.
    ///
    /// # Errors
    /// 503 when all are taken.
    pub(crate) fn upload_place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let place = Arc::clone(&self.uploads).try_acquire_owned();
        place.map_err(|_| Refusal::Busy { retry_after: NO_PLACE }.into())
    }

    /// What an image on its way in takes of the memory of all; nothing yet.
    pub(crate) fn image_memory(&self) -> Memory {
        Memory { all: Arc::clone(&self.memory), taken: None }
    }

    /// A place for the body of a batch, which lies in a file until its images are taken in.
    ///
    /// # Errors
    /// 429 when the organisation has its share of them, 503 when all are taken.
    pub(crate) fn body_place(&self, caller: &Caller) -> Result<Place, Failure> {
        Ok(self.bodies.take(caller.organization.id)?)
    }

    /// A turn to look through the body of a batch, waited for: each holds an image in memory meanwhile.
    ///
    /// # Errors
    /// As [`Site::body_place`], when it does not come soon.
    pub(crate) async fn batch_turn(&self, caller: &Caller) -> Result<Place, Failure> {
        Ok(self.batches.wait(caller.organization.id, TURN).await?)
    }

    /// A place to wait for a verdict, kept until the permit is dropped; `None` when all are taken.
    pub(crate) fn wait_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waits).try_acquire_owned().ok()
    }

    /// Whether the try-it page is served here.
    pub(crate) fn tries(&self) -> bool {
        match self.settings.try_it {
            TryIt::On => true,
            TryIt::Off => false,
            TryIt::Auto => !self.public,
        }
    }

    /// The metrics, where they may be shown.
    pub(crate) fn metrics(&self) -> Option<&PrometheusHandle> {
        self.metrics.as_ref().filter(|_| !self.public || self.settings.metrics_on_public)
    }

    /// Folds what was measured together. Needed whether or not anybody may see it, or memory would grow.
    pub(crate) fn upkeep(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.run_upkeep();
        }
    }

    /// From now on everybody is told to come back later.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What new requests are told while the server is on its way out.
    pub(crate) fn draining(&self) -> Option<Refusal> {
        self.draining.load(Ordering::Relaxed).then_some(Refusal::Draining { retry_after: RESTART })
    }
}

/// A part of the memory that images on their way in share, given back when dropped.
pub(crate) struct Memory {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// A part of a memory of so many bytes that nobody else shares.
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(bytes)), taken: None }
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    /// 503 when there are not as many left.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = u32::try_from(bytes).ok().and_then(|bytes| Arc::clone(&self.all).try_acquire_many_owned(bytes).ok());
        let more = more.ok_or(Refusal::Busy { retry_after: NO_PLACE })?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }

    /// A step that has the bytes: it goes on when its client has left, and they count until it ends.
    pub(crate) async fn held<T>(self, step: impl Future<Output = T>) -> T {
        let done = step.await;
        drop(self);
        done
    }
}

/// How a step died. A panic's own words may hold what was sent.
fn told(died: &JoinError) -> &'static str {
    if died.is_panic() { "a step panicked" } else { "a step was cancelled" }
}

#[cfg(test)]
mod tests {
    use super::*;

    // V4, V5
    #[tokio::test]
    async fn memory_is_held_until_the_step_ends_that_has_the_bytes() {
        let mut memory = Memory::of(10);
        memory.take(8).expect("there is room");
        let all = Arc::clone(&memory.all);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        // As a client that leaves does: nobody waits for the step any more.
        let step = tokio::spawn(memory.held(async move { drop(ended.await) }));
        tokio::task::yield_now().await;
        assert_eq!(all.available_permits(), 2);
        end.send(()).expect("the step goes on");
        step.await.expect("it ended");
        assert_eq!(all.available_permits(), 10);
    }

    // B1
    #[tokio::test]
    async fn what_a_panic_says_is_not_told() {
        let died = tokio::spawn(async { panic!("with a secret") }).await.expect_err("it panicked");
        assert!(died.to_string().contains("secret"), "or there would be nothing to hide");
        assert_eq!(told(&died), "a step panicked");
    }
}
