//! How this crate tells of an error.

use std::error::Error;

/// An error with all its causes: the first alone says only "error sending request".
pub(crate) fn chain(error: &dyn Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
