//! The tables as they are today, one file each. The schema itself is made by the migrations; these only read and write rows.

pub mod api_key;
pub mod balance;
pub mod document;
pub mod doomed_object;
pub mod job;
pub mod lease;
pub mod ledger_entry;
pub mod member;
pub mod meter_event;
pub mod meter_event_past;
pub mod organization;
pub mod project;
pub mod secret;
pub mod stripe_report;
pub mod upload;
pub mod usage_sync;
pub mod webhook_attempt;
pub mod webhook_delivery;
pub mod webhook_endpoint;
pub mod webhook_event;
