//! How well a score holds when the picture is changed in ways that change nothing about who made it.

use bytes::Bytes;
use image::RgbImage;
use serde::Serialize;
use touchstone_pipeline::delivery::{self, Undelivered};

use super::{
    figures::rounded,
    observe::{Looked, Opinion},
};

/// A change that is no reason for another verdict. All but the first are saved without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// JPEG quality 60.
    Reencode,
    /// Half the width and height.
    Half,
    /// The middle 80 % of width and height.
    Crop,
    /// No colours.
    Grey,
    /// Bars above and below, as on a phone's screenshot.
    Screenshot,
}

impl Change {
    /// Every change, in the order of the tables.
    pub(super) const ALL: [Self; 5] = [Self::Reencode, Self::Half, Self::Crop, Self::Grey, Self::Screenshot];

    const fn name(self) -> &'static str {
        match self {
            Self::Reencode => "re-encode q60",
            Self::Half => "resize ×0.5",
            Self::Crop => "centre crop 80 %",
            Self::Grey => "grey",
            Self::Screenshot => "screenshot border",
        }
    }

    /// The changed picture as a file.
    pub(super) fn apply(self, rgb: &RgbImage) -> Result<Bytes, Undelivered> {
        let changed = match self {
            Self::Reencode => return delivery::jpeg(rgb, 60).map(Bytes::from),
            Self::Half => delivery::half(rgb).into_owned(),
            Self::Crop => delivery::crop(rgb, 80),
            Self::Grey => delivery::grey(rgb),
            Self::Screenshot => delivery::screenshot(rgb),
        };
        delivery::png(&changed).map(Bytes::from)
    }
}

/// What the pixels said of one picture before and after one change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed {
    /// What was done.
    pub(super) change: Change,
    /// Of the file as it came.
    pub(super) before: Opinion,
    /// Of the changed picture.
    pub(super) after: Opinion,
}

/// What one change does to the scores of all images.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Held {
    /// What was done.
    pub(super) name: &'static str,
    /// How many images.
    pub(super) images: usize,
    /// Mean absolute change of the pixels' score, in points of 100.
    pub(super) mean_change: f64,
    /// The share of images whose label changed.
    pub(super) flips: f64,
    /// Images of which neither score is marked unsure.
    pub(super) sure_images: usize,
    /// The share of those whose label changed.
    pub(super) flips_sure: f64,
}

/// One row a change.
pub(super) fn summary<'a>(looked: impl Iterator<Item = &'a Looked>) -> Vec<Held> {
    let all: Vec<&Changed> = looked.flat_map(|looked| &looked.changed).collect();
    let rows = Change::ALL.iter().map(|change| all.iter().copied().filter(|one| one.change == *change).collect::<Vec<_>>());
    rows.filter(|of_it| !of_it.is_empty()).map(|of_it| held(&of_it)).collect()
}

fn held(changed: &[&Changed]) -> Held {
    let moved = |one: &&Changed| (one.before.sample.score - one.after.sample.score).abs() * 100.0;
    let flips = |of: &[&Changed]| {
        let flipped = of.iter().filter(|one| one.before.sample.flagged != one.after.sample.flagged).count();
        flipped as f64 / of.len().max(1) as f64
    };
    let sure: Vec<&Changed> = changed.iter().copied().filter(|one| !one.before.unsure && !one.after.unsure).collect();
    Held {
        name: changed[0].change.name(),
        images: changed.len(),
        mean_change: rounded(changed.iter().map(moved).sum::<f64>() / changed.len() as f64),
        flips: rounded(flips(changed)),
        sure_images: sure.len(),
        flips_sure: rounded(flips(&sure)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::statistics::Sample, *};

    fn opinion(score: f64) -> Opinion {
        Opinion { sample: Sample { score, flagged: score >= 0.5 }, unsure: (0.4..=0.6).contains(&score) }
    }

    #[test]
    fn flips_are_counted_before_and_after_the_unsure_are_left_out() {
        let pairs = [(0.9, 0.8), (0.9, 0.3), (0.45, 0.7), (0.1, 0.1)];
        let changed = pairs.map(|(before, after)| Changed { change: Change::Grey, before: opinion(before), after: opinion(after) });
        let rows = summary([Looked { tiers: Vec::new(), changed: changed.to_vec() }].iter());
        assert_eq!(rows.len(), 1, "changes that were not tried have no row");
        let row = &rows[0];
        assert_eq!((row.name, row.images, row.sure_images), ("grey", 4, 3));
        assert!((row.mean_change - (10.0 + 60.0 + 25.0) / 4.0).abs() < 1e-9);
        assert!((row.flips - 0.5).abs() < 1e-9 && (row.flips_sure - 1.0 / 3.0).abs() < 1e-4);
    }

    #[test]
    fn every_change_gives_a_file_that_can_be_read() {
        let picture = RgbImage::from_fn(60, 40, |x, y| image::Rgb([x as u8 * 4, y as u8 * 6, 90]));
        let sizes = Change::ALL.map(|change| {
            let read = image::load_from_memory(&change.apply(&picture).expect("saved")).expect("an image");
            (read.width(), read.height())
        });
        assert_eq!(sizes, [(60, 40), (30, 20), (48, 32), (60, 40), (62, 50)]);
    }
}
