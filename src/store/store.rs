//! The open database: who may write, how many may wait for it, and how a transaction begins.
//!
//! SQLite has one writer whatever one does, so it gets exactly one write connection and a queue before it; ten writers
//! fighting for the lock were measured a hundred times slower at the tail. PostgreSQL has the queue as well, as a bound.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
    sqlx::{
        ConnectOptions as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use touchstone_core::{
    organization::Organization,
    plan::{Plan, Plans},
};

use crate::{Settings, StoreError, turns::Turns};

/// The state of one Touchstone. Cheap to clone; all clones share connections.
#[derive(Clone)]
pub struct Store {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    places: Arc<Semaphore>,
    /// Wakes the worker of this process when it queued a job itself.
    pub(crate) wake: Arc<Notify>,
    /// The same for what fetches images.
    pub(crate) fetches: Arc<Notify>,
    /// The same for deliveries of webhooks.
    pub(crate) deliveries: Arc<Notify>,
    /// Which organisation was served when, so that claims go round.
    pub(crate) turns: Arc<Mutex<Turns>>,
    /// What each plan allows; nothing unless [`Store::with_plans`] was told.
    plans: Option<Plans>,
    /// SQLite's file; `None` on PostgreSQL.
    pub(crate) file: Option<PathBuf>,
}

/// A write transaction and its place in the queue of writers. Dropped uncommitted, it changes nothing.
pub(crate) struct Write {
    transaction: DatabaseTransaction,
    _place: OwnedSemaphorePermit,
}

impl Write {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl std::ops::Deref for Write {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

impl Store {
    /// Connects. A SQLite file and its folder are made when missing; the schema is not touched, see [`Store::migrate`].
    ///
    /// # Errors
    /// When the URL names neither database, or the database does not answer.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let (writer, readers, file) = if let Some(path) = settings.url.strip_prefix("sqlite://") {
            let path = PathBuf::from(path);
            make_folder(&path)?;
            // The writer first: it creates the file and switches it to WAL.
            let writer = Database::connect(sqlite(settings, &path, false)).await?;
            (writer, Database::connect(sqlite(settings, &path, true)).await?, Some(path))
        } else if settings.url.starts_with("postgres://") || settings.url.starts_with("postgresql://") {
            let pool = Database::connect(postgres(settings)?).await?;
            (pool.clone(), pool, None)
        } else {
            // Only the scheme: what follows it may hold a password.
            return Err(StoreError::UnknownUrl(settings.url.split(':').next().unwrap_or_default().to_owned()));
        };
        Ok(Self {
            writer,
            readers,
            places: Arc::new(Semaphore::new(settings.writer_queue.clamp(1, Semaphore::MAX_PERMITS))),
            wake: Arc::default(),
            fetches: Arc::default(),
            deliveries: Arc::default(),
            turns: Arc::default(),
            plans: None,
            file,
        })
    }

    /// The same store, which now knows what each plan allows: without it there are no monthly allowances.
    #[must_use]
    pub fn with_plans(self, plans: Plans) -> Self {
        Self { plans: Some(plans), ..self }
    }

    /// What each plan allows, if this store was told.
    #[must_use]
    pub const fn plans(&self) -> Option<Plans> {
        self.plans
    }

    /// What an organisation's base credits are set to each month; 0: there is no allowance. Metered ones need none.
    pub(crate) fn allowance(&self, organization: &Organization) -> i64 {
        let terms = self.plans.filter(|_| !organization.metered).map(|plans| plans.terms(organization.plan));
        terms.map_or(0, |terms| i64::from(terms.monthly_credits))
    }

    /// The plans with a monthly allowance.
    pub(crate) fn with_allowance(&self) -> Vec<&'static str> {
        let given = |plan: &Plan| self.plans.is_some_and(|plans| plans.terms(*plan).monthly_credits > 0);
        Plan::ALL.into_iter().filter(given).map(Plan::name).collect()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn health(&self) -> Result<(), StoreError> {
        Ok(self.readers.ping().await?)
    }

    /// Closes every connection, so that SQLite folds its write-ahead log into the file. Other clones fail from then on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close_by_ref().await?;
        Ok(self.writer.close_by_ref().await?)
    }

    /// For statements that change nothing.
    pub(crate) const fn reader(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// The write connection outside any transaction; only migrating needs it.
    pub(crate) const fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// A write that somebody at the door asks for: refused at once when the queue is full.
    pub(crate) async fn write_at_door(&self) -> Result<Write, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        self.begin_in(place).await
    }

    /// A write that finishes what was accepted: it waits, for refusing it would only make the work run twice.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        self.begin_in(place).await
    }

    /// Wakes this process' deliverer: a place is free again, or something may be due.
    pub fn tell_deliverer(&self) {
        self.deliveries.notify_one();
    }

    async fn begin_in(&self, place: OwnedSemaphorePermit) -> Result<Write, StoreError> {
        Ok(Write { transaction: begin(&self.writer).await?, _place: place })
    }
}

/// Immediate on SQLite: a transaction that reads first and then upgrades its lock fails without waiting.
pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    Ok(connection.begin_with_options(options).await?)
}

fn make_folder(file: &Path) -> Result<(), StoreError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|source| StoreError::File { path: folder.to_owned(), source })
}

/// FULL: without it a power loss may take back a commit, and money with it.
fn sqlite(settings: &Settings, path: &Path, reader: bool) -> ConnectOptions {
    let (path, patience) = (path.to_owned(), Duration::from_millis(settings.busy_timeout_ms));
    let mut options = ConnectOptions::new("sqlite://");
    options.sqlx_logging(false).test_before_acquire(false).idle_timeout(None).max_lifetime(None);
    options.max_connections(if reader { settings.max_connections.max(1) } else { 1 });
    options.map_sqlx_sqlite_opts(move |_| {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(!reader)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(patience);
        if reader { options.pragma("query_only", "ON") } else { options }
    });
    options
}

/// The URL may hold a password, and the ORM logs the one that it is given: it gets one that says nothing.
fn postgres(settings: &Settings) -> Result<ConnectOptions, StoreError> {
    let unreadable = |error: sea_orm::sqlx::Error| DbErr::Conn(RuntimeErr::Internal(error.to_string()));
    let server: PgConnectOptions = settings.url.parse().map_err(unreadable)?;
    let server = server.application_name("touchstone").disable_statement_logging();
    let mut options = ConnectOptions::new("postgres://");
    options
        .map_sqlx_postgres_opts(move |_| server.clone())
        .sqlx_logging(false)
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(Duration::from_secs(10));
    Ok(options)
}
