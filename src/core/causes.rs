//! Errors with their causes, for logs: the outermost alone often says only that something failed.

use std::error::Error;

/// An error and everything behind it, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
