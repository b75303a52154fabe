//! One `[[view]]` as it stands in the file, and which keys its kind takes.

use std::{ops::RangeInclusive, path::Path};

use serde::Deserialize;

use crate::model::{Activation, Cut, Filter, Head, Heads, Outputs, View, features::RESERVED};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawView {
    name: String,
    kind: String,
    file: String,
    sha256: String,
    side: Option<u32>,
    most: Option<u32>,
    map: Option<u32>,
    longest: Option<u32>,
    shortest: Option<u32>,
    resize: Option<u32>,
    filter: Option<RawFilter>,
    mean: [f32; 3],
    std: [f32; 3],
    #[serde(default)]
    heatmap: bool,
    input: Option<String>,
    #[serde(default)]
    outputs: RawOutputs,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawFilter {
    Bilinear,
    Bicubic,
    Lanczos,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawOutputs {
    image: Option<String>,
    activation: Option<RawActivation>,
    ai: Option<Vec<usize>>,
    patches: Option<String>,
    families: Option<String>,
    kinds: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawActivation {
    Logit,
    Sigmoid,
    Softmax,
    Probabilities,
}

/// Sides of squares that are believed to be meant.
const SIDES: RangeInclusive<u32> = 16..=1024;

impl RawView {
    pub(super) fn check(self, heads: &Heads) -> Result<View, String> {
        self.checked(heads).map_err(|what| format!("view \"{}\": {what}", self.name))
    }

    fn checked(&self, heads: &Heads) -> Result<View, String> {
        if self.name.is_empty() || self.name.contains('.') || RESERVED.contains(&self.name.as_str()) {
            return Err(format!("a view's name has no dot and is none of {}", RESERVED.join(", ")));
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) || !self.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Err("mean must be finite numbers, std numbers above 0; both count 0 to 255".into());
        }
        if self.file.is_empty() || Path::new(&self.file).components().count() != 1 || self.file.starts_with('.') {
            return Err("file must be the plain name of a file beside the card".into());
        }
        if self.sha256.len() != 64 {
            return Err("sha256 must be the 64 hex digits of the file".into());
        }
        Ok(View {
            name: self.name.clone(),
            file: self.file.clone(),
            sha256: self.sha256.to_ascii_lowercase(),
            cut: self.cut()?,
            mean: self.mean,
            std: self.std,
            input: self.input.clone().unwrap_or_else(|| "pixels".into()),
            outputs: self.outputs(heads)?,
            heatmap: self.heatmap,
        })
    }

    fn cut(&self) -> Result<Cut, String> {
        match self.kind.as_str() {
            "tiles" => {
                self.takes_only(&["side", "most", "map"])?;
                let (side, most) = (self.size("side", self.side, SIDES)?, self.size("most", self.most, 1..=64)?);
                Ok(Cut::Tiles { side, most, map: self.size("map", self.map.or(Some(most)), most..=64)? })
            }
            "whole" => {
                self.takes_only(&["side", "longest"])?;
                let side = self.size("side", self.side, SIDES)?;
                Ok(Cut::Whole { side, longest: self.size("longest", self.longest, side..=4096)? })
            }
            "frame" => {
                self.takes_only(&["longest", "shortest"])?;
                let longest = self.size("longest", self.longest, Cut::STEP..=2048)?;
                let shortest = self.size("shortest", self.shortest, Cut::STEP..=longest)?;
                if longest % Cut::STEP + shortest % Cut::STEP != 0 {
                    return Err(format!("kind = \"frame\" needs longest and shortest to be multiples of {}", Cut::STEP));
                }
                Ok(Cut::Frame { longest, shortest })
            }
            "resized" => {
                self.takes_only(&["side", "resize", "filter"])?;
                if self.heatmap {
                    return Err("kind = \"resized\" has no patches, so heatmap = true cannot stand there".into());
                }
                let side = self.size("side", self.side, SIDES)?;
                let shorter = self.resize.map(|resize| self.size("resize", Some(resize), side..=4096)).transpose()?;
                Ok(Cut::Resized { side, shorter, filter: self.filter()? })
            }
            _ => Err("kind must be \"tiles\", \"whole\", \"frame\" or \"resized\"".into()),
        }
    }

    fn takes_only(&self, wanted: &[&str]) -> Result<(), String> {
        let set = [
            ("side", self.side.is_some()),
            ("most", self.most.is_some()),
            ("map", self.map.is_some()),
            ("longest", self.longest.is_some()),
            ("shortest", self.shortest.is_some()),
            ("resize", self.resize.is_some()),
            ("filter", self.filter.is_some()),
        ];
        match set.into_iter().find(|(key, set)| *set && !wanted.contains(key)) {
            Some((key, _)) => Err(format!("kind = \"{}\" takes {}, and no {key}", self.kind, wanted.join(", "))),
            None => Ok(()),
        }
    }

    fn size(&self, key: &str, value: Option<u32>, may: RangeInclusive<u32>) -> Result<u32, String> {
        let wrong = || format!("kind = \"{}\" needs {key} = {} to {}", self.kind, may.start(), may.end());
        value.filter(|value| may.contains(value)).ok_or_else(wrong)
    }

    fn filter(&self) -> Result<Filter, String> {
        match self.filter {
            Some(RawFilter::Bilinear) => Ok(Filter::Bilinear),
            Some(RawFilter::Bicubic) => Ok(Filter::CatmullRom),
            Some(RawFilter::Lanczos) => Ok(Filter::Lanczos3),
            None => Err("kind = \"resized\" needs filter = \"bilinear\", \"bicubic\" or \"lanczos\", as its training had it".into()),
        }
    }

    /// Heads are read from every view but a resized one, unless the card says otherwise: "" for a network without them.
    fn outputs(&self, heads: &Heads) -> Result<Outputs, String> {
        let raw = &self.outputs;
        if !self.heatmap && raw.patches.is_some() {
            return Err("[view.outputs] patches are read only where heatmap = true".into());
        }
        let head = |key: &str, named: &Option<String>, usual: &str, width: usize| match named.as_deref() {
            Some("") => Ok(None),
            Some(_) if width == 0 => Err(format!("[view.outputs] {key} is named, but [heads] lists no {key}")),
            None if width == 0 || self.kind == "resized" => Ok(None),
            named => Ok(Some(Head { output: named.unwrap_or(usual).to_owned(), width })),
        };
        Ok(Outputs {
            image: raw.image.clone().unwrap_or_else(|| "image_logit".into()),
            activation: raw.activation()?,
            patches: self.heatmap.then(|| raw.patches.clone().unwrap_or_else(|| "patch_logits".into())),
            families: head("families", &raw.families, "family_logits", heads.families.len())?,
            kinds: head("kinds", &raw.kinds, "kind_logits", heads.kinds.len())?,
        })
    }
}

impl RawOutputs {
    fn activation(&self) -> Result<Activation, String> {
        match (self.activation.unwrap_or(RawActivation::Logit), &self.ai) {
            (RawActivation::Logit, None) => Ok(Activation::Logit),
            (RawActivation::Sigmoid, None) => Ok(Activation::Sigmoid),
            (RawActivation::Softmax, Some(ai)) if !ai.is_empty() => Ok(Activation::Softmax(ai.clone())),
            (RawActivation::Probabilities, Some(ai)) if !ai.is_empty() => Ok(Activation::Probabilities(ai.clone())),
            (RawActivation::Logit | RawActivation::Sigmoid, Some(_)) => {
                Err("[view.outputs] ai goes with activation = \"softmax\" or \"probabilities\"; elsewhere there is one number".into())
            }
            _ => {
                Err("[view.outputs] activation = \"softmax\" and \"probabilities\" need ai = [the classes that mean AI, counted from 0]"
                    .into())
            }
        }
    }
}
