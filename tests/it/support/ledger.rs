//! What time alone would write into a ledger: use of other days, settled as the server settles it, under the balance's lock.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait, Value};
use touchstone_core::time::Timestamp;
use uuid::Uuid;

use super::database::TestDatabase;

/// Writes one row that proves `units` of use at that moment; negative for a refund.
pub(crate) async fn settle(database: &TestDatabase, organization: Uuid, at: Timestamp, units: i64) {
    let connection = database.connect().await;
    settle_on(&connection, organization, at, units).await;
    connection.close().await.unwrap();
}

/// The same on a connection that stays open.
pub(crate) async fn settle_on(connection: &DatabaseConnection, organization: Uuid, at: Timestamp, units: i64) {
    let backend = connection.get_database_backend();
    let run = |sql: &str, values: Vec<Value>| Statement::from_sql_and_values(backend, sql, values);
    let transaction = connection.begin().await.unwrap();
    if backend == DbBackend::Postgres {
        let lock = run("SELECT base FROM balance WHERE organization_id = $1 FOR UPDATE", vec![organization.into()]);
        transaction.execute_raw(lock).await.unwrap();
    }
    let entry = if units < 0 { "refund" } else { "settle" };
    let row = run(
        "INSERT INTO ledger_entry (organization_id, entry, base, boost, units, created_at) VALUES ($1, $2, 0, 0, $3, $4)",
        vec![organization.into(), entry.into(), units.into(), at.0.into()],
    );
    transaction.execute_raw(row).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The texts in the column `v` of a query.
pub(crate) async fn column(database: &TestDatabase, sql: &str) -> Vec<String> {
    let connection = database.connect().await;
    let rows = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| row.try_get("", "v").unwrap()).collect()
}
