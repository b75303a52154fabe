//! Remote inference: the model's networks on a server that speaks the Open Inference Protocol, version 2, over REST.
//!
//! One request is one view of one picture: all its squares in one tensor of JSON numbers. Everything that the server may get
//! wrong becomes an error that names it; nothing of it ever becomes a verdict. Weights on the server are trusted, names and
//! shapes are compared with the card.

use std::sync::Arc;

use touchstone_pipeline::{
    Settings,
    infer::{Batch, Engine, InferError, Scores, Workers, try_once},
    model::{ModelCard, View},
    open::OpenError,
};
use url::Url;

mod protocol;
mod server;

use protocol::{Answer, Metadata, Request};
use server::Server;

/// Asks the server for the models that the card needs, has each judge one grey square, and starts the threads that ask it.
///
/// rustls' default crypto provider must have been installed. Blocks: not for an async thread.
///
/// # Errors
/// When the settings are wrong, the server is not ready, or its models do not fit the card.
pub fn open(settings: &Settings, card: &ModelCard) -> Result<Workers, OpenError> {
    let remote = &settings.inference.remote;
    if let Some(view) = remote.models.keys().find(|name| card.views.iter().all(|view| view.name != **name)) {
        let views: Vec<&str> = card.views.iter().map(|view| view.name.as_str()).collect();
        return Err(OpenError::RemoteSettings { key: "models", reason: format!("names the view \"{view}\"; the card has {views:?}") });
    }
    let server = Server::new(remote)?;
    server.get(&server.address("health/ready")).map_err(|reason| OpenError::RemoteUnready { url: server.url.to_string(), reason })?;
    let mut models = Vec::with_capacity(card.views.len());
    for view in &card.views {
        let usual = || format!("{}-{}", card.name.name, view.name);
        let model = server.model(&remote.models.get(&view.name).cloned().unwrap_or_else(usual))?;
        fits(&server, &model, view).map_err(|reason| OpenError::RemoteUnfit { url: model.to_string(), reason })?;
        models.push(model);
    }
    let connection = Connection { server: Arc::new(server), card: Arc::new(card.clone()), models: models.into() };
    try_once(&mut connection.clone(), card)
        .map_err(|(view, reason)| OpenError::RemoteUnfit { url: connection.models[view].to_string(), reason })?;
    Workers::start(&settings.inference, move || Ok(connection.clone()))
}

/// Whether a model takes and gives what the card says.
fn fits(server: &Server, model: &Url, view: &View) -> Result<(), String> {
    let bytes = server.get(model)?;
    let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|error| format!("its metadata cannot be read: {error}"))?;
    metadata.fits(view)
}

/// One thread's way to the server.
#[derive(Clone)]
struct Connection {
    server: Arc<Server>,
    card: Arc<ModelCard>,
    /// The models' addresses, in the order of the card's views.
    models: Arc<[Url]>,
}

impl Engine for Connection {
    fn run(&mut self, batch: Batch) -> Result<Scores, InferError> {
        let view = self.card.views.get(batch.view).ok_or_else(|| InferError::Failed(format!("there is no view {}", batch.view)))?;
        let url = server::below(&self.models[batch.view], ["infer"]);
        let told = |reason: String| InferError::Failed(format!("{url}: {reason}"));
        let request = serde_json::to_vec(&Request::new(view, &batch)).map_err(|error| told(error.to_string()))?;
        let bytes = self.server.post(&url, request).map_err(InferError::Failed)?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| told(format!("its answer cannot be read: {error}")))?;
        let mut scores = Scores::default();
        scores.append(view, batch.squares(), |name| answer.tensor(name)).map_err(told)?;
        Ok(scores)
    }
}

#[cfg(test)]
mod tests;
