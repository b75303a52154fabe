//! Paper and pen for the plots: points instead of pixels, one font, few colours, the same look everywhere.
//!
//! Everything is drawn at four pixels a point and brought down to two, so that edges are smooth and a page
//! on a dense screen stays sharp. The paper is white, so that a plot reads alike on a light and on a dark page.

use std::{io::Cursor, path::Path};

use anyhow::Context;
use image::{RgbImage, codecs::png};
use plotters::{
    backend::BitMapBackend,
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, PathElement, Polygon, Rectangle, Text},
    style::{
        Color, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
use touchstone_pipeline::delivery;

/// Pixels of the drawing for one point.
const FINE: f64 = 4.0;
const FONT: &str = "plots";

pub(super) const INK: RGBColor = RGBColor(31, 36, 48);
pub(super) const MUTED: RGBColor = RGBColor(107, 114, 128);
pub(super) const GRID: RGBColor = RGBColor(229, 231, 235);
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Blue, green, orange, vermilion: told apart by every kind of eye (Okabe & Ito 2008).
pub(super) const COLOURS: [RGBColor; 4] = [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(230, 159, 0), RGBColor(213, 94, 0)];

/// A place on the paper, in points from the upper left corner.
pub(super) type Place = (f64, f64);

/// From where a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Left,
    Middle,
    Right,
    /// Upwards, beginning here.
    Below,
}

/// Draws on one plot.
pub(super) struct Pen<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Draws a plot of this size, in points, into a PNG file.
pub(super) fn png(path: &Path, size: [f64; 2], draw: impl FnOnce(&Pen<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(|_| anyhow::anyhow!("the plots' font cannot be read"))?;
    let [width, height] = size.map(|side| (side.ceil() * FINE) as u32);
    let mut fine =
        RgbImage::from_raw(width, height, vec![u8::MAX; width as usize * height as usize * 3]).context("the plot has no size")?;
    let area = BitMapBackend::with_buffer(&mut fine, (width, height)).into_drawing_area();
    draw(&Pen { area })?;
    let mut bytes = Cursor::new(Vec::new());
    delivery::half(&fine).write_with_encoder(png::PngEncoder::new_with_quality(
        &mut bytes,
        png::CompressionType::Best,
        png::FilterType::Adaptive,
    ))?;
    std::fs::write(path, bytes.into_inner()).with_context(|| format!("{} cannot be written", path.display()))
}

impl Pen<'_> {
    /// A filled rectangle from corner to corner.
    pub(super) fn fill(&self, from: Place, to: Place, colour: RGBColor) -> anyhow::Result<()> {
        Ok(self.area.draw(&Rectangle::new([fine(from), fine(to)], colour.filled()))?)
    }

    /// A line through all places, so many points wide.
    pub(super) fn line(&self, through: &[Place], width: f64, colour: RGBColor) -> anyhow::Result<()> {
        let through: Vec<_> = through.iter().map(|place| fine(*place)).collect();
        Ok(self.area.draw(&PathElement::new(through, colour.stroke_width((width * FINE).round() as u32)))?)
    }

    /// A broken straight line.
    pub(super) fn dashes(&self, from: Place, to: Place, width: f64, colour: RGBColor) -> anyhow::Result<()> {
        const DASH: f64 = 4.0;
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |done: f64| (from.0 + (to.0 - from.0) * done / length, from.1 + (to.1 - from.1) * done / length);
        let starts = (0..(length / (2.0 * DASH)).ceil() as u32).map(|dash| f64::from(dash) * 2.0 * DASH);
        starts.into_iter().try_for_each(|start| self.line(&[at(start), at((start + DASH).min(length))], width, colour))
    }

    /// A dot with a thin white rim.
    pub(super) fn dot(&self, at: Place, radius: f64, colour: RGBColor) -> anyhow::Result<()> {
        self.area.draw(&Circle::new(fine(at), ((radius + 0.75) * FINE) as i32, PAPER.filled()))?;
        Ok(self.area.draw(&Circle::new(fine(at), (radius * FINE) as i32, colour.filled()))?)
    }

    /// A diamond with a thin white rim.
    pub(super) fn diamond(&self, at: Place, radius: f64, colour: RGBColor) -> anyhow::Result<()> {
        let corners = |r: f64| [(at.0 - r, at.1), (at.0, at.1 - r), (at.0 + r, at.1), (at.0, at.1 + r)].map(fine).to_vec();
        self.area.draw(&Polygon::new(corners(radius + 1.0), PAPER.filled()))?;
        Ok(self.area.draw(&Polygon::new(corners(radius), colour.filled()))?)
    }

    /// A text whose middle line goes through the place.
    pub(super) fn text(&self, at: Place, from: From, size: f64, colour: RGBColor, text: &str) -> anyhow::Result<()> {
        let across = match from {
            From::Left | From::Below => HPos::Left,
            From::Middle => HPos::Center,
            From::Right => HPos::Right,
        };
        let style = style(size, from).color(&colour).pos(Pos::new(across, VPos::Center));
        // Letters without tails are centred, which is what the eye expects of a number beside its line.
        let down = size * 0.12;
        let at = if from == From::Below { (at.0 + down, at.1) } else { (at.0, at.1 + down) };
        Ok(self.area.draw(&Text::new(text.to_owned(), fine(at), style))?)
    }
}

/// How wide a text is, in points.
pub(super) fn width(size: f64, text: &str) -> anyhow::Result<f64> {
    let ((left, _), (right, _)) = style(size, From::Left).font.layout_box(text).context("the plots' font cannot be read")?;
    Ok(f64::from(right - left) / FINE)
}

/// How wide the widest of these texts is, in points.
pub(super) fn widest<'t>(size: f64, texts: impl Iterator<Item = &'t str>) -> anyhow::Result<f64> {
    texts.map(|text| width(size, text)).try_fold(0.0, |widest, width| Ok(f64::max(widest, width?)))
}

fn style(size: f64, from: From) -> TextStyle<'static> {
    let font = (FONT, size * FINE).into_font();
    if from == From::Below { font.transform(FontTransform::Rotate270).into() } else { font.into() }
}

fn fine(place: Place) -> (i32, i32) {
    ((place.0 * FINE).round() as i32, (place.1 * FINE).round() as i32)
}
