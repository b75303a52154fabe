//! A fresh database for each server under test: a SQLite file, or a database on the PostgreSQL server that `make test` starts.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use std::path::Path;

/// The variable that names a PostgreSQL server on which databases may be made and dropped.
const SERVER: &str = "TOUCHSTONE_TEST_POSTGRES";

/// The variable that chooses PostgreSQL for the whole suite.
const CHOICE: &str = "TOUCHSTONE_TEST_DATABASE";

/// One database of one test.
#[derive(Debug, Clone)]
pub(crate) struct TestDatabase {
    /// What the server under test is told; empty for the SQLite file of its data folder.
    pub(crate) url: String,
    /// Its name on the PostgreSQL server, if it is there.
    name: Option<String>,
}

/// The PostgreSQL server of this run, if there is one.
pub(crate) fn postgres_server() -> Option<String> {
    std::env::var(SERVER).ok().filter(|url| !url.is_empty())
}

impl TestDatabase {
    /// What the suite was started with: SQLite, or PostgreSQL by `TOUCHSTONE_TEST_DATABASE=postgres`.
    pub(crate) async fn fresh(data_dir: &Path) -> Self {
        match std::env::var(CHOICE).as_deref() {
            Ok("postgres") => Self::postgres().await.unwrap_or_else(|| panic!("{CHOICE}=postgres needs {SERVER}")),
            Ok("" | "sqlite") | Err(_) => Self { url: format!("sqlite://{}", data_dir.join("touchstone.sqlite").display()), name: None },
            Ok(other) => panic!("{CHOICE} is sqlite or postgres, not {other}"),
        }
    }

    /// A new database on the PostgreSQL server; `None` without a server.
    pub(crate) async fn postgres() -> Option<Self> {
        let mut url = url::Url::parse(&postgres_server()?).unwrap();
        let name = format!("touchstone_{}", uuid::Uuid::new_v4().simple());
        server().await.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        url.set_path(&name);
        Some(Self { url: url.to_string(), name: Some(name) })
    }

    /// A connection beside the server under test.
    pub(crate) async fn connect(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.unwrap()
    }

    /// Drops what is not removed with the data folder.
    pub(crate) async fn remove(&self) {
        if let Some(name) = &self.name {
            server().await.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
        }
    }
}

async fn server() -> DatabaseConnection {
    Database::connect(postgres_server().expect("a server")).await.unwrap()
}
