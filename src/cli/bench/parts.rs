//! The parts of one judgement, each by itself on one thread, in milliseconds a megapixel.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use serde::Serialize;
use touchstone_core::{
    finding::Finding,
    media::Format,
    submission::{HeatmapStyle, Profile},
};
use touchstone_pipeline::{Ask, Heatmap, Judged, Pipeline, classifier, forensics, fuse, heatmap, preview};

use super::order::median;

/// No part of a judgement: what `/v1/forensics` measures.
const FORENSICS: &str = "forensics";

/// One part of the way, in the order of the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Part {
    pub(super) name: String,
    /// Median over pictures and rounds.
    pub(super) ms_per_megapixel: f64,
}

/// Samples by part, in the order in which the parts were first met.
#[derive(Default)]
struct Samples {
    order: Vec<String>,
    values: BTreeMap<String, Vec<f64>>,
}

impl Samples {
    fn time<T>(&mut self, name: &str, megapixels: f64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(name, start.elapsed(), megapixels);
        result
    }

    fn add(&mut self, name: &str, took: Duration, megapixels: f64) {
        if !self.values.contains_key(name) {
            self.order.push(name.to_owned());
        }
        self.values.entry(name.to_owned()).or_default().push(took.as_secs_f64() * 1000.0 / megapixels);
    }

    fn parts(mut self) -> Vec<Part> {
        let median = |name: &String| median(self.values.get_mut(name).map_or(&mut [], Vec::as_mut_slice));
        self.order.iter().map(median).zip(&self.order).map(|(ms, name)| Part { name: name.clone(), ms_per_megapixel: ms }).collect()
    }
}

/// Measures every picture `rounds` times, after one round that only warms up.
pub(super) fn measure(pipeline: &Pipeline, set: &[Bytes], rounds: u32) -> anyhow::Result<Vec<Part>> {
    let mut samples = Samples::default();
    for round in 0..=rounds {
        let mut these = Samples::default();
        set.iter().try_for_each(|bytes| once(pipeline, bytes, &mut these))?;
        if round == 0 {
            continue;
        }
        for name in &these.order {
            if !samples.values.contains_key(name) {
                samples.order.push(name.clone());
            }
            samples.values.entry(name.clone()).or_default().extend(&these.values[name]);
        }
    }
    Ok(samples.parts())
}

/// Forensics of a megapixel in multiples of its decoding as JPEG; `None` when no JPEG was measured.
pub(super) fn forensics_to_decode(parts: &[Part]) -> Option<f64> {
    let of = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.ms_per_megapixel);
    Some(of(FORENSICS)? / of(&format!("decode {}", Format::Jpeg.name()))?)
}

fn once(pipeline: &Pipeline, bytes: &Bytes, samples: &mut Samples) -> anyhow::Result<()> {
    let start = Instant::now();
    let picture = pipeline.decode(bytes.clone()).context("a picture cannot be decoded")?;
    let (took, facts) = (start.elapsed(), &picture.facts);
    let megapixels = f64::from(facts.width) * f64::from(facts.height) / 1e6;
    samples.add(&format!("decode {}", facts.format.name()), took, megapixels);
    let mut findings: Vec<Finding> = Vec::new();
    for stage in pipeline.stages() {
        findings.push(samples.time(stage.stage().name(), megapixels, || stage.look(&picture)));
    }
    let classifier = pipeline.classifier();
    for (index, view) in classifier.card().views.iter().enumerate() {
        let (_, batch) = samples.time(&format!("cut {}", view.name), megapixels, || classifier.batch(index, &picture));
        samples.time(&format!("model {}", view.name), megapixels, || classifier.scores(vec![batch]))?;
    }
    let seen = classifier.look(&picture)?;
    let thresholds = &pipeline.card().thresholds;
    findings.push(classifier::finding(&seen, thresholds));
    samples.time("fuse", megapixels, || fuse::fuse(findings, thresholds));
    let style = HeatmapStyle { overlay: true, normalized: true };
    samples.time("heatmap", megapixels, || heatmap::draw(&picture, &seen.patches, style))?;
    samples.time("preview", megapixels, || preview::draw(&picture))?;
    samples.time(FORENSICS, megapixels, || forensics::measure(&picture));
    samples.time("total", megapixels, || whole(pipeline, bytes.clone())).map(|_| ())
}

/// The whole way of one picture as the worker goes it: verdict, heatmap, preview. The number of bytes drawn.
pub(super) fn whole(pipeline: &Pipeline, bytes: Bytes) -> anyhow::Result<usize> {
    let ask = Ask { heatmap: Heatmap::Always, always_classify: false, profile: Profile::Generic };
    let Judged { picture, patches, .. } = pipeline.judge(bytes, &ask)?;
    let patches = patches.context("the model gave no patches")?;
    let style = HeatmapStyle { overlay: true, normalized: true };
    Ok(heatmap::draw(&picture, &patches, style)?.bytes.len() + preview::draw(&picture)?.bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_the_order_in_which_they_were_met() {
        let mut samples = Samples::default();
        for (name, ms) in [("decode", 2), ("cut", 4), ("decode", 4)] {
            samples.add(name, Duration::from_millis(ms), 2.0);
        }
        let parts = samples.parts();
        assert_eq!(
            parts.iter().map(|part| (part.name.as_str(), part.ms_per_megapixel)).collect::<Vec<_>>(),
            [("decode", 1.5), ("cut", 2.0)]
        );
    }
}
