//! Fetching a URL that a stranger chose (row X9), so that it leads out into the public internet or nowhere.
//!
//! What stands in the URL is checked before each request (`target`), what its name resolves to before each connection
//! (`resolve`): the connection goes to the addresses that were checked and to no other, since nobody asks a second time and no
//! connection is used twice. Redirects are followed by hand, each one checked like the first. Nothing of the caller travels along: no
//! header, no cookie, no referrer. Bodies are taken as they come, never decompressed, and no more of them than asked for.
//! Content types are not believed, so they are not even looked at: the caller reads the bytes.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Response, header, redirect::Policy};
use secrecy::ExposeSecret;
use thiserror::Error;
use url::Url;

mod address;
mod resolve;
mod settings;
mod target;

use address::Addresses;
use resolve::Guarded;
pub use settings::Settings;
pub(crate) use target::Rules;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// The only word about us that a stranger's server hears.
const USER_AGENT: &str = concat!("Touchstone/", env!("CARGO_PKG_VERSION"));

/// Why nothing was fetched: for the log. Never for the caller, who could map a network with it; and it holds no URL, which may hold a secret.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Neither http nor https.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// Longer than servers take.
    #[error("the URL is too long")]
    Long,
    /// A user name or a password stands in the URL.
    #[error("there are credentials in the URL")]
    Credentials,
    /// The URL's port is none of `fetch.ports`.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// A host that is never fetched: our own, or one whose URLs mean uploads.
    #[error("the host is one that is never fetched")]
    Ours,
    /// The host is an address that is not public.
    #[error(transparent)]
    NotPublic(#[from] address::NotPublic),
    /// From https back to http.
    #[error("a redirect leads from https to http")]
    Downgrade,
    /// A redirect without a place to go to.
    #[error("a redirect names no URL")]
    Lost,
    /// Too many redirects, or a circle of them.
    #[error("more than {MOST_REDIRECTS} redirects")]
    Redirects,
    /// Any answer but 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// More bytes than asked for.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// The time was over.
    #[error("not done within {0} s")]
    Slow(u64),
    /// The name, the connection or the transfer failed.
    #[error("the request failed")]
    Failed(#[source] reqwest::Error),
}

/// Why fetching cannot be set up.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A setting makes no sense.
    #[error("{key} {reason}")]
    Setting {
        /// Which one.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no TLS client, usually for want of root certificates.
    #[error("no HTTPS client can be made; install the system's root certificates (ca-certificates), or name a file in fetch.ca_file")]
    Client(#[source] reqwest::Error),
}

/// Fetches foreign URLs. A clone is another handle.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    rules: Arc<Rules>,
    within: Duration,
}

impl Fetcher {
    /// Sets fetching up; asks nothing of the network. URLs of the `never` hosts are refused, in redirects as well.
    ///
    /// rustls' default crypto provider must have been installed.
    ///
    /// # Errors
    /// When a setting makes no sense, or there are no root certificates.
    pub fn open(settings: &Settings, never: &[String]) -> Result<Self, OpenError> {
        let never = never.iter().map(|host| host.to_ascii_lowercase()).collect();
        let (client, rules) = guarded(settings, ("fetch.allow", &settings.allow), Some(settings.ports.clone()), never)?;
        Ok(Self { client, rules: Arc::new(rules), within: Duration::from_secs(settings.seconds) })
    }

    /// The bytes behind a URL, at most `most` of them.
    ///
    /// # Errors
    /// When the URL or one that it redirects to is not allowed, or anything else than the bytes comes back in time.
    pub async fn fetch(&self, url: Url, most: u64) -> Result<Bytes, FetchError> {
        let fetched = tokio::time::timeout(self.within, self.follow(url, most)).await;
        fetched.unwrap_or_else(|_| Err(FetchError::Slow(self.within.as_secs())))
    }

    async fn follow(&self, mut url: Url, most: u64) -> Result<Bytes, FetchError> {
        for _ in 0..=MOST_REDIRECTS {
            self.rules.check(&url)?;
            let answer = self.client.get(url.clone()).send().await.map_err(failed)?;
            match answer.status().as_u16() {
                200 => return body(answer, most).await,
                301 | 302 | 303 | 307 | 308 => url = next(&url, &answer)?,
                other => return Err(FetchError::Status(other)),
            }
        }
        Err(FetchError::Redirects)
    }
}

/// A client that connects to nothing but public addresses and those that the setting `allow` names, and the rules that must be asked
/// about a URL before each request: `ports` that it may name (`None`: any), and hosts that it never may.
pub(crate) fn guarded(
    settings: &Settings,
    (key, allow): (&'static str, &[String]),
    ports: Option<Vec<u16>>,
    never: Vec<String>,
) -> Result<(Client, Rules), OpenError> {
    let addresses = Addresses::parse(allow).map_err(|reason| OpenError::Setting { key, reason })?;
    let proxy = settings.proxy.expose_secret();
    let rules = Rules { ports, addresses: addresses.clone(), never, proxied: !proxy.is_empty() };
    let client = if rules.proxied {
        let wrong = |error: reqwest::Error| OpenError::Setting {
            key: "fetch.proxy",
            reason: format!("is no URL of a proxy: {}", error.without_url()),
        };
        plain(settings).proxy(Proxy::all(proxy).map_err(wrong)?)
    } else {
        let guarded = Guarded::open(&settings.nameservers, addresses);
        let guarded = guarded.map_err(|reason| OpenError::Setting { key: "fetch.nameservers", reason })?;
        plain(settings).no_proxy().dns_resolver(guarded)
    };
    let client = client.tls_certs_merge(extra_roots(&settings.ca_file)?).build().map_err(OpenError::Client)?;
    Ok((client, rules))
}

/// A client that does nothing by itself: no redirects, no second use of a connection, no decompression, one version of HTTP. An
/// answer's head is bounded by hyper: 100 headers, 400 KB.
fn plain(settings: &Settings) -> ClientBuilder {
    let headers = [(header::ACCEPT, "image/*, */*;q=0.1"), (header::ACCEPT_ENCODING, "identity")];
    Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers.into_iter().map(|(name, value)| (name, header::HeaderValue::from_static(value))).collect())
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(settings.connect_seconds))
        .pool_max_idle_per_host(0)
        .http1_only()
}

fn extra_roots(file: &str) -> Result<Vec<Certificate>, OpenError> {
    if file.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |reason: String| OpenError::Setting { key: "fetch.ca_file", reason: format!("\"{file}\" cannot be used: {reason}") };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))
}

fn next(url: &Url, answer: &Response) -> Result<Url, FetchError> {
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).ok_or(FetchError::Lost)?;
    let next = url.join(location).map_err(|_| FetchError::Lost)?;
    if url.scheme() == "https" && next.scheme() == "http" { Err(FetchError::Downgrade) } else { Ok(next) }
}

/// Reads a body to its end. A length that is told is checked at once, and not believed.
async fn body(mut answer: Response, most: u64) -> Result<Bytes, FetchError> {
    let told = answer.content_length().unwrap_or_default();
    if told > most {
        return Err(FetchError::TooLarge(most));
    }
    let mut bytes = BytesMut::with_capacity(usize::try_from(told).unwrap_or_default());
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(FetchError::TooLarge(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn failed(error: reqwest::Error) -> FetchError {
    FetchError::Failed(error.without_url())
}
