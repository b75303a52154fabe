//! Brings the schema up to this binary's version, one process at a time, and never without a way back.
//!
//! All pending migrations are one transaction on both databases. PostgreSQL's advisory lock lives as long as that
//! transaction; SQLite's copy cannot be made inside one, so there a locked file beside the database keeps others out.

use std::{
    collections::HashSet,
    fs::File,
    path::{Path, PathBuf},
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use touchstone_migrations::Migrator;

use crate::{Store, StoreError, store::begin};

/// What PostgreSQL locks while one node migrates: the bytes of "touchsto".
const ADVISORY_LOCK: i64 = i64::from_be_bytes(*b"touchsto");

/// What [`Store::migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that it applied, oldest first; empty when the schema was current.
    pub applied: Vec<String>,
    /// Where SQLite's file was copied before, when there was anything to lose.
    pub backup: Option<PathBuf>,
}

/// What stands between the database's schema and this binary's.
struct Gap {
    pending: Vec<String>,
    fresh: bool,
}

impl Store {
    /// Applies what is pending, all or nothing, under a lock that other processes wait for. A SQLite file with anything in it is
    /// copied aside first.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database knows migrations that this binary does not.
    pub async fn migrate(&self) -> Result<Migrated, StoreError> {
        let _lock = match &self.file {
            Some(file) => Some(lock_beside(file).await?),
            None => None,
        };
        let backup = match &self.file {
            Some(file) => self.copy_aside(file).await?,
            None => None,
        };
        let transaction = begin(self.writer()).await?;
        lock_postgres(&transaction).await?;
        let gap = gap(&transaction).await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(Migrated { applied: gap.pending, backup })
    }

    /// Copies SQLite's file, consistently and with what its log holds, unless nothing is pending or nothing is in it.
    async fn copy_aside(&self, file: &Path) -> Result<Option<PathBuf>, StoreError> {
        let gap = gap(self.writer()).await?;
        let Some(version) = gap.pending.first().filter(|_| !gap.fresh) else { return Ok(None) };
        let copy = free_name(file, version);
        let vacuum = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?1", [copy.to_string_lossy().into_owned().into()]);
        self.writer().execute_raw(vacuum).await?;
        Ok(Some(copy))
    }
}

async fn gap<C: ConnectionTrait>(connection: &C) -> Result<Gap, StoreError> {
    let known: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied: HashSet<String> = Migrator::get_migration_models(connection).await?.into_iter().map(|row| row.version).collect();
    let mut unknown: Vec<String> = applied.iter().filter(|name| !known.contains(name)).cloned().collect();
    if !unknown.is_empty() {
        unknown.sort();
        return Err(StoreError::NewerSchema(unknown));
    }
    Ok(Gap { pending: known.into_iter().filter(|name| !applied.contains(name)).collect(), fresh: applied.is_empty() })
}

async fn lock_postgres(transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")).await?;
    }
    Ok(())
}

/// Waits for other processes; the lock ends with the file handle, so also with the process.
async fn lock_beside(file: &Path) -> Result<File, StoreError> {
    let path = with_suffix(file, ".lock");
    let lock = {
        let path = path.clone();
        move || {
            let handle = File::create(&path)?;
            handle.lock()?;
            Ok(handle)
        }
    };
    let locked = tokio::task::spawn_blocking(lock).await.map_err(std::io::Error::other);
    locked.flatten().map_err(|source| StoreError::File { path, source })
}

/// `<file>.before-<version>`; a copy that an earlier, failed try left is kept, for it may be the better one.
fn free_name(file: &Path, version: &str) -> PathBuf {
    let first = with_suffix(file, &format!(".before-{version}"));
    let more = (2u32..).map(|count| with_suffix(file, &format!(".before-{version}.{count}")));
    std::iter::once(first).chain(more).find(|path| !path.exists()).expect("not every number is taken")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
