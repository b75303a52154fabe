//! How much the pixels can tell at all: size, sharpness, light, frames, and whether a camera photographed a screen.
//!
//! Everything here is a warning or a remark for the reader of a verdict; nothing argues for or against generation, so no signal of this
//! stage has a score.

#[cfg(test)]
mod corpus_test;
pub(crate) mod double_compression;
pub(crate) mod jpeg_tables;
mod recapture;
mod sharpness;
#[cfg(test)]
mod tests;

use touchstone_core::{
    finding::{Finding, ScreenMetrics, Signal, Stage, Warning},
    media::Format,
};

use self::sharpness::Sharpness;
use crate::{picture::Picture, stage::Look};

/// A file smaller than this, in bytes, or …
const SMALL_FILE: u64 = 50_000;
/// … a longest side below this, in pixels, gets the warning "Small" (row T6).
const SMALL_SIDE: u32 = 150;

/// Judges the picture's condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quality;

impl Look for Quality {
    fn stage(&self) -> Stage {
        Stage::Quality
    }

    fn look(&self, picture: &Picture) -> Finding {
        let mut finding = Finding::looked(Stage::Quality);
        finding.warnings = [source_size(picture), blur_dark(picture), screen_recapture(picture), first_frame_only(picture)]
            .into_iter()
            .flatten()
            .collect();
        finding.signals.extend([jpeg_quality(picture), double_compression(picture)].into_iter().flatten());
        finding
    }
}

fn source_size(picture: &Picture) -> Option<Warning> {
    let facts = &picture.facts;
    (facts.bytes < SMALL_FILE || facts.width.max(facts.height) < SMALL_SIDE).then(|| Warning::SourceSize { label: "Small".to_owned() })
}

fn blur_dark(picture: &Picture) -> Option<Warning> {
    let label = Sharpness::of(&picture.rgb)?.label()?;
    Some(Warning::BlurDark { label: label.to_owned() })
}

fn screen_recapture(picture: &Picture) -> Option<Warning> {
    let lattice = recapture::lattice(&picture.rgb)?;
    let (is_screen, confidence) = recapture::opinion(lattice);
    Some(Warning::ScreenRecapture { label: "screen".to_owned(), metrics: ScreenMetrics { is_screen }, confidence })
}

fn first_frame_only(picture: &Picture) -> Option<Warning> {
    let frames = picture.facts.frames;
    (frames > 1)
        .then(|| Warning::FirstFrameOnly { frames, label: format!("The file has {frames} frames or pages; only the first was judged.") })
}

fn jpeg_quality(picture: &Picture) -> Option<Signal> {
    let quality = (picture.facts.format == Format::Jpeg).then(|| jpeg_tables::estimate(&picture.bytes)).flatten()?;
    Some(Signal::new(Stage::Quality, "jpeg_quality", format!("The JPEG file was written at a quality of about {quality} of 100.")))
}

fn double_compression(picture: &Picture) -> Option<Signal> {
    let earlier = (picture.facts.format == Format::Jpeg).then(|| double_compression::earlier(&picture.bytes, &picture.rgb)).flatten()?;
    let summary = format!(
        "The pixels had been saved as JPEG before, at a quality of about {} of 100; messengers and sites do that to every picture, so this \
         alone is no edit.",
        earlier.quality
    );
    Some(Signal::new(Stage::Quality, "double_compression", summary))
}
