//! What is claimed against what is true, a panel for each delivery: an honest model's dots lie on the broken line. Below each
//! panel stands how many images every dot rests on; the whiskers are 95 % intervals of the shares.

use std::path::Path;

use super::{
    super::statistics::{Bin, wilson},
    pen::{COLOURS, From, INK, MUTED, Pen, Place, png},
    unit_square::UnitSquare,
};

/// One delivery's calibration.
pub(in crate::bench::accuracy) struct Panel<'a> {
    pub(in crate::bench::accuracy) name: &'a str,
    pub(in crate::bench::accuracy) ece: f64,
    pub(in crate::bench::accuracy) bins: &'a [Bin],
}

const SIDE: f64 = 240.0;
const COUNTS: f64 = 40.0;
const PITCH: [f64; 2] = [SIDE + 76.0, SIDE + COUNTS + 106.0];

pub(super) fn draw(path: &Path, panels: &[Panel<'_>]) -> anyhow::Result<()> {
    let columns = panels.len().min(2);
    let rows = panels.len().div_ceil(2);
    png(path, [PITCH[0] * columns as f64 + 4.0, PITCH[1] * rows as f64 + 40.0], |pen| {
        pen.text((16.0, 20.0), From::Left, 15.0, INK, "What the pixels' score means")?;
        panels.iter().zip(COLOURS).enumerate().try_for_each(|(place, (one, colour))| {
            let corner = (PITCH[0] * (place % 2) as f64, 40.0 + PITCH[1] * (place / 2) as f64);
            panel(pen, corner, one, colour)
        })
    })
}

fn panel(pen: &Pen<'_>, corner: Place, panel: &Panel<'_>, colour: plotters::style::RGBColor) -> anyhow::Result<()> {
    let square = UnitSquare { left: corner.0 + 52.0, top: corner.1 + 42.0, side: SIDE };
    pen.text(
        (square.left, corner.1 + 10.0),
        From::Left,
        12.0,
        INK,
        &format!("{}: off by {:.1} points on average", panel.name, panel.ece * 100.0),
    )?;
    square.axes(pen, "", "are AI, %")?;
    square.diagonal(pen)?;
    let filled: Vec<&Bin> = panel.bins.iter().filter(|bin| bin.images > 0).collect();
    let dots: Vec<Place> = filled.iter().map(|bin| square.at(bin.score, bin.ai)).collect();
    for (bin, dot) in filled.iter().zip(&dots) {
        let [low, high] = wilson(bin.ai, bin.images).map(|share| square.at(bin.score, share).1);
        pen.line(&[(dot.0, low), (dot.0, high)], 1.25, colour)?;
    }
    pen.line(&dots, 1.5, colour)?;
    dots.iter().try_for_each(|dot| pen.dot(*dot, 3.5, colour))?;
    counts(pen, &square, panel.bins)
}

/// Bars that hang below the axis, each with its number.
fn counts(pen: &Pen<'_>, square: &UnitSquare, bins: &[Bin]) -> anyhow::Result<()> {
    let most = bins.iter().map(|bin| bin.images).max().unwrap_or(0).max(1) as f64;
    let bottom = square.top + SIDE + 24.0 + COUNTS;
    for bin in bins {
        let (from, to) = (square.at(bin.from, 0.0).0 + 2.0, square.at(bin.to, 0.0).0 - 2.0);
        let top = bottom - (COUNTS - 12.0) * bin.images as f64 / most;
        pen.fill((from, top), (to, bottom), plotters::style::RGBColor(209, 213, 219))?;
        pen.text((f64::midpoint(from, to), top - 7.0), From::Middle, 8.5, MUTED, &bin.images.to_string())?;
    }
    let middle = square.at(0.5, 0.0).0;
    pen.text((middle, bottom + 13.0), From::Middle, 11.0, MUTED, "claimed, %; bars: images")
}
