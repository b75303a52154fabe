//! What can go wrong with stored objects.

use thiserror::Error;

/// A storage operation that failed. A missing object is never an error: it is `None`.
#[derive(Debug, Error)]
pub enum BlobError {
    /// `blobs.url` or a key of `[blobs.s3]` cannot be used; says which and why.
    #[error("blobs.url \"{url}\" cannot be used: {reason}")]
    Settings {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder cannot be made or read.
    #[error("the folder {folder} cannot be used")]
    Folder {
        /// Its path.
        folder: String,
        /// The operating system's word.
        #[source]
        source: std::io::Error,
    },
    /// The key has characters or segments that no object of ours has.
    #[error("\"{0}\" is no object key")]
    Key(String),
    /// The object is not the version that was asked for.
    #[error("the object \"{0}\" has changed")]
    Changed(String),
    /// The object has more bytes than the reader allows.
    #[error("the object has {size} bytes, more than {limit}")]
    TooLarge {
        /// What it has.
        size: u64,
        /// What the reader allows.
        limit: u64,
    },
    /// The store did not answer in time.
    #[error("the store did not answer within {0} s")]
    Slow(u64),
    /// The store refused or could not be reached.
    #[error("the store failed")]
    Store(#[from] object_store::Error),
}

/// A streamed write that was not completed. Nothing of it is visible.
#[derive(Debug, Error)]
pub enum PutError {
    /// More bytes came than allowed; the rest of the stream was not read.
    #[error("more than {limit} bytes were sent")]
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// The stream ended with fewer bytes than an object must have.
    #[error("fewer than {least} bytes were sent")]
    TooSmall {
        /// The least bytes.
        least: u64,
    },
    /// The sender's stream failed or was cut off.
    #[error("the upload was cut off: {0}")]
    Stream(String),
    /// Storage failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Why a signed link is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignError {
    /// It was ours and its time is over.
    #[error("the link has expired")]
    Expired,
    /// It is not a signature of ours over these parts.
    #[error("the signature is wrong")]
    Wrong,
}
