//! The card as it stands in the file, before it is checked. Unknown keys are errors, so that a misspelt one is never ignored;
//! only `[training]` and `[[measured]]` are free of form.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use touchstone_core::{submission::Profile, verdict::ModelName};

use super::{Bucket, Calibration, Cut, Heads, ModelCard, OTHER, Thresholds, View, features, raw_view::RawView};
use crate::region::Edits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    name: String,
    version: String,
    summary: String,
    license_weights: String,
    license_data: String,
    starting_weights: String,
    positive: String,
    view: Vec<RawView>,
    #[serde(default)]
    heads: RawHeads,
    calibration: RawCalibration,
    thresholds: Thresholds,
    #[serde(default)]
    profiles: BTreeMap<Profile, Thresholds>,
    edits: Option<Edits>,
    #[serde(default)]
    training: toml::Table,
    #[serde(default)]
    measured: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawHeads {
    families: Vec<String>,
    kinds: Vec<String>,
    other: f64,
    temperature: f64,
}

impl Default for RawHeads {
    fn default() -> Self {
        Self { families: Vec::new(), kinds: Vec::new(), other: 0.35, temperature: 1.0 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalibration {
    bias: f64,
    weights: BTreeMap<String, f64>,
    #[serde(default)]
    bucket: Vec<Bucket>,
}

impl Card {
    pub(super) fn check(self, folder: &Path, text_sha256: String) -> Result<ModelCard, String> {
        if self.positive != "ai" {
            return Err(format!("positive = \"{}\" is not supported; logits must grow with \"ai\"", self.positive));
        }
        check_thresholds("[thresholds]", self.thresholds)?;
        check_profiles(&self.profiles)?;
        self.edits.map_or(Ok(()), check_edits)?;
        let heads = self.heads.check()?;
        let views = self.view.into_iter().map(|view| view.check(&heads)).collect::<Result<Vec<_>, _>>()?;
        check_views(&views, &heads)?;
        let RawCalibration { bias, weights, bucket } = self.calibration;
        Ok(ModelCard {
            folder: folder.to_owned(),
            text_sha256,
            name: ModelName { name: self.name, version: self.version },
            summary: self.summary,
            license_weights: self.license_weights,
            license_data: self.license_data,
            starting_weights: self.starting_weights,
            calibration: Calibration::new(bias, weights, bucket, &features::names(&views, &heads))?,
            views,
            heads,
            thresholds: self.thresholds,
            profiles: self.profiles,
            edits: self.edits,
            training: self.training,
            measured: self.measured,
        })
    }
}

impl RawHeads {
    fn check(self) -> Result<Heads, String> {
        for (key, names) in [("families", &self.families), ("kinds", &self.kinds)] {
            if let Some((_, wrong)) =
                names.iter().enumerate().find(|(i, name)| name.is_empty() || *name == OTHER || names[..*i].contains(name))
            {
                return Err(format!(
                    "[heads] {key}: \"{wrong}\" may not stand there; names are unique, and \"{OTHER}\" is what is left over"
                ));
            }
        }
        if !((0.0..=1.0).contains(&self.other) && self.temperature.is_finite() && self.temperature > 0.0) {
            return Err("[heads] needs other = 0 to 1 and a temperature above 0".into());
        }
        let Self { families, kinds, other, temperature } = self;
        Ok(Heads { families, kinds, other, temperature })
    }
}

fn check_views(views: &[View], heads: &Heads) -> Result<(), String> {
    if let Some(twice) = views.iter().enumerate().find(|(i, view)| views[..*i].iter().any(|other| other.name == view.name)) {
        return Err(format!("two views are called \"{}\"", twice.1.name));
    }
    let plain = |view: &View| matches!(view.cut, Cut::Resized { .. });
    if views.is_empty() || !(views.iter().any(|view| view.heatmap) || views.iter().all(plain)) {
        return Err("there must be a [[view]], and heatmap = true in at least one that is not \"resized\"".into());
    }
    let heads = [
        ("families", heads.families.is_empty(), views.iter().any(|view| view.outputs.families.is_some())),
        ("kinds", heads.kinds.is_empty(), views.iter().any(|view| view.outputs.kinds.is_some())),
    ];
    match heads.into_iter().find(|(_, unnamed, read)| !unnamed && !read) {
        Some((key, ..)) => Err(format!("[heads] lists {key}, but no view reads them: name the output in [view.outputs] {key}")),
        None => Ok(()),
    }
}

fn check_thresholds(place: &str, thresholds: Thresholds) -> Result<(), String> {
    let Thresholds { ai, unsure_low, unsure_high, near_low, near_high } = thresholds;
    if !(0.0 <= unsure_low && unsure_low <= ai && ai <= unsure_high && unsure_high <= 1.0) {
        return Err(format!("{place} must rise from 0 to 1 as unsure_low ≤ ai ≤ unsure_high, not {unsure_low}, {ai}, {unsure_high}"));
    }
    match (near_low, near_high) {
        (None, None) => Ok(()),
        (Some(low), Some(high)) if 0.0 <= low && low <= ai && ai <= high && high <= 1.0 => Ok(()),
        _ => Err(format!("{place} needs both near_low and near_high, rising from 0 over ai to 1, or neither")),
    }
}

fn check_profiles(profiles: &BTreeMap<Profile, Thresholds>) -> Result<(), String> {
    if profiles.contains_key(&Profile::Generic) {
        return Err("[profiles] holds generic, whose thresholds are [thresholds]".into());
    }
    profiles.iter().try_for_each(|(profile, thresholds)| check_thresholds(&format!("[profiles.{}]", profile.name()), *thresholds))
}

fn check_edits(edits: Edits) -> Result<(), String> {
    let Edits { contrast, inside, outside } = edits;
    if [contrast, inside, outside].iter().all(|logit| logit.is_finite()) && contrast > 0.0 && inside >= 0.0 && outside <= inside {
        return Ok(());
    }
    Err(format!("[edits] needs a contrast above 0, inside from 0 on and outside at most inside, not {contrast}, {inside}, {outside}"))
}
