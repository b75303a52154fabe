//! Where the networks run. [`Infer`] is the face; [`Workers`] are the threads and the bounded queue behind it, whatever an [`Engine`]
//! of theirs is: [`embedded`] sessions of ONNX Runtime in this process, or a connection to a server of the `net` crate.
//!
//! One look at a picture is one request, all its views together: it is admitted or refused as a whole, before any of it was computed.

mod onnx;
mod read;
mod runtime;
mod workers;

pub use onnx::open as embedded;
pub use read::Tensor;
pub use workers::{Engine, Workers};

use crate::model::{ModelCard, View};

/// One view of one picture: squares, normalised, ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Which view of the card.
    pub view: usize,
    /// Of a square, in pixels.
    pub height: usize,
    /// Of a square, in pixels.
    pub width: usize,
    /// `squares × 3 × height × width`, planes of R, G, B.
    pub pixels: Vec<f32>,
}

impl Batch {
    /// One grey square of the smallest size that a view shows: what an engine tries once, before the first picture.
    #[must_use]
    pub fn trial(index: usize, view: &View) -> Self {
        let [width, height] = view.cut.smallest().map(|side| side as usize);
        Self { view: index, height, width, pixels: vec![0.0; 3 * width * height] }
    }

    /// How many numbers one square has.
    #[must_use]
    pub const fn square(&self) -> usize {
        3 * self.height * self.width
    }

    /// How many squares it holds.
    #[must_use]
    pub fn squares(&self) -> usize {
        self.pixels.len() / self.square().max(1)
    }
}

/// What the network says about one [`Batch`]: logits, above 0 for "generated".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// One a square.
    pub image: Vec<f32>,
    /// `squares × rows × columns`, row by row: where in the square it saw what. Empty where the view is no part of the heatmap.
    pub patches: Vec<f32>,
    /// Patch rows of one square.
    pub rows: usize,
    /// Patch columns of one square.
    pub columns: usize,
    /// `squares × families` of the card. Empty where the network does not say.
    pub families: Vec<f32>,
    /// `squares × kinds` of the card. Empty where the network does not say.
    pub kinds: Vec<f32>,
}

/// Why the network gave no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// Every session works and every place in the queue is taken.
    #[error("every place in the inference queue is taken")]
    Busy,
    /// The runtime or the server failed, or answered in another shape than the card promises.
    #[error("the model failed: {0}")]
    Failed(String),
}

/// A place that runs the model's networks.
pub trait Infer: Send + Sync {
    /// Scores the views of one picture, in the order given. Blocks until all are scored. The scores of a square do not
    /// depend on what else is in the batch or in the queue.
    ///
    /// # Errors
    /// [`InferError::Busy`] at once when the queue is full; [`InferError::Failed`] when the runtime fails.
    fn infer(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError>;
}

/// Has an engine judge one grey square of each view, so that what does not fit the card is found at the start and not by a picture.
///
/// # Errors
/// The place of the view that does not work, and why.
pub fn try_once(engine: &mut impl Engine, card: &ModelCard) -> Result<(), (usize, String)> {
    for (index, view) in card.views.iter().enumerate() {
        match engine.run(Batch::trial(index, view)) {
            Ok(_) => {}
            Err(InferError::Failed(reason)) => return Err((index, reason)),
            Err(error @ InferError::Busy) => return Err((index, error.to_string())),
        }
    }
    Ok(())
}
