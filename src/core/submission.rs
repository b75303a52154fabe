//! What somebody asks for when they send an image in. Parsed once at the door; inside, the types cannot be wrong.

use serde::{Deserialize, Serialize};

use crate::{ids::DocumentId, organization::Caller};

/// How the heatmap is drawn (row T7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatmapStyle {
    /// `true`: blended over the image. `false`: transparent RGBA, the map alone.
    pub overlay: bool,
    /// `true`: stretched to the image's own extremes. `false`: the raw scores, so that two images compare.
    pub normalized: bool,
}

/// What shall come out beside the verdict. Part of what makes two submissions "the same" (row T17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// A small, clean copy for lists.
    pub preview: bool,
    /// The map of suspicious regions; `None` when it is not wanted.
    pub heatmap: Option<HeatmapStyle>,
    /// The written analysis.
    pub analysis: bool,
}

/// One accepted request to judge an uploaded object.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who asks.
    pub caller: Caller,
    /// The key of the stored object, already known to be the caller's form (`uploads/…`).
    pub object_key: String,
    /// The id the caller chose, if any.
    pub id: Option<DocumentId>,
    /// What to make.
    pub options: Options,
    /// For the operator's own support; never in an answer.
    pub email: Option<String>,
    /// For the operator's own statistics; never in an answer.
    pub user_agent: Option<String>,
}
