//! Which family was taken for which: a row for each true family, shaded by the share of its images; the numbers are images.

use std::path::Path;

use plotters::style::RGBColor;

use super::{
    super::attribution::Confusion,
    pen::{COLOURS, From, GRID, INK, MUTED, PAPER, png, widest},
};

const CELL: f64 = 24.0;

pub(super) fn draw(path: &Path, delivery: &str, confusion: &Confusion) -> anyhow::Result<()> {
    let Confusion { rows, columns, counts } = confusion;
    let long = widest(10.0, rows.iter().chain(columns).map(String::as_str)).unwrap_or(100.0);
    let (left, top) = (long + 40.0, long + 66.0);
    let (right, bottom) = (left + CELL * columns.len() as f64, top + CELL * rows.len() as f64);
    png(path, [(right + 24.0).max(380.0), bottom + 24.0], |pen| {
        pen.text((16.0, 20.0), From::Left, 15.0, INK, &format!("Which family made it, delivery {delivery}"))?;
        pen.text((16.0, 40.0), From::Left, 10.0, MUTED, "rows: made by; columns: the model's first guess")?;
        for (column, name) in columns.iter().enumerate() {
            pen.text((left + CELL * (column as f64 + 0.5), top - 8.0), From::Below, 10.0, INK, name)?;
        }
        for (place, (name, counts)) in rows.iter().zip(counts).enumerate() {
            let (y, total) = (top + CELL * place as f64, counts.iter().sum::<usize>().max(1));
            pen.text((left - 8.0, y + CELL / 2.0), From::Right, 10.0, INK, name)?;
            for (column, count) in counts.iter().enumerate() {
                let (x, share) = (left + CELL * column as f64, *count as f64 / total as f64);
                let right_guess = columns[column] == *name;
                pen.fill(
                    (x + 0.5, y + 0.5),
                    (x + CELL - 0.5, y + CELL - 0.5),
                    if right_guess && *count == 0 { GRID } else { shade(share) },
                )?;
                if *count > 0 {
                    let ink = if share > 0.55 { PAPER } else { INK };
                    pen.text((x + CELL / 2.0, y + CELL / 2.0), From::Middle, 9.5, ink, &count.to_string())?;
                }
            }
        }
        Ok(())
    })
}

/// From nearly white to blue.
fn shade(share: f64) -> RGBColor {
    let none = RGBColor(246, 247, 249);
    let mixed = |none: u8, all: u8| (f64::from(none) + (f64::from(all) - f64::from(none)) * share).round() as u8;
    RGBColor(mixed(none.0, COLOURS[0].0), mixed(none.1, COLOURS[0].1), mixed(none.2, COLOURS[0].2))
}
