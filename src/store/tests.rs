//! Every test runs on SQLite and, where `TOUCHSTONE_TEST_POSTGRES` names a server, on PostgreSQL. Each has a database of its own.

mod accounts;
mod analyses;
mod batches;
mod fixture;
mod keys;
mod ledger;
mod migrating;
mod model;
mod money;
mod retention;
mod submissions;
mod uploads;
mod usage;
mod v1;
mod webhooks;
mod webhooks_forgotten;
mod working;

use fixture::Fixture;

/// Declares tests twice: `sqlite::name` and `postgres::name`. Without a server the second kind says how many it skips.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name(crate::tests::Fixture::sqlite().await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                if let Some(fixture) = crate::tests::Fixture::postgres().await {
                    super::$name(fixture).await;
                }
            })+

            #[test]
            fn the_skipped_are_counted() {
                crate::tests::fixture::tell_skipped(module_path!(), [$(stringify!($name)),+].len());
            }
        }
    };
}
use on_every_database;
