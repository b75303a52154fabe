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

/// Whose thresholds turn the model's probability into words (row T4). The model's card holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Any picture.
    #[default]
    Generic,
    /// Documents and identity cards: a wrong word costs somebody a right, so more is said to be unsure.
    Sheerid,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::Generic, Self::Sheerid];

    /// The name that clients send and answers tell.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Sheerid => "sheerid",
        }
    }

    /// Whether it is the ordinary one, which stored options leave out.
    #[must_use]
    pub fn is_generic(&self) -> bool {
        *self == Self::Generic
    }
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
    /// Whose thresholds judge.
    #[serde(default, skip_serializing_if = "Profile::is_generic")]
    pub profile: Profile,
}

/// What the /v1 API was asked for, beside the options: what its answer shows, and what it only hands back (rows V1, V14).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Name the families of generators.
    pub attribution: bool,
    /// Link to a heatmap, whatever the verdict is.
    pub heatmap: bool,
    /// Tell the numbers of forensics.
    pub forensics: bool,
    /// From this likelihood of AI on, 0–1, the verdict is `ai_generated`.
    pub threshold: f64,
    /// The client's own words, handed back with the verdict.
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// The image was named by a URL: one that cannot be read is told as one that could not be fetched.
    pub by_url: bool,
    /// The request that asked.
    pub request_id: String,
}

impl Asked {
    /// The threshold of who names none (row V1).
    pub const THRESHOLD: f64 = 0.5;
}

/// Nothing but the verdict.
impl Default for Asked {
    fn default() -> Self {
        let threshold = Self::THRESHOLD;
        Self { attribution: false, heatmap: false, forensics: false, threshold, metadata: None, by_url: false, request_id: String::new() }
    }
}

/// One accepted request to judge an uploaded object.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who asks.
    pub caller: Caller,
    /// The key of the stored object: an upload's (`uploads/…`), or that of a fetched image (`fetched/…`).
    pub object_key: String,
    /// The id the caller chose, if any.
    pub id: Option<DocumentId>,
    /// What to make.
    pub options: Options,
    /// The queue that its job waits in: an instance's, or "" for the shared one.
    pub queue: String,
    /// What the /v1 API was asked for; `None`: it came another way.
    pub asked: Option<Asked>,
    /// For the operator's own support; never in an answer.
    pub email: Option<String>,
    /// For the operator's own statistics; never in an answer.
    pub user_agent: Option<String>,
}

/// The bare model names, as refusals list them (row T4).
pub const MODELS: &str = "generic, sheerid";

/// Longest name, in characters, that is sent back to whoever sent it.
const LONGEST_ECHO: usize = 300;

/// Where the `model` field of a submission leads: a bare name, or `instance/name` (row T4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Whose thresholds judge.
    pub profile: Profile,
    /// The queue that the job waits in: the instance's own, or "" for the shared one.
    pub queue: String,
}

impl Route {
    /// Reads a `model` field, where these instances exist.
    ///
    /// # Errors
    /// [`Refusal::UnknownInstance`], [`Refusal::UnknownModel`].
    pub fn parse(model: &str, instances: &[String]) -> Result<Self, Refusal> {
        let echo = |name: &str| name.chars().take(LONGEST_ECHO).collect();
        let (instance, name) = model.split_once('/').map_or((None, model), |(instance, name)| (Some(instance), name));
        let queue = match instance {
            Some(instance) if instances.iter().any(|known| known == instance) => instance.to_owned(),
            Some(instance) => return Err(Refusal::UnknownInstance { instance: echo(instance) }),
            None => String::new(),
        };
        let profile = Profile::ALL.into_iter().find(|profile| profile.name() == name);
        let profile = profile.ok_or_else(|| Refusal::UnknownModel { model: echo(name), valid: MODELS })?;
        Ok(Self { profile, queue })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(model: &str) -> Result<Route, Refusal> {
        Route::parse(model, &["my-instance".to_owned(), "other".to_owned()])
    }

    #[test]
    fn a_model_is_a_profile_and_the_queue_it_waits_in() {
        // T4
        assert_eq!(parse("generic"), Ok(Route::default()));
        assert_eq!(parse("sheerid"), Ok(Route { profile: Profile::Sheerid, queue: String::new() }));
        assert_eq!(parse("my-instance/generic"), Ok(Route { profile: Profile::Generic, queue: "my-instance".into() }));
        assert_eq!(parse("other/sheerid"), Ok(Route { profile: Profile::Sheerid, queue: "other".into() }));
    }

    #[test]
    fn only_models_and_instances_that_exist_are_taken() {
        // T4
        for (route, instance) in [("an-instance/generic", "an-instance"), ("/generic", ""), ("My-Instance/generic", "My-Instance")] {
            assert_eq!(parse(route), Err(Refusal::UnknownInstance { instance: instance.into() }));
        }
        for (sent, model) in [("Generic", "Generic"), ("", ""), ("other/", ""), ("other/generic/x", "generic/x")] {
            assert_eq!(parse(sent), Err(Refusal::UnknownModel { model: model.into(), valid: MODELS }));
        }
        assert_eq!(MODELS, Profile::ALL.map(Profile::name).join(", "), "the refusal names every one");
    }

    #[test]
    fn a_name_of_any_length_is_echoed_short() {
        let echoed = "é".repeat(LONGEST_ECHO);
        let long = "é".repeat(100_000);
        assert_eq!(parse(&long), Err(Refusal::UnknownModel { model: echoed.clone(), valid: MODELS }));
        assert_eq!(parse(&format!("{long}/generic")), Err(Refusal::UnknownInstance { instance: echoed }));
    }

    #[test]
    fn options_that_were_stored_before_there_were_profiles_still_read_and_write_the_same() {
        // T17
        let stored = r#"{"preview":true,"heatmap":null,"analysis":false}"#;
        let options: Options = serde_json::from_str(stored).expect("options");
        assert!(options.profile.is_generic());
        assert_eq!(serde_json::to_string(&options).expect("JSON"), stored);
    }
}
