//! The contract of a stage: look at a decoded picture, say what you saw. No I/O, no clock, same answer for the same bytes.

use touchstone_core::finding::{Finding, Stage};

use crate::picture::Picture;

/// Something that looks at a picture.
pub trait Look: Send + Sync {
    /// Which stage speaks.
    fn stage(&self) -> Stage;

    /// Says what it sees. A stage that fails says so with [`Finding::could_not_look`]; it never panics on odd pixels.
    fn look(&self, picture: &Picture) -> Finding;
}
