//! The composition root: the whole house built in one place, in reading order, handed back as something to start and stop.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use secrecy::{SecretSlice, SecretString};
use tokio_util::sync::CancellationToken;
use touchstone_billing::Billing;
use touchstone_blobs::{Blobs, Signer};
use touchstone_core::{
    credit::Credits,
    organization::{Dialect, Organization},
    time::Timestamp,
};
use touchstone_moderation::{Deliverer, Road, Words};
use touchstone_net::{fetch::Fetcher, post::Poster};
use touchstone_pipeline::{Lab, OpenError, Pipeline, model::ModelCard, settings::Backend};
use touchstone_store::{LINK_KEYS, NewOrganization, Store};
use touchstone_web::{Card, CardFacts, ModelFacts};

use crate::{
    config::Config,
    cron,
    worker::{self, Worker},
};

/// What this node does. By default everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Serve HTTP.
    Api,
    /// Judge images.
    Worker,
    /// Run the chat plugins that are compiled in.
    Bots,
    /// Run what is due by the clock.
    Cron,
}

/// How often a node looks whether the link keys were rotated.
const KEY_REFRESH: Duration = Duration::from_secs(30);

/// Credits of the organisation that the first start makes.
const DEMO_CREDITS: Credits = Credits { base: 1000, boost: 0 };

/// The first start's organisation and its key: shown once.
#[derive(Debug)]
pub struct Demo {
    /// The organisation's id.
    pub organization: touchstone_core::ids::OrganizationId,
    /// The API key.
    pub key: SecretString,
}

/// A node that is built and bound, and serves nothing yet.
pub struct App {
    store: Store,
    road: Road,
    billing: Billing,
    signer: Signer,
    /// What runs jobs here: one that judges, and one that fetches.
    workers: Vec<Worker>,
    server: Option<touchstone_web::Bound>,
    address: Option<SocketAddr>,
    roles: BTreeSet<Role>,
    /// Made by this start, if the database was empty.
    pub demo: Option<Demo>,
}

impl App {
    /// Opens everything, brings the database up to date, and binds the port.
    ///
    /// # Errors
    /// When anything that a running node needs is missing: the message names it and the way out.
    pub async fn build(config: Config, roles: BTreeSet<Role>) -> anyhow::Result<Self> {
        config.check_queues()?;
        config.check_plans()?;
        config.check_kept()?;
        config.make_data_dir()?;
        let store = Store::open(&config.database).await.context("the database does not open")?.with_plans(config.plans);
        let migrated = store.migrate().await.context("the database could not be brought up to date")?;
        if let Some(copy) = &migrated.backup {
            tracing::info!(copy = %copy.display(), "the database was copied aside before it was migrated");
        }
        let signer = Signer::new(&link_keys(&store).await?);
        let blobs = Blobs::open(&config.blobs).context("the object store does not open")?;
        let pipeline = open_pipeline(&config, &roles).await?;
        let listener = if roles.contains(&Role::Api) { Some(listen(&config.http.listen)?) } else { None };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let settings = road_settings(&config, address)?;
        let fetcher = Fetcher::open(&config.fetch, &settings.known_hosts).context("foreign URLs cannot be fetched")?;
        let within = Duration::from_secs(config.webhooks.timeout_seconds);
        let poster = Poster::open(&config.fetch, &config.webhooks.allow, within).context("webhooks cannot be sent")?;
        let road = Road::new(store.clone(), blobs, signer.clone(), fetcher, poster, settings).with_words(words(&config, &roles)?);
        let road = road.with_lab(Lab::open(&config.pipeline)?);
        let judges = pipeline
            .clone()
            .map(|pipeline| Worker::judging(store.clone(), road.clone(), pipeline, &config.jobs, config.pipeline.inference.queue));
        let fetches = judges.is_some().then(|| Worker::fetching(store.clone(), road.clone(), &config.jobs, config.v1.concurrent_fetches));
        let road = match &judges {
            Some(worker) => road.with_bench(Arc::new(worker.clone())),
            None => road,
        };
        let workers = judges.into_iter().chain(fetches).collect();
        let billing = Billing::open(store.clone(), &config.stripe, &config.security.job_secret)?;
        let (model, card) = (model_facts(pipeline.as_ref()), card(&config.pipeline));
        let server = listener
            .map(|listener| touchstone_web::bind(listener, &config.http, road.clone(), billing.clone(), model, card))
            .transpose()?;
        // Last: a key that is shown once must not be made by a start that then fails.
        let demo = first_start(&store, &config.http.try_it_organization).await?;
        Ok(Self { store, road, billing, signer, workers, server, address, roles, demo })
    }

    /// The database behind this node.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Where the server listens; `None` for a node without the API.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The address that clients use.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.road.public_url()
    }

    /// Sets the demo organisation to have heatmaps for every verdict, as a measurement of drawing needs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn draw_heatmaps_for_real(&self, demo: &Demo) -> anyhow::Result<()> {
        self.store.change_organization(demo.organization, |found| Organization { heatmap_for_real: true, ..found }).await?;
        Ok(())
    }

    /// Serves until `stop` is cancelled, then finishes what is in hand and returns.
    ///
    /// # Errors
    /// When a part of the node ends by itself.
    pub async fn run_until(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut parts = tokio::task::JoinSet::new();
        parts.spawn(refresh_link_keys(self.store.clone(), self.signer.clone(), stop.clone()));
        for worker in self.workers {
            parts.spawn(worker.run_until(stop.clone()));
        }
        if self.roles.contains(&Role::Worker) {
            parts.spawn(Deliverer::new(self.road.clone()).run_until(stop.clone()));
        }
        if self.roles.contains(&Role::Cron) {
            parts.spawn(cron::run_until(self.store.clone(), self.road.clone(), self.billing.clone(), stop.clone()));
        }
        if let Some(server) = self.server {
            let stop = stop.clone();
            parts.spawn(async move { Ok(server.run_until(stop).await?) });
        }
        let mut outcome = Ok(());
        while let Some(ended) = parts.join_next().await {
            // One part that dies takes the node down: a half-dead node would look healthy and serve nothing.
            stop.cancel();
            if let Err(error) = ended.map_err(anyhow::Error::from).and_then(|part| part) {
                tracing::error!(error = format!("{error:#}"), "a part of the node ended");
                outcome = Err(error);
            }
        }
        self.store.close().await.context("the database did not close")?;
        outcome
    }
}

fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}; is another server there? http.listen chooses another address"))
}

/// On an empty database: an organisation to begin with, and its key.
async fn first_start(store: &Store, name: &str) -> anyhow::Result<Option<Demo>> {
    // Two nodes may start on the same empty database: one of them makes the organisation.
    if !store.is_empty().await?
        || !store.take_lease("first_start", &worker::node_name(), Duration::from_secs(60)).await?
        || !store.is_empty().await?
    {
        return Ok(None);
    }
    let new = NewOrganization { name: name.to_owned(), dialect: Dialect::Truthscan, credits: DEMO_CREDITS, ..NewOrganization::default() };
    let organization = store.create_organization(new).await?;
    let (_, key) = store.create_key(organization.id, false).await?;
    Ok(Some(Demo { organization: organization.id, key }))
}

async fn link_keys(store: &Store) -> anyhow::Result<Vec<SecretSlice<u8>>> {
    let keys = store.secrets(LINK_KEYS).await.context("the keys of signed links could not be read")?;
    // A key verifies at once and signs only when every node has read it: until then the one before goes on signing.
    let known_to_all = Timestamp::now() - KEY_REFRESH * 2;
    let (settled, fresh): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.created_at < known_to_all);
    Ok(settled.into_iter().chain(fresh).map(|key| key.value).collect())
}

async fn refresh_link_keys(store: Store, signer: Signer, stop: CancellationToken) -> anyhow::Result<()> {
    while stop.run_until_cancelled(tokio::time::sleep(KEY_REFRESH)).await.is_some() {
        match link_keys(&store).await {
            Ok(keys) => signer.swap(&keys),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the keys of signed links could not be refreshed; the old ones stay")
            }
        }
    }
    Ok(())
}

/// The detector, with its networks where the settings want them: in this process, or on a server.
///
/// # Errors
/// When the model, the runtime library or the server is missing or wrong; the message names the way out.
pub fn detector(settings: &touchstone_pipeline::Settings) -> Result<Pipeline, OpenError> {
    match settings.inference.backend {
        Backend::Embedded => Pipeline::open(settings),
        Backend::Remote => Pipeline::open_on(settings, touchstone_net::inference::open),
    }
}

/// Opens the detector on a blocking thread: reading and checking weights takes a moment.
async fn open_pipeline(config: &Config, roles: &BTreeSet<Role>) -> anyhow::Result<Option<Pipeline>> {
    if !roles.contains(&Role::Worker) {
        return Ok(None);
    }
    let settings = config.pipeline.clone();
    let pipeline = tokio::task::spawn_blocking(move || detector(&settings)).await?;
    pipeline.context("the detector does not start, and without it nothing could be judged").map(Some)
}

/// The vision model that may add to analyses, on a node that judges.
fn words(config: &Config, roles: &BTreeSet<Role>) -> anyhow::Result<Option<Words>> {
    let model = touchstone_net::wording::open(&config.analysis)?.filter(|_| roles.contains(&Role::Worker));
    Ok(model.map(|model| Words::new(Arc::new(model), &config.analysis)))
}

fn road_settings(config: &Config, bound: Option<SocketAddr>) -> anyhow::Result<touchstone_moderation::Settings> {
    let public_url = config.public_url(bound)?;
    let mut known_hosts = config.blobs.known_hosts.clone();
    known_hosts.extend(public_url.host_str().map(str::to_owned));
    known_hosts.extend(config.blobs.hosts());
    Ok(touchstone_moderation::Settings {
        uploads: config.uploads.clone(),
        batches: config.batches.clone(),
        accounts: config.accounts.clone(),
        v1: config.v1.clone(),
        webhooks: config.webhooks.clone(),
        retention: config.retention,
        jobs: config.jobs.clone(),
        public_url,
        known_hosts,
        concurrent_fetches: config.fetch.concurrent,
        concurrent_fetches_per_organization: config.fetch.concurrent_per_organization,
        link_seconds: config.security.link_seconds,
        try_it_organization: config.http.try_it_organization.clone(),
    })
}

fn model_facts(pipeline: Option<&Pipeline>) -> Option<ModelFacts> {
    pipeline.map(|pipeline| facts(pipeline.card()))
}

fn facts(card: &ModelCard) -> ModelFacts {
    ModelFacts { name: card.name.name.clone(), version: card.name.version.clone(), sha256: card.sha256() }
}

/// What is told of the model that judges; also on a node that judges nothing itself, where its folder is there.
fn card(settings: &touchstone_pipeline::Settings) -> Option<Card> {
    let read = ModelCard::read(&settings.model).inspect_err(|error| tracing::info!(%error, "the model's card is not shown here"));
    let card = read.ok()?;
    let table = |table: &toml::Table| serde_json::to_value(table).unwrap_or_default();
    let facts = CardFacts {
        model: facts(&card),
        summary: card.summary.clone(),
        license_weights: card.license_weights.clone(),
        license_data: card.license_data.clone(),
        starting_weights: card.starting_weights.clone(),
        threshold: card.thresholds.ai,
        families: card.heads.families.clone(),
        training: table(&card.training),
        measured: card.measured.iter().map(table).collect(),
    };
    Some(Card::new(facts, &settings.model))
}
