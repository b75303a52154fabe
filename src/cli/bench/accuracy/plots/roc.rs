//! The ROC curves of all deliveries in one plot: how many AI images are found, for how many real ones are flagged.

use std::path::Path;

use super::{
    super::statistics::Point,
    pen::{COLOURS, From, INK, MUTED, PAPER, png, widest},
    unit_square::UnitSquare,
};

/// One delivery's curve.
pub(in crate::bench::accuracy) struct Curve {
    pub(in crate::bench::accuracy) name: String,
    pub(in crate::bench::accuracy) auc: f64,
    pub(in crate::bench::accuracy) points: Vec<Point>,
}

pub(super) fn draw(path: &Path, curves: &[Curve]) -> anyhow::Result<()> {
    let square = UnitSquare { left: 46.0, top: 58.0, side: 380.0 };
    png(path, [446.0, 484.0], |pen| {
        pen.text((16.0, 20.0), From::Left, 15.0, INK, "Found against falsely flagged, pixels alone")?;
        square.axes(pen, "real images flagged, %", "AI images found, %")?;
        square.diagonal(pen)?;
        pen.dashes(square.at(0.05, 0.0), square.at(0.05, 1.0), 1.0, MUTED)?;
        let mark = square.at(0.05, 0.03);
        pen.text((mark.0 + 5.0, mark.1), From::Left, 9.5, MUTED, "5 %")?;
        // From cruel to kind, so that the first delivery lies on top.
        for (curve, colour) in curves.iter().zip(COLOURS).rev() {
            let places: Vec<_> = curve.points.iter().map(|(fpr, tpr)| square.at(*fpr, *tpr)).collect();
            pen.line(&places, 1.75, colour)?;
        }
        let labels: Vec<String> = curves.iter().map(|curve| format!("{}, AUC {:.3}", curve.name, curve.auc)).collect();
        let (row, wide) = (18.0, widest(11.0, labels.iter().map(String::as_str))? + 34.0);
        let (right, bottom) = square.at(0.97, 0.04);
        let (left, top) = (right - wide, bottom - row * labels.len() as f64);
        pen.fill((left - 8.0, top - 4.0), (right + 4.0, bottom + 4.0), PAPER)?;
        for (place, (label, colour)) in labels.iter().zip(COLOURS).enumerate() {
            let y = top + row * (place as f64 + 0.5);
            pen.line(&[(left, y), (left + 22.0, y)], 2.5, colour)?;
            pen.text((left + 30.0, y), From::Left, 11.0, INK, label)?;
        }
        Ok(())
    })
}
