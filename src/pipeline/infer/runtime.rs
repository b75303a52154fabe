//! Finding the ONNX Runtime library, which is loaded when the pipeline opens and never linked.
//!
//! The runtime allows one environment in a process, so the first library that loads is the one that all pipelines of this
//! process share. It is always loaded by an explicit path: left to itself the `ort` crate panics when the library is missing.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::environment::Environment;

use crate::{open::OpenError, settings::Settings};

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The process's environment; loads the library at the first call.
pub(super) fn environment(settings: &Settings) -> Result<Environment, OpenError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*slot {
        return Ok(environment.clone());
    }
    let named = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let environment = load(&places(settings, named))?;
    Ok(slot.insert(environment).clone())
}

/// Where to look, in order. A library that somebody named is the only one tried: another in its stead would surprise.
fn places(settings: &Settings, named: Option<PathBuf>) -> Vec<PathBuf> {
    let set = |path: &PathBuf| !path.as_os_str().is_empty();
    if let Some(path) = Some(settings.onnxruntime.clone()).filter(set).or(named.filter(set)) {
        return vec![path];
    }
    let library = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let models = settings.model.parent().map(|models| models.join("runtime").join(&library));
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(&library)));
    let mut places: Vec<PathBuf> = models.into_iter().chain([Path::new("models/runtime").join(&library)]).chain(beside).collect();
    places.push(library.into());
    places.dedup();
    places
}

fn load(places: &[PathBuf]) -> Result<Environment, OpenError> {
    let mut tried = Vec::new();
    for path in places {
        // A bare name is not a file of ours: the system's loader looks it up.
        if path.components().count() > 1 && !path.is_file() {
            tried.push((path.clone(), "not there".to_owned()));
            continue;
        }
        // An absolute path, because `ort` would take a relative one as relative to the executable first.
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        match ort::init_from(&path) {
            Ok(builder) => {
                let environment = builder.with_name("touchstone").with_telemetry(false).build();
                tracing::info!(library = %path.display(), "ONNX Runtime is loaded");
                return environment.map_err(|error| OpenError::RuntimeBroken { path, reason: error.to_string() });
            }
            Err(error) => tried.push((path, error.to_string())),
        }
    }
    Err(OpenError::RuntimeMissing { tried })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Inference, Limits};

    fn settings(onnxruntime: &str) -> Settings {
        Settings {
            model: "some/models/m".into(),
            onnxruntime: onnxruntime.into(),
            bypass_watermark: false,
            limits: Limits { max_side: 1, max_pixels: 1, max_memory: 1, max_frames: 1 },
            decoder: crate::settings::Decoder::default(),
            provenance: crate::settings::Provenance::default(),
            inference: Inference::embedded(1, 1),
        }
    }

    #[test]
    fn a_named_library_is_the_only_one_tried() {
        assert_eq!(places(&settings("/a/lib.so"), Some("/b/lib.so".into())), [PathBuf::from("/a/lib.so")]);
        assert_eq!(places(&settings(""), Some("/b/lib.so".into())), [PathBuf::from("/b/lib.so")]);
        let unnamed = places(&settings(""), Some("".into()));
        assert!(unnamed[0].starts_with("some/models/runtime") && unnamed[1].starts_with("models/runtime") && unnamed.len() == 4);
    }

    #[test]
    fn a_missing_library_names_every_place_and_the_command_that_fixes_it() {
        let told = load(&["no/such/a.so".into(), "no/such/b.so".into()]).expect_err("there is none").to_string();
        assert!(told.contains("no/such/a.so: not there") && told.contains("b.so") && told.contains("`make runtime`"), "{told}");
    }
}
