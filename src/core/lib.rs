//! The words everyone in Touchstone speaks: what was sent in, what a stage found, what the verdict is, what a caller may be told.
//!
//! Pure data and pure rules. Nothing here knows HTTP, a database, an inference runtime or a chat platform, so every other
//! crate may depend on this one and a rule can be read and tested without starting anything.

pub mod analysis;
pub mod batch;
pub mod causes;
pub mod credit;
pub mod day;
pub mod finding;
pub mod ids;
pub mod job;
pub mod key;
pub mod list;
pub mod media;
pub mod member;
pub mod network;
pub mod organization;
pub mod plan;
pub mod receipt;
pub mod refusal;
pub mod role;
pub mod submission;
pub mod time;
pub mod usage;
pub mod verdict;
