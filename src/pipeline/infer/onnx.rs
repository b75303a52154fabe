//! The model's networks on ONNX Runtime, in this process.

use std::{sync::Arc, thread};

use ort::{
    environment::Environment,
    session::{Session, SessionOutputs},
    value::TensorRef,
};

use super::{
    Batch, Infer, InferError, Scores, runtime,
    workers::{Engine, Workers},
};
use crate::{model::ModelCard, open::OpenError, settings::Settings};

const INPUT: &str = "pixels";
const OUTPUTS: [&str; 2] = ["image_logit", "patch_logits"];

/// The model on `pipeline.inference.threads` owner threads, each with its own session for every view and one compute thread,
/// so that pictures, not the squares of one picture, share the cores.
pub struct Onnx {
    workers: Workers,
    threads: usize,
}

impl Onnx {
    /// Loads the runtime and the weights, and starts the threads.
    ///
    /// # Errors
    /// When the library or a weights file is missing, is another one than the card says, or does not fit.
    pub fn open(settings: &Settings, card: &ModelCard) -> Result<Self, OpenError> {
        let environment = runtime::environment(settings)?;
        let weights = card.views.iter().map(|view| card.weights(view)).collect::<Result<Vec<_>, _>>()?;
        let (card, weights) = (card.clone(), Arc::new(weights));
        let threads = threads(settings);
        let workers = Workers::start(threads, settings.inference.queue, move || Sessions::open(&environment, &card, &weights))?;
        Ok(Self { workers, threads })
    }

    /// How many pictures it works on at the same time.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }
}

impl Infer for Onnx {
    fn infer(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        self.workers.ask(batches)
    }
}

fn threads(settings: &Settings) -> usize {
    match settings.inference.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

/// One session for each view.
struct Sessions(Vec<Session>);

impl Sessions {
    fn open(environment: &Environment, card: &ModelCard, weights: &[Vec<u8>]) -> Result<Self, OpenError> {
        let open = |(view, bytes): (&crate::model::View, &Vec<u8>)| {
            session(environment, bytes)
                .and_then(fits)
                .map_err(|reason| OpenError::WeightsUnfit { path: card.folder.join(&view.file), reason })
        };
        Ok(Self(card.views.iter().zip(weights).map(open).collect::<Result<_, _>>()?))
    }
}

fn session(environment: &Environment, weights: &[u8]) -> Result<Session, String> {
    let builder = Session::builder(environment).map_err(|error| error.to_string())?;
    let mut builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
    builder.commit_from_memory(weights).map_err(|error| error.to_string())
}

fn fits(session: Session) -> Result<Session, String> {
    let names = |outlets: &[ort::value::Outlet]| outlets.iter().map(|outlet| outlet.name().to_owned()).collect::<Vec<_>>();
    let (inputs, outputs) = (names(session.inputs()), names(session.outputs()));
    if inputs == [INPUT] && OUTPUTS.iter().all(|wanted| outputs.iter().any(|name| name == wanted)) {
        return Ok(session);
    }
    Err(format!("its inputs are {inputs:?} and its outputs {outputs:?}"))
}

impl Engine for Sessions {
    /// One square at a time: a square's logits then cannot depend on its neighbours, and the working memory is one square's.
    fn run(&mut self, batch: Batch) -> Result<Scores, InferError> {
        let session = self.0.get_mut(batch.view).ok_or_else(|| InferError::Failed(format!("there is no view {}", batch.view)))?;
        let mut scores = Scores::default();
        for square in batch.pixels.chunks_exact(3 * batch.side * batch.side) {
            run_one(session, batch.side, square, &mut scores).map_err(|error| InferError::Failed(error.to_string()))?;
        }
        Ok(scores)
    }
}

fn run_one(session: &mut Session, side: usize, square: &[f32], scores: &mut Scores) -> ort::Result<()> {
    let pixels = TensorRef::from_array_view(([1, 3, side, side], square))?;
    let outputs = session.run(ort::inputs![INPUT => pixels])?;
    append(&outputs, scores)
}

/// Appends one square's outputs.
fn append(outputs: &SessionOutputs<'_>, scores: &mut Scores) -> ort::Result<()> {
    let (_, image) = outputs[OUTPUTS[0]].try_extract_tensor::<f32>()?;
    let (shape, patches) = outputs[OUTPUTS[1]].try_extract_tensor::<f32>()?;
    let finite = image.iter().chain(patches).all(|logit| logit.is_finite());
    match (image, &shape[..]) {
        ([logit], &[1, rows, columns]) if finite && rows > 0 && columns > 0 => {
            scores.image.push(*logit);
            scores.patches.extend_from_slice(patches);
            (scores.rows, scores.columns) = (rows as usize, columns as usize);
            Ok(())
        }
        _ => Err(ort::Error::new(format!("unusable outputs: {} image logits, patches {shape:?}, all finite: {finite}", image.len()))),
    }
}
