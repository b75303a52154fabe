//! The schema's history: one file a migration, oldest first, each of them undoable, all of them the same on both databases.
//!
//! Never edit one that was released; add the next. Knows no entity: an entity is today's shape, a migration is that day's.
//! Moments are BIGINT milliseconds, UTC; words of closed lists and JSON are text, so that both databases compare them alike.

use sea_orm_migration::prelude::*;

mod m20261121_000001_organizations;
mod m20261121_000002_documents;
mod m20261121_000003_jobs;
mod m20261121_000004_secrets;
mod m20261121_000005_batches;
mod m20261121_000006_analysis;
mod m20261121_000007_profiles;
mod m20261121_000008_accounts;
mod m20261121_000009_ledger;
mod m20261121_000010_usage;
mod m20261121_000011_v1;
mod m20261121_000012_webhooks;
mod m20261121_000014_retention;
mod m20261122_000017_hookfix;
mod m20261122_000018_money;

/// The list of all migrations.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_organizations::Migration),
            Box::new(m20261121_000002_documents::Migration),
            Box::new(m20261121_000003_jobs::Migration),
            Box::new(m20261121_000004_secrets::Migration),
            Box::new(m20261121_000005_batches::Migration),
            Box::new(m20261121_000006_analysis::Migration),
            Box::new(m20261121_000007_profiles::Migration),
            Box::new(m20261121_000008_accounts::Migration),
            Box::new(m20261121_000009_ledger::Migration),
            Box::new(m20261121_000010_usage::Migration),
            Box::new(m20261121_000011_v1::Migration),
            Box::new(m20261121_000012_webhooks::Migration),
            Box::new(m20261121_000014_retention::Migration),
            Box::new(m20261122_000017_hookfix::Migration),
            Box::new(m20261122_000018_money::Migration),
        ]
    }
}

/// The table's `organization_id` names an organisation that exists.
fn belongs_to_organization(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, "organization_id").to("organization", "id").take()
}

/// An index named after what it covers.
fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(format!("idx_{table}_{}", columns.join("_"))).table(table).take();
    for column in columns {
        index.col(*column);
    }
    index
}
