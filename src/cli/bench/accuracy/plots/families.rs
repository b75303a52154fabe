//! How many images of each family are found: a bar for the kindest delivery, a mark for each of the others.

use std::path::Path;

use plotters::style::RGBColor;

use super::pen::{COLOURS, From, GRID, INK, MUTED, Pen, Place, png, widest, width};

/// One family.
pub(in crate::bench::accuracy) struct Row {
    pub(in crate::bench::accuracy) name: String,
    pub(in crate::bench::accuracy) images: usize,
    /// The share that is found, by delivery.
    pub(in crate::bench::accuracy) recall: Vec<f64>,
}

const PITCH: f64 = 22.0;
const ACROSS: f64 = 380.0;
const BAR: RGBColor = RGBColor(158, 200, 227);

pub(super) fn draw(path: &Path, deliveries: &[&str], mut rows: Vec<Row>) -> anyhow::Result<()> {
    rows.sort_by(|a, b| b.recall[0].total_cmp(&a.recall[0]).then_with(|| a.name.cmp(&b.name)));
    let left = widest(11.0, rows.iter().map(|row| row.name.as_str())).unwrap_or(120.0).max(60.0) + 28.0;
    let top = 74.0;
    let bottom = top + PITCH * rows.len() as f64;
    png(path, [left + ACROSS + 58.0, bottom + 44.0], |pen| {
        pen.text((16.0, 20.0), From::Left, 15.0, INK, "Found by family, pixels alone")?;
        legend(pen, (16.0, 46.0), deliveries)?;
        for step in 0..=5 {
            let x = left + ACROSS * f64::from(step) / 5.0;
            pen.line(&[(x, top), (x, bottom)], 0.75, GRID)?;
            pen.text((x, bottom + 11.0), From::Middle, 10.0, MUTED, &(step * 20).to_string())?;
        }
        pen.text((left + ACROSS / 2.0, bottom + 28.0), From::Middle, 11.0, MUTED, "AI images found, %")?;
        pen.text((left + ACROSS + 44.0, top - 10.0), From::Right, 10.0, MUTED, "images")?;
        rows.iter().enumerate().try_for_each(|(place, row)| family(pen, (left, top + PITCH * (place as f64 + 0.5)), row))
    })
}

fn family(pen: &Pen<'_>, at: Place, row: &Row) -> anyhow::Result<()> {
    let (left, y) = at;
    pen.text((left - 10.0, y), From::Right, 11.0, INK, &row.name)?;
    pen.fill((left, y - 6.5), (left + ACROSS * row.recall[0], y + 6.5), BAR)?;
    pen.line(&[(left, y - PITCH / 2.0), (left, y + PITCH / 2.0)], 1.0, MUTED)?;
    for (place, (recall, colour)) in row.recall.iter().zip(COLOURS).enumerate().skip(1) {
        // One a little below the other, so that equal shares do not hide each other.
        pen.diamond((left + ACROSS * recall, y + 4.5 * (place as f64 - 2.0)), 3.5, colour)?;
    }
    pen.text((left + ACROSS + 44.0, y), From::Right, 10.0, MUTED, &row.images.to_string())
}

fn legend(pen: &Pen<'_>, at: Place, deliveries: &[&str]) -> anyhow::Result<()> {
    let (mut x, y) = at;
    for (place, (name, colour)) in deliveries.iter().zip(COLOURS).enumerate() {
        if place == 0 {
            pen.fill((x, y - 5.0), (x + 18.0, y + 5.0), BAR)?;
        } else {
            pen.diamond((x + 12.0, y), 3.5, colour)?;
        }
        pen.text((x + 24.0, y), From::Left, 11.0, INK, name)?;
        x += 24.0 + width(11.0, name)? + 18.0;
    }
    Ok(())
}
