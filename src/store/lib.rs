//! Touchstone's state, and the only place that knows the database: SQLite or PostgreSQL, chosen by a URL, with one meaning.
//!
//! Every public function is one transaction that leaves the state whole: a balance never moves without its ledger row, a
//! document never exists without its job. No HTTP, no pipeline, no platform. Moments are BIGINT milliseconds, UTC.

mod analyses;
mod audit;
mod batches;
mod claim;
mod claim_deliveries;
mod credits;
mod deliveries;
mod delivery_log;
mod documents;
mod doomed;
#[expect(unreachable_pub, reason = "the derive macros demand that entities be public; the module is not")]
mod entities;
mod erase;
mod error;
mod forget;
mod forget_webhooks;
mod freeze;
mod jobs;
mod keys;
mod leases;
mod ledger;
mod measure;
mod members;
mod meter_events;
mod migrate;
mod open_use;
mod organizations;
mod originals;
mod outbox;
mod progress;
mod projects;
mod rate_limit;
mod repeats;
mod reports;
mod seal;
mod secrets;
mod sets;
mod settings;
mod settle;
mod store;
mod submit;
mod trials;
mod turns;
mod uploads;
mod usage;
mod webhooks;

#[cfg(test)]
mod tests;

pub use analyses::{AnalysisRecord, AnalysisStatus, Analyzed};
pub use audit::{Audit, Difference};
pub use batches::{BatchRecord, Member, NewBatch, NewMember, Work};
pub use claim::{Claim, ClaimedJob};
pub use deliveries::{Attempt, DeliveryLease, DeliveryState, Due, Recorded, Tried};
pub use delivery_log::{Asked, DeliveryRecord, LogPage, MOST_REPLAYED};
pub use documents::{Asset, AssetRecord, AssetStatus, DocumentKind, DocumentRecord, DocumentStatus, FailureCode, Forgotten, Settlement};
pub use erase::{Erasure, Found, Stopped};
pub use error::{AccountError, StoreError};
pub use freeze::{Freeze, Frozen, SyncEnd, UsageSync};
pub use jobs::Lease;
pub use keys::{NewKey, Presented};
pub use ledger::{LedgerRow, Refunded};
pub use meter_events::{AttemptEnd, Decision, MeterEvent, MeterEventState, SETTLED_AFTER};
pub use migrate::Migrated;
pub use open_use::OpenUse;
pub use organizations::NewOrganization;
pub use projects::Project;
pub use rate_limit::Turn;
pub use reports::{Doubt, Report};
pub use secrets::{LINK_KEYS, OLD_KEYS_LIVE, RECEIPT_KEYS, Secret};
pub use sets::{NewPart, NewSet, Origin, SetRecord};
pub use settings::Settings;
pub use settle::{Drawn, Finished, Price};
pub use store::Store;
pub use submit::{NewDocument, Submitted};
pub use uploads::{Issued, NewUpload, Upload, UploadState};
pub use usage::DayUsage;
pub use webhooks::{NewWebhook, Rotated, Webhook, WebhookChange};
