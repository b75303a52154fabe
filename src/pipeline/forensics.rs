//! Forensics (row V4): figures and maps for people who look at a picture closely. They are no verdict and never enter one.
//!
//! Everything is measured at the picture's own resolution, for scaling would destroy what is looked for: of a large picture the middle is
//! taken, and the report says which part. Each section says in one sentence what it means and in one what it cannot tell. The same picture
//! gives the same report.

mod error_level;
mod exif;
mod frequency;
mod interpolation;
mod jpeg;
mod noise;
mod paint;
mod part;
#[cfg(test)]
mod tests;

use serde::Serialize;
use utoipa::ToSchema;

use self::{error_level::Resaved, noise::Residual, part::Part};
pub use self::{
    error_level::{ErrorLevel, Level},
    exif::Exif,
    frequency::{Frequency, Of, Peak},
    jpeg::{Earlier, Jpeg, Table},
    noise::Noise,
    paint::Map,
    part::Area,
};
use crate::{
    picture::Picture,
    spectrum::{self, Power},
};

/// Tiles whose spectra are averaged.
const TILES: usize = 16;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ForensicsReport)]
pub struct Report {
    /// The part of the picture that was looked at, in pixels: all of it up to 4 megapixels, else its middle.
    pub examined: Area,
    /// What changes when the picture is saved as JPEG once more.
    pub error_level: ErrorLevel,
    /// What repeats in it.
    pub frequency: Frequency,
    /// What its neighbours do not explain of each pixel.
    pub noise: Noise,
    /// How the file was compressed; null when it is no JPEG.
    #[schema(required)]
    pub jpeg: Option<Jpeg>,
    /// What its EXIF record says; null without one.
    #[schema(required)]
    pub exif: Option<Exif>,
}

/// The same as pictures: grey PNGs, longest side at most 512 pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// One for each quality of [`ErrorLevel::levels`]: the quality, and where the picture changed.
    pub error_level: Vec<(u8, Map)>,
    /// The logarithm of the power at each frequency, 0 in the middle; `None` for a picture smaller than 256 pixels.
    pub spectrum: Option<Map>,
    /// The residual's magnitude.
    pub noise: Map,
}

/// The figures alone.
#[must_use]
pub fn measure(picture: &Picture) -> Report {
    Examined::of(picture).report(picture)
}

/// Figures and maps.
#[must_use]
pub fn examine(picture: &Picture) -> (Report, Maps) {
    let examined = Examined::of(picture);
    (examined.report(picture), examined.maps())
}

/// What figures and maps are both made of.
struct Examined<'a> {
    part: Part<'a>,
    resaved: Vec<Resaved>,
    power: Option<Power>,
    residual: Residual,
}

impl<'a> Examined<'a> {
    fn of(picture: &'a Picture) -> Self {
        let part = Part::middle(&picture.rgb);
        let resaved = error_level::QUALITIES.map(|quality| Resaved::at(quality, &part.rgb)).into();
        let (power, residual) = (spectrum::mean_power(&part.rgb, TILES), Residual::of(&part));
        Self { part, resaved, power, residual }
    }

    fn report(&self, picture: &Picture) -> Report {
        Report {
            examined: self.part.area,
            error_level: ErrorLevel::of(&self.resaved, &self.part),
            frequency: Frequency::of(self.power.as_ref(), &self.part),
            noise: self.residual.report(),
            jpeg: Jpeg::of(picture),
            exif: Exif::of(picture),
        }
    }

    fn maps(&self) -> Maps {
        Maps {
            error_level: self.resaved.iter().map(|resaved| (resaved.quality, resaved.map())).collect(),
            spectrum: self.power.as_ref().map(frequency::map),
            noise: self.residual.map(),
        }
    }
}

/// A figure as it is told: four digits are more than it is worth.
fn told(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}

/// The value that so many percent of them do not exceed; 0 of none. They are put in order.
fn percentile(values: &mut [f32], percent: usize) -> f64 {
    values.sort_by(f32::total_cmp);
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().map_or(0.0, f64::from)
}
