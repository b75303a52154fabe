//! The root API: the three documented steps, the query, and what stands around them.

pub(crate) mod answer;
pub(crate) mod assets;
pub(crate) mod batch;
pub(crate) mod bulk;
pub(crate) mod credits;
pub(crate) mod detect;
pub(crate) mod detect_url;
pub(crate) mod health;
pub(crate) mod help;
pub(crate) mod presign;
pub(crate) mod query;
pub(crate) mod schema;
pub(crate) mod sight;
pub(crate) mod upload;
