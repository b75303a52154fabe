//! What must hold in the database once a server has ended: no work forgotten, no money in the air, nothing paid twice.
//!
//! Reads the tables directly: the promise is about what is stored, and must not rest on the code that stores it. Money is held
//! against the ledger by the operator's own audit, which does the same.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use touchstone_store::{Settings, Store};
use uuid::Uuid;

use super::database::TestDatabase;

/// How a complaint about unfinished work begins: tests that leave some on purpose drop these.
pub(crate) const LEFTOVER: &str = "unfinished:";

/// Each rule: what is wrong, and the query that counts how often it is.
const RULES: &[(&str, &str)] = &[
    ("unfinished: jobs still in the queue", "SELECT COUNT(*) AS n FROM job WHERE dead_at IS NULL"),
    ("unfinished: documents neither done nor failed", "SELECT COUNT(*) AS n FROM document WHERE status NOT IN ('done', 'failed')"),
    (
        "unfinished: pictures still to be drawn",
        "SELECT COUNT(*) AS n FROM document WHERE status IN ('done', 'failed') AND (heatmap_status = 'pending' OR preview_status = 'pending')",
    ),
    ("unfinished: analyses still awaited", "SELECT COUNT(*) AS n FROM document WHERE analysis_status = 'analyzing'"),
    ("unfinished: jobs that were given up", "SELECT COUNT(*) AS n FROM job WHERE dead_at IS NOT NULL"),
];

/// Every rule that does not hold, with how often.
pub(crate) async fn complaints(database: &TestDatabase) -> Vec<String> {
    let connection = database.connect().await;
    let mut broken = Vec::new();
    for (rule, sql) in RULES {
        let count = number(&connection, sql).await;
        if count != 0 {
            broken.push(format!("{rule}: {count}"));
        }
    }
    connection.close().await.unwrap();
    broken.extend(differences(database).await);
    broken
}

/// What `touchstone admin credits audit` would find.
async fn differences(database: &TestDatabase) -> Vec<String> {
    let settings = Settings { url: database.url.clone(), max_connections: 1, writer_queue: 1, busy_timeout_ms: 10_000 };
    let store = Store::open(&settings).await.unwrap();
    let audit = store.audit().await.unwrap();
    store.close().await.unwrap();
    audit.differences.iter().map(|difference| format!("{difference:?}")).collect()
}

/// The one number that a query answers.
pub(crate) async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

/// Sets what no command sets yet, such as `private_queries = true`.
pub(crate) async fn set_organization(database: &TestDatabase, id: Uuid, assignments: &str) {
    let connection = database.connect().await;
    let backend = connection.get_database_backend();
    let place = if backend == DbBackend::Postgres { "$1" } else { "?" };
    let sql = format!("UPDATE organization SET {assignments} WHERE id = {place}");
    let done = connection.execute_raw(Statement::from_sql_and_values(backend, sql, [id.into()])).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "no organisation {id}");
    connection.close().await.unwrap();
}

/// Runs one statement, for what only time or an accident would do.
pub(crate) async fn execute(database: &TestDatabase, sql: &str) -> u64 {
    let connection = database.connect().await;
    let done = connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
    done.rows_affected()
}
