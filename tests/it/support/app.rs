//! The real `App` in this process: built from the real configuration, on a free port, over a fresh database and folder.
//!
//! It runs on a thread and a runtime of its own, so that dropping it can wait for its graceful end and then look whether
//! it left work behind or money in the air.

use std::{
    collections::BTreeSet,
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use touchstone::{
    app::{App, Role},
    config::Config,
};
use touchstone_core::{credit::Credits, organization::Dialect};
use touchstone_store::{NewOrganization, Store};

use super::{Client, audit, database::TestDatabase, eavesdrop, eventually, install_tls};

pub(crate) type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// Longest wait for a server's start or end.
const LONGEST: Duration = Duration::from_secs(180);

/// How a server under test differs from the ordinary one.
pub(crate) struct Plan {
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) change: Change,
    /// The test leaves jobs behind on purpose.
    pub(crate) leftovers: bool,
}

impl Default for Plan {
    fn default() -> Self {
        // No cron: a sweep in the middle of a test would be chance.
        Self { roles: BTreeSet::from([Role::Api, Role::Worker]), change: Box::new(|_| {}), leftovers: false }
    }
}

/// A running server.
pub(crate) struct TestApp {
    pub(crate) url: String,
    pub(crate) config: Config,
    pub(crate) data: TempDir,
    /// The key that the first start made.
    pub(crate) demo_key: String,
    pub(crate) database: TestDatabase,
    stop: CancellationToken,
    thread: Option<JoinHandle<Vec<String>>>,
}

struct Started {
    url: String,
    config: Config,
    demo_key: String,
    database: TestDatabase,
}

/// An organisation to be made.
pub(crate) struct Org {
    pub(crate) credits: Credits,
    pub(crate) metered: bool,
    pub(crate) dialect: Dialect,
    /// SQL assignments that no command sets yet, such as `private_queries = true`.
    pub(crate) set: &'static str,
}

impl Default for Org {
    fn default() -> Self {
        Self { credits: Credits { base: 100, boost: 0 }, metered: false, dialect: Dialect::Truthscan, set: "" }
    }
}

impl TestApp {
    pub(crate) fn spawn() -> Self {
        Self::start(Plan::default())
    }

    /// A server whose configuration differs.
    pub(crate) fn with(change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        Self::start(Plan { change: Box::new(change), ..Plan::default() })
    }

    /// A server that takes submissions and never judges them.
    pub(crate) fn without_worker() -> Self {
        Self::start(Plan { roles: BTreeSet::from([Role::Api]), leftovers: true, ..Plan::default() })
    }

    pub(crate) fn start(plan: Plan) -> Self {
        install_tls();
        eavesdrop::listen();
        let data = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let (tell, told) = mpsc::channel();
        let thread = {
            let (folder, stop) = (data.path().to_owned(), stop.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
                runtime.block_on(run(folder, plan, tell, stop))
            })
        };
        let Ok(Started { url, config, demo_key, database }) = told.recv_timeout(LONGEST) else {
            panic!("the app does not start: {:?}", thread.is_finished().then(|| thread.join()));
        };
        Self { url, config, data, demo_key, database, stop, thread: Some(thread) }
    }

    /// A client of the organisation that the first start made.
    pub(crate) fn demo(&self) -> Client {
        Client::new(&self.url, &self.demo_key, "")
    }

    /// A client of a fresh organisation with 100 credits.
    pub(crate) async fn client(&self) -> Client {
        self.client_of(Org::default()).await
    }

    /// A client of a fresh organisation.
    pub(crate) async fn client_of(&self, org: Org) -> Client {
        let store = self.store().await;
        let Org { credits, metered, dialect, set } = org;
        let new = NewOrganization { name: "Club".into(), dialect, metered, credits, ..NewOrganization::default() };
        let made = store.create_organization(new).await.unwrap();
        if !set.is_empty() {
            audit::set_organization(&self.database, made.id.0, set).await;
        }
        let (_, key) = store.create_key(made.id, false).await.unwrap();
        Client::new(&self.url, key.expose_secret(), &made.id.to_string())
    }

    /// A handle of its own on the server's database.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.config.database).await.unwrap().with_plans(self.config.plans)
    }

    /// What signs this server's links.
    pub(crate) async fn signer(&self) -> touchstone_blobs::Signer {
        let keys: Vec<_> =
            self.store().await.secrets(touchstone_store::LINK_KEYS).await.unwrap().into_iter().map(|key| key.value).collect();
        touchstone_blobs::Signer::new(&keys)
    }

    /// Waits until no job is left.
    pub(crate) async fn idle(&self) {
        let store = self.store().await;
        eventually("the queue to be empty", Duration::from_secs(120), || async { (store.backlog().await.unwrap() == 0).then_some(()) })
            .await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(5));
        }
        // A part that does not end is a failure of this test, and keeps nobody else from theirs.
        assert!(thread.is_finished() || std::thread::panicking(), "the app does not end");
        let complaints = if thread.is_finished() { thread.join() } else { Ok(Vec::new()) };
        if !std::thread::panicking() {
            assert_eq!(complaints.expect("the app ends without a panic"), [""; 0], "left behind");
            assert_eq!(eavesdrop::heard(), [""; 0], "secrets in what was logged, by this server or another of the suite");
        }
    }
}

async fn run(folder: std::path::PathBuf, plan: Plan, tell: mpsc::Sender<Started>, stop: CancellationToken) -> Vec<String> {
    let database = TestDatabase::fresh(&folder).await;
    let config = configure(&folder, &database, plan.change);
    let app = App::build(config.clone(), plan.roles).await.unwrap();
    let demo_key = app.demo.as_ref().map(|demo| demo.key.expose_secret().to_owned()).unwrap_or_default();
    let url = format!("http://{}", app.address().expect("the API is among its roles"));
    tell.send(Started { url, config, demo_key, database: database.clone() }).unwrap();
    app.run_until(stop).await.unwrap();
    let mut complaints = audit::complaints(&database).await;
    if plan.leftovers {
        complaints.retain(|complaint| !complaint.starts_with(audit::LEFTOVER));
    }
    database.remove().await;
    complaints
}

pub(crate) fn configure(folder: &std::path::Path, database: &TestDatabase, change: Change) -> Config {
    let mut config = Config::load(None).unwrap();
    config.data_dir = folder.to_owned();
    config.database.url.clone_from(&database.url);
    config.blobs.url = url::Url::from_file_path(folder.join("blobs")).unwrap().to_string();
    config.pipeline.provenance.trust_list = folder.join("trust-list.pem");
    config.http.listen = "127.0.0.1:0".into();
    // The limits have a test of their own; here hundreds of requests come from one address.
    (config.http.organization_per_second, config.http.keyless_per_second) = (0, 0);
    (config.http.drain_notice_seconds, config.http.drain_seconds) = (0, 5);
    config.http.workers = 2;
    // Many servers share two cores.
    config.jobs.concurrency = 2;
    config.pipeline.inference.threads = 1;
    // This very program is the tests, not the server.
    config.pipeline.decoder.program = env!("CARGO_BIN_EXE_touchstone").into();
    change(&mut config);
    config
}
