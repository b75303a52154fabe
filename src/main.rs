//! The `touchstone` binary: one enum of commands, and nothing decided here.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use touchstone::{
    app::{App, Demo, Role, detector},
    bench,
    config::{Config, DEFAULTS},
    logging,
};
use touchstone_billing::Billing;
use touchstone_blobs::Blobs;
use touchstone_cli::{Admin, BenchArgs, DetectArgs, TrustListCommand, VerifyReceiptArgs};
use touchstone_moderation::Keeper;
use touchstone_pipeline::decoder::child;
use touchstone_store::{Migrated, Store};

/// Tells camera images from AI-generated ones, says why, and helps communities act on it.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    /// A TOML file with the settings that differ from the defaults.
    #[arg(long, global = true, env = "TOUCHSTONE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, judge images and run what is due, until stopped.
    Serve {
        /// What this node does; by default everything.
        #[arg(long, value_delimiter = ',')]
        roles: Vec<Role>,
    },
    /// Judge files or folders here and now, without a server.
    Detect(DetectArgs),
    /// Bring the database up to date, and nothing else.
    Migrate,
    /// Organisations, members, projects, keys, credits, usage and secrets, from the shell.
    Admin(Admin),
    /// Read the configuration and say whether it holds together.
    CheckConfig {
        /// Print every setting with its default and what it means.
        #[arg(long)]
        defaults: bool,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Whose Content Credentials count as proof.
    #[command(subcommand)]
    TrustList(TrustListCommand),
    /// Check a receipt, without a server.
    VerifyReceipt(VerifyReceiptArgs),
    /// Measure this machine: milliseconds by stage, and the server against the raw pipeline.
    Bench(BenchArgs),
    /// Decode one file from standard input: how this program uses itself.
    #[command(name = child::COMMAND, hide = true)]
    DecodeChild {
        /// What the parent asks for.
        request: String,
    },
}

fn main() -> ExitCode {
    // Two providers in one tree make rustls panic at the first connection unless one is chosen; ring is ours.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
    match run(Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            touchstone_cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    if let Command::DecodeChild { request } = &cli.command {
        // Before anything is read or started: a child is to know nothing and to be quick.
        child::run(request).context("a decoding child could not answer")?;
        return Ok(0);
    }
    let config = Config::load(cli.config.as_deref())?;
    match cli.command {
        Command::Detect(args) => touchstone_cli::detect(&args, &detector(&config.pipeline)?),
        Command::CheckConfig { defaults } => {
            config.check()?;
            logging::start(&config.log)?;
            touchstone_cli::print(if defaults { DEFAULTS } else { "The configuration holds together." });
            Ok(0)
        }
        Command::Openapi => {
            touchstone_cli::print(&touchstone_web::openapi_json()?);
            Ok(0)
        }
        Command::TrustList(command) => touchstone_cli::trust_list(&command, &config.pipeline.provenance.trust_list),
        Command::VerifyReceipt(args) => touchstone_cli::verify_receipt(&args),
        Command::Bench(args) => {
            let runtime = runtime()?;
            if let Some(args) = args.ledger() {
                return runtime.block_on(touchstone_cli::bench_ledger(args, &config.database)).map(|()| 0);
            }
            if let Some(args) = args.limits() {
                let measured = touchstone_cli::bench_limits(args, &config.database, touchstone_web::count_in_memory);
                return runtime.block_on(measured).map(|()| 0);
            }
            let pipeline = detector(&config.pipeline)?;
            let server = args.wants_server().then(|| bench::Node::new(&runtime, config));
            touchstone_cli::bench(&args, &pipeline, server.as_ref().map(|node| node as &dyn touchstone_cli::Server))
        }
        other => on_runtime(other, config),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the async runtime does not start")
}

fn on_runtime(command: Command, config: Config) -> anyhow::Result<u8> {
    runtime()?.block_on(async {
        let code = match command {
            Command::Serve { roles } => {
                serve(config, roles).await?;
                0
            }
            Command::Admin(command) => {
                let (store, _) = store(&config).await?;
                let billing = || Ok(Billing::open(store.clone(), &config.stripe, &config.security.job_secret)?);
                let keeper = || {
                    config.check_kept()?;
                    Ok(Keeper::new(store.clone(), Blobs::open(&config.blobs).context("the object store does not open")?, config.retention))
                };
                let (answer, code) = touchstone_cli::admin(&store, billing, keeper, command).await?;
                touchstone_cli::print(&answer);
                code
            }
            Command::Migrate => {
                let (_, Migrated { applied, backup }) = store(&config).await?;
                touchstone_cli::print(&json!({ "applied": applied, "backup": backup }).to_string());
                0
            }
            Command::Detect(_)
            | Command::CheckConfig { .. }
            | Command::Openapi
            | Command::TrustList(_)
            | Command::VerifyReceipt(_)
            | Command::Bench(_)
            | Command::DecodeChild { .. } => 0,
        };
        Ok(code)
    })
}

/// The configured database, brought up to date.
async fn store(config: &Config) -> anyhow::Result<(Store, Migrated)> {
    config.make_data_dir()?;
    let store = Store::open(&config.database).await?.with_plans(config.plans);
    let migrated = store.migrate().await?;
    Ok((store, migrated))
}

async fn serve(config: Config, roles: Vec<Role>) -> anyhow::Result<()> {
    logging::start(&config.log)?;
    let roles =
        if roles.is_empty() { BTreeSet::from([Role::Api, Role::Worker, Role::Bots, Role::Cron]) } else { roles.into_iter().collect() };
    let stop = CancellationToken::new();
    tokio::spawn(StopSignals::listen()?.stop(stop.clone()));
    let app = App::build(config, roles).await?;
    if let Some(demo) = &app.demo {
        greet(demo, app.public_url());
    }
    match app.address() {
        Some(address) => tracing::info!(%address, url = app.public_url(), "touchstone is listening"),
        None => tracing::info!("touchstone is at work, without the API"),
    }
    app.run_until(stop).await
}

/// Shown once, on stdout and never in a log: the key is not stored anywhere in a form that could be shown again.
fn greet(demo: &Demo, url: &str) {
    touchstone_cli::print(&format!(
        "A demo organisation was made, with 1000 credits. Keep this key, it is shown only now:\n\n  \
         organization_id  {}\n  api key          {}\n\n  try it           {url}/\n  API, interactive {url}/docs\n",
        demo.organization,
        demo.key.expose_secret(),
    ));
}

/// What asks a node to stop: Ctrl-C or TERM. Listened for before the node is built, so that none is missed meanwhile.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The first one asks the node to finish what is in hand; a second one ends it at once.
    async fn stop(mut self, stop: CancellationToken) {
        self.next().await;
        tracing::info!("stopping: finishing what is in hand; once more ends at once");
        stop.cancel();
        self.next().await;
        std::process::exit(130);
    }
}
