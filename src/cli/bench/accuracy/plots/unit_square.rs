//! Axes of two shares, both from 0 to 100 %: a light grid, numbers below and on the left, and a title for each.

use super::pen::{From, GRID, MUTED, Pen, Place};

/// Where the axes lie on the paper, in points.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitSquare {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) side: f64,
}

impl UnitSquare {
    /// The place of two shares, 0–1.
    pub(super) fn at(&self, x: f64, y: f64) -> Place {
        (self.left + x * self.side, self.top + (1.0 - y) * self.side)
    }

    /// Draws everything that is there before the data.
    pub(super) fn axes(&self, pen: &Pen<'_>, x_title: &str, y_title: &str) -> anyhow::Result<()> {
        for step in 0..=5 {
            let (share, label) = (f64::from(step) / 5.0, format!("{}", step * 20));
            pen.line(&[self.at(share, 0.0), self.at(share, 1.0)], 0.75, GRID)?;
            pen.line(&[self.at(0.0, share), self.at(1.0, share)], 0.75, GRID)?;
            let (below, beside) = (self.at(share, 0.0), self.at(0.0, share));
            pen.text((below.0, below.1 + 10.0), From::Middle, 10.0, MUTED, &label)?;
            pen.text((beside.0 - 6.0, beside.1), From::Right, 10.0, MUTED, &label)?;
        }
        let (below, above) = (self.at(0.5, 0.0), self.at(0.0, 1.0));
        pen.text((below.0, below.1 + 25.0), From::Middle, 11.0, MUTED, x_title)?;
        pen.text((above.0, above.1 - 12.0), From::Left, 11.0, MUTED, y_title)
    }

    /// The broken line from corner to corner: chance, or honesty.
    pub(super) fn diagonal(&self, pen: &Pen<'_>) -> anyhow::Result<()> {
        pen.dashes(self.at(0.0, 0.0), self.at(1.0, 1.0), 1.0, MUTED)
    }
}
