//! What `touchstone bench ledger` needs of a database made for it alone: a long ledger in one statement, and how the database
//! reads a balance.

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
use touchstone_core::{ids::OrganizationId, time::Timestamp};

use crate::{NewOrganization, Store, StoreError, credits::with_owner, organizations};

impl Store {
    /// Which database it is, as people call it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.file.is_some() { "SQLite" } else { "PostgreSQL" }
    }

    /// Makes so many organisations in one transaction: a database plans otherwise for a table of a few rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn crowd(&self, organizations: usize) -> Result<(), StoreError> {
        let write = self.write().await?;
        for _ in 0..organizations {
            organizations::insert(&write, NewOrganization::default()).await?;
        }
        write.commit().await
    }

    /// Appends `pairs` pairs of adjustments to a ledger, each a credit up and down again, so that it still adds up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lengthen_ledger(&self, organization: OrganizationId, pairs: u64) -> Result<(), StoreError> {
        let write = self.write().await?;
        let backend = write.get_database_backend();
        let (owner, now) = if backend == DbBackend::Postgres { ("$1", "$2") } else { ("?1", "?2") };
        let sql = format!(
            "INSERT INTO ledger_entry (organization_id, entry, base, boost, units, created_at) WITH RECURSIVE counted(n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {}) SELECT {owner}, 'adjustment', 0, 1 - 2 * ((n + 1) % 2), 0, {now} \
             FROM counted",
            pairs.saturating_mul(2).max(2)
        );
        write.execute_raw(Statement::from_sql_and_values(backend, sql, [organization.0.into(), Timestamp::now().0.into()])).await?;
        write.commit().await?;
        // What any database does by itself after a while: without it the planner knows nothing of the new rows.
        self.writer().execute_unprepared("ANALYZE").await?;
        Ok(())
    }

    /// How the database looks up what an organisation has left, in its own words: `EXPLAIN` of the query behind [`Store::credits`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn explain_credits(&self, organization: OrganizationId) -> Result<Vec<String>, StoreError> {
        let backend = self.reader().get_database_backend();
        let (word, column) = if backend == DbBackend::Postgres { ("EXPLAIN", "QUERY PLAN") } else { ("EXPLAIN QUERY PLAN", "detail") };
        let query = with_owner(organization).build(backend);
        let explain = Statement { sql: format!("{word} {}", query.sql), ..query };
        let rows = self.reader().query_all_raw(explain).await?;
        Ok(rows.iter().map(|row| row.try_get("", column)).collect::<Result<_, _>>()?)
    }
}
