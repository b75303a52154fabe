//! A vision model behind the OpenAI API's `/chat/completions`, asked to remark on a picture (row T9).
//!
//! Whatever goes wrong becomes one line for the log. What it answers is only parsed here: whether it may be said is for the pipeline.

use std::time::Duration;

use reqwest::{Client, Response, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use touchstone_pipeline::{
    analysis::wording::{Answer, Wording},
    settings::Analysis,
};
use url::Url;

use touchstone_core::causes::chain;

mod protocol;
#[cfg(test)]
mod tests;

/// Most bytes of an answer: hundreds of times what the remarks may have.
const MOST_BYTES: usize = 256 << 10;

/// What is wrong with `[analysis]`.
#[derive(Debug, thiserror::Error)]
#[error("analysis.{key} {reason}")]
pub struct WrongSettings {
    key: &'static str,
    reason: String,
}

/// One server and one of its models.
struct VisionModel {
    url: Url,
    model: String,
    max_tokens: u32,
    longest: Duration,
    key: SecretString,
    client: Client,
}

/// The model that the settings name; `None` when they name no server.
///
/// rustls' default crypto provider must have been installed.
///
/// # Errors
/// When the settings are wrong.
pub fn open(settings: &Analysis) -> Result<Option<impl Wording + 'static>, WrongSettings> {
    if settings.base_url.is_empty() {
        return Ok(None);
    }
    let wrong = |key, reason: &str| WrongSettings { key, reason: reason.to_owned() };
    let url = Url::parse(&settings.base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut url = url.ok_or_else(|| wrong("base_url", "must be http://host:port/v1 or https://host/v1"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("base_url", "must hold no user, password or query; api_key is sent as a bearer token"));
    }
    let counts = [
        ("timeout_seconds", settings.timeout_seconds == 0),
        ("max_side", settings.max_side == 0),
        ("max_tokens", settings.max_tokens == 0),
    ];
    if let Some((key, _)) = counts.into_iter().find(|(_, is_zero)| *is_zero) {
        return Err(wrong(key, "must be 1 or more"));
    }
    if settings.model.is_empty() {
        return Err(wrong("model", "is empty; it must name one of the server's models"));
    }
    url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(["chat", "completions"]);
    // No redirects and no proxy of the environment: pictures and key go to the named server or nowhere.
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().map_err(|error| wrong("base_url", &chain(&error)))?;
    let longest = Duration::from_secs(settings.timeout_seconds);
    Ok(Some(VisionModel {
        url,
        model: settings.model.clone(),
        max_tokens: settings.max_tokens,
        longest,
        key: settings.api_key.clone(),
        client,
    }))
}

impl Wording for VisionModel {
    fn remark(&self, jpeg: Vec<u8>, within: Duration) -> Answer<'_> {
        Box::pin(async move {
            let body = protocol::request(&self.model, self.max_tokens, &jpeg);
            let mut request = self.client.post(self.url.clone()).timeout(within.min(self.longest)).json(&body);
            if !self.key.expose_secret().is_empty() {
                request = request.bearer_auth(self.key.expose_secret());
            }
            let response = request.send().await.map_err(|error| format!("it did not answer: {}", chain(&error.without_url())))?;
            let status = response.status();
            if !status.is_success() {
                return Err(format!("it answered {status}"));
            }
            protocol::remarks(&read(response).await?)
        })
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| format!("it broke off its answer: {}", chain(&error.without_url())))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(format!("it answered with more than {} KB", MOST_BYTES >> 10));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
