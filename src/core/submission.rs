//! What somebody asks for when they send an image in. Parsed once at the door; inside, the types cannot be wrong.

use serde::{Deserialize, Serialize};

use crate::{ids::DocumentId, organization::Caller, refusal::Refusal};

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

/// The bare model names that this build knows (row T4).
pub const MODELS: &str = "generic";

/// Longest name, in characters, that is sent back to whoever sent it.
const LONGEST_ECHO: usize = 300;

/// Checks the `model` field of a submission: a bare name, or `instance/model`.
///
/// # Errors
/// [`Refusal::UnknownInstance`] for any instance, since this build runs none; [`Refusal::UnknownModel`] for any name but `generic`.
pub fn check_model(model: &str) -> Result<(), Refusal> {
    let echo = |name: &str| name.chars().take(LONGEST_ECHO).collect();
    match model.split_once('/') {
        Some((instance, _)) => Err(Refusal::UnknownInstance { instance: echo(instance) }),
        None if model == MODELS => Ok(()),
        None => Err(Refusal::UnknownModel { model: echo(model), valid: MODELS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_models_that_exist_are_taken() {
        // T4
        assert_eq!(check_model("generic"), Ok(()));
        for (route, instance) in [("my-instance/generic", "my-instance"), ("/generic", "")] {
            assert_eq!(check_model(route), Err(Refusal::UnknownInstance { instance: instance.into() }));
        }
        for model in ["sheerid", "Generic", ""] {
            assert_eq!(check_model(model), Err(Refusal::UnknownModel { model: model.into(), valid: MODELS }));
        }
    }

    #[test]
    fn a_name_of_any_length_is_echoed_short() {
        let echoed = "é".repeat(LONGEST_ECHO);
        let long = "é".repeat(100_000);
        assert_eq!(check_model(&long), Err(Refusal::UnknownModel { model: echoed.clone(), valid: MODELS }));
        assert_eq!(check_model(&format!("{long}/generic")), Err(Refusal::UnknownInstance { instance: echoed }));
    }
}
