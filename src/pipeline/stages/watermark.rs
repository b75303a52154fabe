//! Marks that generators leave in the pixels: one invisible (Stable Diffusion's), two visible (Gemini's star, DALL·E 2's colour bar).
//!
//! Anybody can draw a star or run the embedder over a stranger's photograph, so every signal is an `unsigned_claim`. In exchange a
//! detector speaks only when it is beyond doubt: there is no weak mark. None reads the file's records; those have a stage of their own.

mod colour_bar;
#[cfg(test)]
mod corpus_test;
mod dwt_dct;
mod sparkle;
#[cfg(test)]
mod tests;

use touchstone_core::finding::{Finding, Signal, Stage, Warning};

use crate::{picture::Picture, stage::Look};

/// Looks for the marks of known generators.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watermark;

impl Look for Watermark {
    fn stage(&self) -> Stage {
        Stage::Watermark
    }

    fn look(&self, picture: &Picture) -> Finding {
        let mut finding = Finding::looked(Stage::Watermark);
        let marks = [stable_diffusion(picture), gemini(picture), dalle(picture)];
        for mark in marks.into_iter().flatten() {
            finding.warnings.push(Warning::Watermark { label: mark.source.to_owned(), confidence: mark.score() / 100.0 });
            finding.signals.push(mark.signal());
        }
        finding
    }
}

/// A mark that names its generator.
struct Mark {
    code: &'static str,
    source: &'static str,
    summary: String,
    /// How far beyond its detector's threshold it lies, 0–1.
    margin: f64,
}

impl Mark {
    /// A mark that only just passes is past doubt already; none is past 99, since a person may have put it there.
    fn score(&self) -> f64 {
        90.0 + 9.0 * self.margin.clamp(0.0, 1.0)
    }

    fn signal(self) -> Signal {
        let mut signal = Signal::new(Stage::Watermark, self.code, self.summary.as_str());
        signal.score = Some(self.score());
        signal.decisive = true;
        signal.unsigned_claim = true;
        signal.source = Some(self.source.to_owned());
        signal
    }
}

fn stable_diffusion(picture: &Picture) -> Option<Mark> {
    let mark = dwt_dct::read(&picture.rgb)?;
    Some(Mark {
        code: "stable_diffusion_dwt_dct",
        source: "Stable Diffusion",
        summary: format!("The pixels carry the invisible mark that the scripts of {} write.", mark.writer),
        margin: (mark.deviations - dwt_dct::CERTAIN) / dwt_dct::CERTAIN,
    })
}

fn gemini(picture: &Picture) -> Option<Mark> {
    let star = sparkle::find(&picture.rgb)?;
    Some(Mark {
        code: "gemini_sparkle",
        source: "Gemini",
        summary: "Gemini's translucent four-pointed star lies over the bottom-right corner.".to_owned(),
        margin: f64::from((star.likeness - sparkle::LIKE) / (1.0 - sparkle::LIKE)),
    })
}

fn dalle(picture: &Picture) -> Option<Mark> {
    let margin = colour_bar::find(&picture.rgb)?;
    Some(Mark {
        code: "dalle_colour_bar",
        source: "DALL·E",
        summary: "DALL·E 2's bar of five coloured squares ends the bottom edge.".to_owned(),
        margin,
    })
}
