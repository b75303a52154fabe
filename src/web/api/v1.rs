//! The dialect of `/v1`: Bearer keys, one shape of errors, a request id and the limits on every answer.
//!
//! Handlers return [`errors::V1Failure`] or plain [`crate::errors::Failure`]; [`edge::finish`] turns whatever went wrong under `/v1`, also
//! before a handler was reached, into the dialect's body.

pub(crate) mod batch;
pub(crate) mod bearer;
pub(crate) mod c2pa;
pub(crate) mod detect;
pub(crate) mod edge;
pub(crate) mod errors;
pub(crate) mod forensics;
pub(crate) mod given;
pub(crate) mod health;
pub(crate) mod images;
pub(crate) mod jobs;
pub(crate) mod look;
pub(crate) mod model;
pub(crate) mod receipts;
pub(crate) mod sample;
pub(crate) mod usage;
pub(crate) mod webhooks;
