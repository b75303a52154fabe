//! Where the network runs. [`Infer`] is the face; [`Onnx`] runs it in this process, on owner threads behind a bounded queue.
//!
//! One picture is one request, all its views together: it is admitted or refused as a whole, before any of it was computed.

mod onnx;
mod runtime;
mod workers;

pub use onnx::Onnx;

/// One view of one picture: squares, normalised, ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Which view of the card.
    pub view: usize,
    /// Side of a square, in pixels.
    pub side: usize,
    /// `squares × 3 × side × side`, planes of R, G, B.
    pub pixels: Vec<f32>,
}

impl Batch {
    /// How many squares it holds.
    #[must_use]
    pub fn squares(&self) -> usize {
        self.pixels.len() / (3 * self.side * self.side).max(1)
    }
}

/// What the network says about one [`Batch`]: logits, above 0 for "generated".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// One a square.
    pub image: Vec<f32>,
    /// `squares × rows × columns`, row by row: where in the square it saw what.
    pub patches: Vec<f32>,
    /// Patch rows of one square.
    pub rows: usize,
    /// Patch columns of one square.
    pub columns: usize,
}

/// Why the network gave no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// Every session works and every place in the queue is taken.
    #[error("every place in the inference queue is taken")]
    Busy,
    /// The runtime failed, or answered in another shape than the card promises.
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
