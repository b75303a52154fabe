//! The stages, each in a file of its own. The classifier is apart (`infer`, `judge`): it needs the model.

pub mod metadata;
pub mod provenance;
pub mod quality;
pub mod watermark;
