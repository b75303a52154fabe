//! Object storage: uploads, heatmaps and previews, in a local folder by default and on S3 in production.
//!
//! Knows keys and bytes, and the signatures that let a client reach one object for a while. It never knows who owns an
//! object, serves no HTTP and opens no database: ownership is `store`'s, serving is `web`'s.

mod blobs;
mod error;
mod key;
mod leftovers;
mod open;
mod settings;
mod signer;
mod stream;

#[cfg(test)]
mod s3_tests;

pub use blobs::{Blobs, Stored};
pub use error::{BlobError, PutError, SignError};
pub use settings::{S3, Settings};
pub use signer::Signer;
