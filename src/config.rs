//! Every setting in one tree: the defaults compiled in from `config.toml`, then a file, then the environment.
//!
//! Each crate owns the type of its own section; this module only composes them and fills in what depends on another
//! section (a database below `data_dir`, a public URL from the listen address). An unknown key is an error, not a silence.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use config::{Environment, File, FileFormat};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// The manual, compiled in as the defaults.
pub const DEFAULTS: &str = include_str!("../config.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that this node keeps.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub http: touchstone_web::Settings,
    /// The database.
    pub database: touchstone_store::Settings,
    /// The object store.
    pub blobs: touchstone_blobs::Settings,
    /// Secrets and signed links.
    pub security: Security,
    /// Where metered use is billed.
    pub stripe: touchstone_billing::Settings,
    /// What may be sent in.
    pub uploads: touchstone_moderation::settings::Uploads,
    /// Which foreign URLs are fetched.
    pub fetch: touchstone_net::fetch::Settings,
    /// What an archive of images may hold.
    pub batches: touchstone_moderation::settings::Batches,
    /// What organisations and their keys may.
    pub accounts: touchstone_moderation::settings::Accounts,
    /// What each plan allows.
    pub plans: touchstone_core::plan::Plans,
    /// The API of that version.
    pub v1: touchstone_moderation::settings::V1,
    /// Where what happened is told.
    pub webhooks: touchstone_moderation::settings::Webhooks,
    /// How long what is stored of an image is kept.
    pub retention: touchstone_moderation::settings::Retention,
    /// How work is handed out.
    pub jobs: touchstone_moderation::settings::Jobs,
    /// The pipeline and its model.
    pub pipeline: touchstone_pipeline::Settings,
    /// The vision model that may add to an analysis.
    pub analysis: touchstone_pipeline::settings::Analysis,
    /// Logging.
    pub log: Log,
}

/// `[security]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Seconds that a link to a heatmap or a preview works.
    pub link_seconds: u64,
    /// What trusted backend jobs send as `x-job-secret`; empty: nobody may.
    pub job_secret: SecretString,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// A `tracing` filter.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// The defaults, overlaid by `file` if one is given, overlaid by `TOUCHSTONE__…` of the environment.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown or a value does not fit; the message names it.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut sources = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            sources = sources.add_source(File::from(file).format(FileFormat::Toml));
        }
        // Values stay strings and are parsed where their type is known: a secret `00123` must not become a number.
        sources = sources.add_source(Environment::with_prefix("TOUCHSTONE").prefix_separator("__").separator("__"));
        for (plain, key) in [("BYPASS_OCR", "pipeline.bypass_watermark"), ("JOB_SECRET", "security.job_secret")] {
            // Names that the vendors' texts use.
            if let Some(value) = std::env::var(plain).ok().filter(|value| !value.is_empty()) {
                sources = sources.set_override(key, value)?;
            }
        }
        let mut config: Self = sources.build().and_then(config::Config::try_deserialize).context("the configuration does not read")?;
        config.fill_in().context("the configuration does not fit together")?;
        Ok(config)
    }

    /// Sets what is left empty to what follows from the other sections.
    ///
    /// # Errors
    /// When `data_dir` is no path.
    pub fn fill_in(&mut self) -> anyhow::Result<()> {
        let data = std::path::absolute(&self.data_dir).with_context(|| format!("data_dir {} is no path", self.data_dir.display()))?;
        if self.database.url.is_empty() {
            self.database.url = format!("sqlite://{}", data.join("touchstone.sqlite").display());
        }
        if self.blobs.url.is_empty() {
            self.blobs.url = file_url(&data.join("blobs"))?.to_string();
        }
        if self.pipeline.provenance.trust_list.as_os_str().is_empty() {
            self.pipeline.provenance.trust_list = data.join("trust-list.pem");
        }
        if !self.pipeline.model.exists() {
            self.pipeline.model = found_from_the_executable(&self.pipeline.model).unwrap_or_else(|| self.pipeline.model.clone());
        }
        self.data_dir = data;
        Ok(())
    }

    /// Checks what loading cannot see: addresses that only starting would find wrong.
    ///
    /// # Errors
    /// When `http.listen` is no address, `http.public_url` is no URL, `http.trusted_proxies` are no networks, `[analysis]` names
    /// no model that could be asked, a plan has a limit that nobody could keep, or images would be gone before their time.
    pub fn check(&self) -> anyhow::Result<()> {
        touchstone_net::wording::open(&self.analysis)?;
        self.http.check()?;
        self.stripe.check()?;
        let listen = &self.http.listen;
        listen
            .to_socket_addrs()
            .with_context(|| format!("http.listen is \"{listen}\"; it must be an address and a port, such as 127.0.0.1:8080"))?;
        self.public_url(None)?;
        self.check_plans()?;
        self.check_kept()?;
        self.check_queues()
    }

    /// Checks that the plans' limits can be kept.
    ///
    /// # Errors
    /// Which cannot.
    pub fn check_plans(&self) -> anyhow::Result<()> {
        self.plans.check().map_err(anyhow::Error::msg)
    }

    /// Checks that instances and queues fit together.
    ///
    /// # Errors
    /// Which name leads nowhere.
    pub fn check_queues(&self) -> anyhow::Result<()> {
        self.jobs.check().map_err(anyhow::Error::msg)
    }

    /// Checks that what is kept is kept as long as it is needed, and that webhooks can be delivered.
    ///
    /// # Errors
    /// What is not.
    pub fn check_kept(&self) -> anyhow::Result<()> {
        self.retention.check(&self.jobs).and_then(|()| self.webhooks.check()).map_err(anyhow::Error::msg)
    }

    /// Makes `data_dir`, readable for this user alone: it holds keys and other people's images.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_data_dir(&self) -> anyhow::Result<()> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir);
        made.with_context(|| format!("data_dir {} cannot be made", self.data_dir.display()))
    }

    /// Where clients reach this server: `http.public_url`, or the address it is bound to.
    ///
    /// # Errors
    /// When `http.public_url` is no http(s) URL.
    pub fn public_url(&self, bound: Option<SocketAddr>) -> anyhow::Result<Url> {
        let text = match self.http.public_url.as_str() {
            "" => format!("http://{}", bound.map_or_else(|| self.http.listen.clone(), |bound| reachable(bound).to_string())),
            url => url.to_owned(),
        };
        let url = Url::parse(&text).with_context(|| format!("http.public_url is \"{text}\", which is no URL"))?;
        anyhow::ensure!(matches!(url.scheme(), "http" | "https"), "http.public_url is \"{text}\"; it must begin with http:// or https://");
        Ok(url)
    }
}

/// An address that a client can use: "every address" is none, so links name this machine itself.
fn reachable(bound: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    tracing::warn!("http.public_url is empty: links will name this machine only (127.0.0.1). Set it to the address that clients use.");
    SocketAddr::new(if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }, bound.port())
}

/// A relative path that does not lead anywhere from here may lead there from the executable's folder or, in a checkout, from the
/// folder above its `target`.
fn found_from_the_executable(path: &Path) -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    executable.ancestors().skip(1).take(3).map(|folder| folder.join(path)).find(|candidate| candidate.exists())
}

fn file_url(path: &Path) -> anyhow::Result<Url> {
    Url::from_file_path(path).map_err(|()| anyhow::anyhow!("{} is no absolute path", path.display()))
}
