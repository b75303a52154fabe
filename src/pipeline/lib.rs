//! Bytes in, verdict out: decode once within limits, let every stage look, fuse what they say.
//!
//! Deterministic: the same bytes, settings and model give the same verdict. It knows no HTTP, no database, no tenant and no
//! money, does no I/O but reading its model files when it opens and talking to its own decoding children, and blocks: callers run it on
//! a blocking thread.

pub mod analysis;
pub mod classifier;
mod container;
#[cfg(test)]
mod corpus;
pub mod decoder;
pub mod delivery;
pub mod encoded;
pub mod forensics;
pub mod fuse;
#[doc(hidden)]
pub mod fuzz;
pub mod heatmap;
pub mod infer;
pub mod judge;
pub mod lab;
pub mod model;
pub mod open;
pub mod patches;
pub mod picture;
pub mod preview;
pub mod probe;
pub mod region;
mod resize;
pub mod settings;
mod spectrum;
pub mod stage;
pub mod stages;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod trust_list;
pub mod views;

pub use judge::{Ask, Heatmap, Judged, OpenError, Pipeline, Unjudged};
pub use lab::Lab;
pub use settings::Settings;
