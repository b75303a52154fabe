//! One inference server: its address, its token, and requests whose every failure is told with the address and what came of it.

use std::{io::Read, time::Duration};

use reqwest::{
    blocking::{Client, RequestBuilder},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use touchstone_pipeline::{open::OpenError, settings::Remote};
use url::Url;

use touchstone_core::causes::chain;

/// Most bytes of an answer: hundreds of times what the largest picture's patches take.
const MOST_BYTES: u64 = 64 << 20;

/// A connection that nobody used for so long is not used again: servers close theirs soon after (uvicorn after 5 seconds).
const IDLE: Duration = Duration::from_secs(4);

/// How much of an error's body is repeated.
const REPEATED: usize = 300;

/// The server that the settings name.
pub(super) struct Server {
    pub(super) url: Url,
    client: Client,
    token: SecretString,
}

impl Server {
    pub(super) fn new(remote: &Remote) -> Result<Self, OpenError> {
        let wrong = |key, reason: String| OpenError::RemoteSettings { key, reason };
        let url = Url::parse(&remote.url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| wrong("url", format!("is \"{}\"; it must be http://host:port or https://…", remote.url)))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("url", "must hold no user, password or query; `token` is sent as a bearer token".into()));
        }
        if remote.timeout_seconds == 0 {
            return Err(wrong("timeout_seconds", "must be 1 or more".into()));
        }
        // No redirects and no proxy of the environment: pictures and token go to the named server or nowhere.
        let client = Client::builder().timeout(Duration::from_secs(remote.timeout_seconds)).redirect(Policy::none()).no_proxy();
        let client = client.pool_idle_timeout(IDLE).build().map_err(|error| wrong("url", chain(&error)))?;
        Ok(Self { url, client, token: remote.token.clone() })
    }

    /// An address of the protocol, such as `health/ready`.
    pub(super) fn address(&self, path: &str) -> Url {
        below(&self.url, ["v2"].into_iter().chain(path.split('/')))
    }

    /// The address of a model: `name`, or `name/versions/V`.
    pub(super) fn model(&self, name: &str) -> Result<Url, OpenError> {
        let parts: Vec<&str> = name.split('/').collect();
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        match parts[..] {
            [model] | [model, "versions", _] if plain(model) && parts.iter().all(|part| plain(part)) => {
                Ok(self.address(&format!("models/{name}")))
            }
            _ => {
                let reason = format!("has \"{name}\"; a model is \"name\" or \"name/versions/V\"");
                Err(OpenError::RemoteSettings { key: "models", reason })
            }
        }
    }

    pub(super) fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        self.send(url, self.client.get(url.clone()))
    }

    pub(super) fn post(&self, url: &Url, json: Vec<u8>) -> Result<Vec<u8>, String> {
        self.send(url, self.client.post(url.clone()).header("content-type", "application/json").body(json))
    }

    fn send(&self, url: &Url, request: RequestBuilder) -> Result<Vec<u8>, String> {
        let token = self.token.expose_secret();
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let response = request.send().map_err(|error| format!("{url} did not answer: {}", chain(&error.without_url())))?;
        let status = response.status();
        let mut body = Vec::new();
        let read = response.take(MOST_BYTES + 1).read_to_end(&mut body);
        if !status.is_success() {
            let said: String = String::from_utf8_lossy(&body).chars().take(REPEATED).collect();
            return Err(format!("{url} answered {status}: {said}"));
        }
        read.map_err(|error| format!("{url} broke off its answer: {}", chain(&error)))?;
        if body.len() as u64 > MOST_BYTES {
            return Err(format!("{url} answered with more than {} MB", MOST_BYTES >> 20));
        }
        Ok(body)
    }
}

/// A longer address.
pub(super) fn below<'a>(url: &Url, path: impl IntoIterator<Item = &'a str>) -> Url {
    let mut longer = url.clone();
    longer.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(path);
    longer
}
