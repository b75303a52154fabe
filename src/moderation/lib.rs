//! The road of one image: taken in, judged, recorded, drawn, read back.
//!
//! Knows no HTTP, no Stripe and no chat platform by name. What a caller may be told is always a [`touchstone_core::refusal::Refusal`];
//! an error of ours is logged once and answered by its reference.

pub mod archive;
mod batches;
mod bench;
mod deliver;
mod detect;
mod documents;
mod draw;
pub mod fetch_image;
mod fetched;
mod handed;
mod ingest;
pub mod judge;
mod keeper;
mod lab;
pub mod names;
mod originals;
mod places;
mod ranges;
mod receipts;
mod repeat;
pub mod report;
mod retention;
mod road;
pub mod sets;
pub mod settings;
mod trouble;
mod try_it;
mod upload;
mod usage;
mod webhooks;
mod words;

pub use batches::Batched;
pub use bench::Bench;
pub use deliver::Deliverer;
pub use detect::{Detected, Sent};
pub use documents::AssetState;
pub use handed::{Awaited, Unstored};
pub use keeper::{Keeper, Swept};
pub use places::{Place, Places};
pub use road::Road;
pub use settings::Settings;
pub use touchstone_pipeline::{forensics, stages::provenance::Credentials, trust_list::TrustListFacts};
pub use touchstone_store::{
    AnalysisRecord, Asset, AssetRecord, AssetStatus, Attempt, BatchRecord, DeliveryRecord, DeliveryState, DocumentKind, DocumentRecord,
    DocumentStatus, Erasure, FailureCode, Forgotten, Found, LogPage, Origin, SetRecord, Settlement, Turn, Webhook, WebhookChange,
};
pub use upload::{Presigned, UploadQuery};
pub use usage::Usage;
pub use words::Words;
