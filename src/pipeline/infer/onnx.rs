//! The model's networks on ONNX Runtime, in this process.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use ort::{
    environment::Environment,
    session::{OutputSelector, RunOptions, Session, SessionOutputs},
    value::TensorRef,
};

use super::{
    Batch, InferError, Scores, Tensor, runtime, try_once,
    workers::{Engine, Workers},
};
use crate::{
    model::{ModelCard, View},
    open::OpenError,
    settings::Settings,
};

/// Loads the runtime and the weights, and starts `pipeline.inference.threads` owner threads, each with its own session for every
/// file of weights and one compute thread, so that pictures, not the squares of one picture, share the cores.
///
/// # Errors
/// When the library or a weights file is missing, is another one than the card says, or does not fit.
pub fn open(settings: &Settings, card: &ModelCard) -> Result<Workers, OpenError> {
    let environment = runtime::environment(settings)?;
    let mut weights = BTreeMap::new();
    for view in &card.views {
        weights.insert(view.file.clone(), card.weights(view)?);
    }
    let (card, weights) = (Arc::new(card.clone()), Arc::new(weights));
    Workers::start(&settings.inference, move || Sessions::open(&environment, &card, &weights))
}

/// One session for each file; views that name the same file share it.
struct Sessions {
    sessions: BTreeMap<String, Session>,
    card: Arc<ModelCard>,
}

impl Sessions {
    fn open(environment: &Environment, card: &Arc<ModelCard>, weights: &BTreeMap<String, Vec<u8>>) -> Result<Self, OpenError> {
        let unfit = |file: &str, reason: String| OpenError::WeightsUnfit { path: card.folder.join(file), reason };
        let mut sessions = BTreeMap::new();
        for (file, bytes) in weights {
            sessions.insert(file.clone(), session(environment, bytes).map_err(|reason| unfit(file, reason))?);
        }
        for view in &card.views {
            fits(&sessions[&view.file], view).map_err(|reason| unfit(&view.file, reason))?;
        }
        let mut opened = Self { sessions, card: Arc::clone(card) };
        try_once(&mut opened, card).map_err(|(view, reason)| {
            let view = &card.views[view];
            unfit(&view.file, format!("view \"{}\": {reason}", view.name))
        })?;
        Ok(opened)
    }
}

fn session(environment: &Environment, weights: &[u8]) -> Result<Session, String> {
    let builder = Session::builder(environment).map_err(|error| error.to_string())?;
    let mut builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
    builder.commit_from_memory(weights).map_err(|error| error.to_string())
}

fn fits(session: &Session, view: &View) -> Result<(), String> {
    let names = |outlets: &[ort::value::Outlet]| outlets.iter().map(|outlet| outlet.name().to_owned()).collect::<Vec<_>>();
    let (inputs, outputs) = (names(session.inputs()), names(session.outputs()));
    if inputs == [view.input.as_str()] && view.outputs.names().all(|wanted| outputs.iter().any(|name| name == wanted)) {
        return Ok(());
    }
    let wanted: Vec<&str> = view.outputs.names().collect();
    Err(format!(
        "its inputs are {inputs:?} and its outputs {outputs:?}, but view \"{}\" names the input \"{}\" and the outputs {wanted:?}",
        view.name, view.input
    ))
}

impl Engine for Sessions {
    /// One square at a time: a square's logits then cannot depend on its neighbours, and the working memory is one square's.
    fn run(&mut self, batch: Batch) -> Result<Scores, InferError> {
        let found = self.card.views.get(batch.view).and_then(|view| Some((view, self.sessions.get_mut(&view.file)?)));
        let (view, session) = found.ok_or_else(|| InferError::Failed(format!("there is no view {}", batch.view)))?;
        let mut scores = Scores::default();
        for square in batch.pixels.chunks_exact(batch.square()) {
            run_one(session, view, [1, 3, batch.height, batch.width], square, &mut scores).map_err(InferError::Failed)?;
        }
        Ok(scores)
    }
}

fn run_one(session: &mut Session, view: &View, shape: [usize; 4], square: &[f32], scores: &mut Scores) -> Result<(), String> {
    let told = |error: ort::Error| error.to_string();
    let pixels = TensorRef::from_array_view((shape, square)).map_err(told)?;
    let wanted = view.outputs.names().fold(OutputSelector::no_default(), |outputs, name| outputs.with(name));
    let options = RunOptions::new().map_err(told)?.with_outputs(wanted);
    let outputs = session.run_with_options(ort::inputs![view.input.as_str() => pixels], &options).map_err(told)?;
    scores.append(view, 1, |name| tensor(&outputs, name))
}

fn tensor<'a>(outputs: &'a SessionOutputs<'_>, name: &str) -> Option<Tensor<'a>> {
    let (shape, values) = outputs.get(name)?.try_extract_tensor::<f32>().ok()?;
    let shape = shape.iter().map(|length| usize::try_from(*length).ok()).collect::<Option<Vec<_>>>()?;
    Some(Tensor { shape, values: Cow::Borrowed(values) })
}
