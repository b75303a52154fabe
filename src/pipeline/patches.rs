//! The model's local opinions: where in the picture it looked, and what it thought of that spot.

use crate::{infer::Scores, views::Layout};

/// One spot of the picture, in pixels of the upright original, and the model's logit for it (above 0: generated).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Natural-log odds of "generated".
    pub logit: f32,
}

/// Every patch of one picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatchGrid {
    /// In no particular order; squares may overlap and need not cover the picture.
    pub patches: Vec<Patch>,
}

impl PatchGrid {
    /// Puts views' patch logits back where their squares lay; a view without patches adds none.
    pub fn new<'a>(views: impl IntoIterator<Item = (&'a Layout, &'a Scores)>) -> Self {
        Self { patches: views.into_iter().flat_map(|(layout, scores)| placed(layout, scores)).collect() }
    }
}

fn placed(layout: &Layout, scores: &Scores) -> impl Iterator<Item = Patch> {
    let (rows, columns) = (scores.rows.max(1), scores.columns.max(1));
    let ([across, down], [wide, high]) = (layout.pixel(), layout.square);
    let [width, height] = [across * wide as f32 / columns as f32, down * high as f32 / rows as f32];
    let squares = layout.squares.iter().zip(scores.patches.chunks_exact(rows * columns));
    squares.flat_map(move |([left, top], logits)| {
        let x = layout.part[0] as f32 + *left as f32 * across;
        let y = layout.part[1] as f32 + *top as f32 * down;
        logits.iter().enumerate().map(move |(index, logit)| Patch {
            x: x + (index % columns) as f32 * width,
            y: y + (index / columns) as f32 * height,
            width,
            height,
            logit: *logit,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_lie_in_original_pixels() {
        // The right half of a 400×100 picture, halved, shows one square of 50 with 2×2 patches at its right end.
        let layout = Layout { part: [200, 0, 200, 100], scaled: [100, 50], square: [50, 50], squares: vec![[50, 0]] };
        let scores = Scores { image: vec![0.0], patches: vec![1.0, 2.0, 3.0, 4.0], rows: 2, columns: 2, ..Scores::default() };
        let plain = (Layout { square: [9, 9], ..layout.clone() }, Scores::default());
        let grid = PatchGrid::new([(&layout, &scores), (&plain.0, &plain.1)]);
        assert_eq!(grid.patches[3], Patch { x: 350.0, y: 50.0, width: 50.0, height: 50.0, logit: 4.0 });
        assert_eq!((grid.patches.len(), grid.patches[0].x, grid.patches[1].y), (4, 300.0, 0.0));
    }
}
