//! The model's local opinions: where in the picture it looked, and what it thought of that spot.

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
