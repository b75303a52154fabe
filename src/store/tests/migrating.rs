//! Migrations: one process at a time, there and back, never over a newer schema, never without a copy.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use touchstone_migrations::Migrator;

use super::{Fixture, on_every_database};
use crate::{Migrated, Settings, Store, StoreError};

on_every_database!(
    migrating_again_changes_nothing,
    the_schema_goes_down_and_up_again,
    four_processes_that_migrate_at_once_do_it_once,
    a_newer_schema_is_refused,
);

async fn migrating_again_changes_nothing(f: Fixture) {
    assert_eq!(f.store.migrate().await.expect("migrate"), Migrated { applied: vec![], backup: None });
}

async fn the_schema_goes_down_and_up_again(f: Fixture) {
    Migrator::down(f.store.writer(), None).await.expect("down");
    assert!(f.store.is_empty().await.is_err(), "the tables are gone");
    assert_eq!(f.store.migrate().await.expect("up").applied.len(), Migrator::migrations().len());
    assert!(f.store.is_empty().await.expect("empty"));
}

async fn four_processes_that_migrate_at_once_do_it_once(f: Fixture) {
    Migrator::down(f.store.writer(), None).await.expect("down");
    let mut processes = Vec::new();
    for _ in 0..4 {
        // Connections of its own, as another process has.
        let store = Store::open(&f.settings).await.expect("open");
        processes.push(tokio::spawn(async move { store.migrate().await.expect("migrate").applied.len() }));
    }
    let mut applied = 0;
    for process in processes {
        applied += process.await.expect("joined");
    }
    assert_eq!(applied, Migrator::migrations().len());
}

async fn a_newer_schema_is_refused(f: Fixture) {
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_000001_future', 0)";
    f.store.writer().execute_unprepared(newer).await.expect("inserted");
    let refused = f.store.migrate().await.expect_err("refused");
    assert!(matches!(&refused, StoreError::NewerSchema(names) if names == &["m20991231_000001_future"]), "{refused}");
    assert!(refused.to_string().contains("newer Touchstone"));
}

#[tokio::test]
async fn a_sqlite_file_with_something_in_it_is_copied_aside_first() {
    let f = Fixture::sqlite().await;
    f.organization(7, 0).await;
    // As an older binary left it: the last migration is still to come.
    for expected in ["", ".2"] {
        Migrator::down(f.store.writer(), Some(1)).await.expect("down");
        let Migrated { applied, backup } = f.store.migrate().await.expect("migrate");
        let copy = backup.expect("a copy");
        assert!(copy.to_string_lossy().ends_with(&format!("touch stone.db.before-{}{expected}", applied[0])), "{copy:?}");
        let url = format!("sqlite://{}", copy.display());
        let opened = Store::open(&Settings { url, ..f.settings.clone() }).await.expect("open the copy");
        // In that day's words: today's may know columns that the copy has not.
        let base = Statement::from_string(DbBackend::Sqlite, "SELECT base FROM balance");
        let base = opened.reader().query_one_raw(base).await.expect("answers").expect("one organisation");
        assert_eq!(base.try_get_by_index::<i64>(0).expect("a number"), 7);
        let pending = Migrator::get_pending_migrations(opened.writer()).await.expect("the copy's history");
        assert_eq!(pending.iter().map(|migration| migration.name()).collect::<Vec<_>>(), applied, "the copy is of before");
    }
    assert!(f.folder.path().exists());
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused_without_its_password() {
    let settings = Settings { url: "mysql://root:hunter2@host/db".into(), max_connections: 1, writer_queue: 1, busy_timeout_ms: 1 };
    let Err(refused) = Store::open(&settings).await else { panic!("opened") };
    assert!(matches!(refused, StoreError::UnknownUrl(_)) && !refused.to_string().contains("hunter2"), "{refused}");
}
