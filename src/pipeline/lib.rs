//! Bytes in, verdict out: decode once within limits, let every stage look, fuse what they say.
//!
//! Deterministic: the same bytes, settings and model give the same verdict. It knows no HTTP, no database, no tenant and no
//! money, does no I/O but reading its model files when it opens, and blocks: callers run it on a blocking thread.

pub mod patches;
pub mod picture;
pub mod settings;
pub mod stage;
pub mod stages;

pub use settings::Settings;
