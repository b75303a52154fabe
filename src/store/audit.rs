//! Every balance recomputed from its ledger, and every document's end held against its rows.
//!
//! Plain SQL over the tables as they are: the audit must not rest on the code that it audits. Each rule is a query that answers
//! one row a difference; a sound database answers none.

use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde::Serialize;
use touchstone_core::ids::{DocumentId, OrganizationId};
use uuid::Uuid;

use crate::{Store, StoreError};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Balances that were recomputed.
    pub organizations: i64,
    /// Ledger rows that they were recomputed from.
    pub entries: i64,
    /// What does not add up: nothing, if all is well.
    pub differences: Vec<Difference>,
}

/// One thing that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which rule is broken.
    pub rule: &'static str,
    /// Whose ledger it is.
    pub organization_id: OrganizationId,
    /// Which document, where it is about one.
    pub document_id: Option<DocumentId>,
    /// What the ledger says.
    pub ledger: i64,
    /// What the balance or the document says.
    pub stored: i64,
}

/// Each rule: what it says when it is broken, and the query (organization_id, document_id, ledger, stored) of where it is.
const RULES: [(&str, &str); 7] = [
    (
        "base credits are not the sum of the ledger",
        "SELECT b.organization_id, NULL AS document_id, COALESCE(l.moved, 0) AS ledger, b.base AS stored FROM balance b LEFT JOIN \
         (SELECT organization_id, CAST(SUM(base) AS BIGINT) AS moved FROM ledger_entry GROUP BY organization_id) l \
         ON l.organization_id = b.organization_id WHERE COALESCE(l.moved, 0) <> b.base",
    ),
    (
        "boost credits are not the sum of the ledger",
        "SELECT b.organization_id, NULL AS document_id, COALESCE(l.moved, 0) AS ledger, b.boost AS stored FROM balance b LEFT JOIN \
         (SELECT organization_id, CAST(SUM(boost) AS BIGINT) AS moved FROM ledger_entry GROUP BY organization_id) l \
         ON l.organization_id = b.organization_id WHERE COALESCE(l.moved, 0) <> b.boost",
    ),
    (
        "the balance was below nothing once",
        "SELECT organization_id, NULL AS document_id, CAST(MIN(least) AS BIGINT) AS ledger, CAST(0 AS BIGINT) AS stored FROM \
         (SELECT organization_id, CASE WHEN SUM(base) OVER so_far < SUM(boost) OVER so_far THEN SUM(base) OVER so_far \
         ELSE SUM(boost) OVER so_far END AS least FROM ledger_entry WINDOW so_far AS (PARTITION BY organization_id ORDER BY id)) r \
         GROUP BY organization_id HAVING MIN(least) < 0",
    ),
    (
        "a document's settlement is not its status's",
        "SELECT organization_id, id AS document_id, CAST(0 AS BIGINT) AS ledger, units AS stored FROM document WHERE NOT \
         ((status = 'done' AND settlement IN ('settled', 'refunded')) OR (status = 'failed' AND settlement = 'released') \
         OR (status IN ('pending', 'analyzing') AND settlement = 'reserved'))",
    ),
    (
        "credits moved for a document are not what it was charged",
        "SELECT d.organization_id, d.id AS document_id, COALESCE(l.moved, 0) AS ledger, d.charged_base + d.charged_boost AS stored FROM \
         document d LEFT JOIN (SELECT document_id, CAST(SUM(base + boost) AS BIGINT) AS moved FROM ledger_entry GROUP BY document_id) l \
         ON l.document_id = d.id WHERE CASE WHEN d.settlement IN ('reserved', 'settled') THEN d.charged_base + d.charged_boost ELSE 0 END \
         <> -COALESCE(l.moved, 0) AND NOT (d.settlement = 'released' AND COALESCE(l.moved, 0) = -d.charged_base AND EXISTS (SELECT 1 FROM \
         ledger_entry r WHERE r.organization_id = d.organization_id AND r.entry = 'reset' AND r.id > (SELECT MIN(id) FROM ledger_entry \
         WHERE document_id = d.id)))",
    ),
    (
        "use proven for a document is not what it costs",
        "SELECT d.organization_id, d.id AS document_id, COALESCE(l.used, 0) AS ledger, d.units AS stored FROM document d LEFT JOIN \
         (SELECT document_id, CAST(SUM(units) AS BIGINT) AS used FROM ledger_entry GROUP BY document_id) l ON l.document_id = d.id \
         WHERE CASE WHEN d.settlement = 'settled' THEN d.units ELSE 0 END <> COALESCE(l.used, 0)",
    ),
    (
        "a document was charged, settled, released or refunded twice, or both settled and released",
        "SELECT organization_id, document_id, COUNT(*) AS ledger, CAST(1 AS BIGINT) AS stored FROM ledger_entry WHERE document_id IS NOT \
         NULL GROUP BY organization_id, document_id, CASE entry WHEN 'release' THEN 'settle' ELSE entry END HAVING COUNT(*) > 1",
    ),
];

impl Store {
    /// Recomputes every balance from the ledger and compares. It writes nothing and reads all: meant for an operator, not for a
    /// request. Each rule is one statement, so a server that is at work meanwhile disturbs none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self) -> Result<Audit, StoreError> {
        let mut differences = Vec::new();
        for (rule, sql) in RULES {
            for row in self.rows(sql).await? {
                differences.push(difference(rule, &row)?);
            }
        }
        let count = |table| format!("SELECT COUNT(*) AS n FROM {table}");
        let (organizations, entries) = (self.number(&count("balance")).await?, self.number(&count("ledger_entry")).await?);
        Ok(Audit { organizations, entries, differences })
    }

    async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, StoreError> {
        let reader = self.reader();
        Ok(reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await?)
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        Ok(self.rows(sql).await?.first().map(|row| row.try_get("", "n")).transpose()?.unwrap_or_default())
    }
}

fn difference(rule: &'static str, row: &QueryResult) -> Result<Difference, StoreError> {
    Ok(Difference {
        rule,
        organization_id: OrganizationId(row.try_get("", "organization_id")?),
        document_id: row.try_get::<Option<Uuid>>("", "document_id")?.map(DocumentId),
        ledger: row.try_get("", "ledger")?,
        stored: row.try_get("", "stored")?,
    })
}
