//! The card as it stands in the file, before it is checked. Unknown keys are errors, so that a misspelt one is never ignored;
//! only `[training]` and `[[measured]]` are free of form.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use touchstone_core::verdict::ModelName;

use super::{Calibration, Cut, ModelCard, Thresholds, View};

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
    calibration: RawCalibration,
    thresholds: Thresholds,
    #[serde(default)]
    training: toml::Table,
    #[serde(default)]
    measured: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawView {
    name: String,
    kind: String,
    file: String,
    sha256: String,
    side: u32,
    most: Option<u32>,
    longest: Option<u32>,
    mean: [f32; 3],
    std: [f32; 3],
    #[serde(default)]
    heatmap: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalibration {
    bias: f64,
    weights: BTreeMap<String, f64>,
}

impl Card {
    pub(super) fn check(self, folder: &Path) -> Result<ModelCard, String> {
        if self.positive != "ai" {
            return Err(format!("positive = \"{}\" is not supported; logits must grow with \"ai\"", self.positive));
        }
        check_thresholds(self.thresholds)?;
        let views = self.view.into_iter().map(RawView::check).collect::<Result<Vec<_>, _>>()?;
        check_views(&views)?;
        Ok(ModelCard {
            folder: folder.to_owned(),
            name: ModelName { name: self.name, version: self.version },
            summary: self.summary,
            license_weights: self.license_weights,
            license_data: self.license_data,
            starting_weights: self.starting_weights,
            calibration: Calibration::new(self.calibration.bias, &self.calibration.weights, &views)?,
            views,
            thresholds: self.thresholds,
            training: self.training,
            measured: self.measured,
        })
    }
}

impl RawView {
    fn check(self) -> Result<View, String> {
        let wrong = |what: &str| Err(format!("view \"{}\": {what}", self.name));
        let cut = match (self.kind.as_str(), self.most, self.longest) {
            ("tiles", Some(most @ 1..=64), None) => Cut::Tiles { most },
            ("tiles", ..) => return wrong("kind = \"tiles\" needs most = 1 to 64, and no longest"),
            ("whole", None, Some(longest)) if (self.side..=4096).contains(&longest) => Cut::Whole { longest },
            ("whole", ..) => return wrong("kind = \"whole\" needs longest = side to 4096, and no most"),
            _ => return wrong("kind must be \"tiles\" or \"whole\""),
        };
        if !(16..=1024).contains(&self.side) {
            return wrong("side must be 16 to 1024");
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) || !self.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return wrong("mean must be finite numbers, std numbers above 0");
        }
        if self.file.is_empty() || Path::new(&self.file).components().count() != 1 || self.file.starts_with('.') {
            return wrong("file must be the plain name of a file beside the card");
        }
        if self.sha256.len() != 64 {
            return wrong("sha256 must be the 64 hex digits of the file");
        }
        let Self { name, file, side, mean, std, heatmap, .. } = self;
        Ok(View { name, file, sha256: self.sha256.to_ascii_lowercase(), cut, side, mean, std, heatmap })
    }
}

fn check_views(views: &[View]) -> Result<(), String> {
    if let Some(twice) = views.iter().enumerate().find(|(i, view)| views[..*i].iter().any(|other| other.name == view.name)) {
        return Err(format!("two views are called \"{}\"", twice.1.name));
    }
    match views.iter().filter(|view| view.heatmap).count() {
        1 => Ok(()),
        count => Err(format!("heatmap = true must stand in exactly one [[view]], not in {count}")),
    }
}

fn check_thresholds(thresholds: Thresholds) -> Result<(), String> {
    let Thresholds { ai, unsure_low, unsure_high } = thresholds;
    if 0.0 <= unsure_low && unsure_low <= ai && ai <= unsure_high && unsure_high <= 1.0 {
        return Ok(());
    }
    Err(format!("[thresholds] must rise from 0 to 1 as unsure_low ≤ ai ≤ unsure_high, not {unsure_low}, {ai}, {unsure_high}"))
}
