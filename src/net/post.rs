//! Posting to a URL that a stranger chose: a webhook (row V10). The same rules as for fetching hold, with networks of its own that are allowed.
//!
//! What stands in the URL is checked before each request, what its name resolves to before each connection, and the connection goes to
//! what was checked: nobody asks a second time, and no connection is used twice. Redirects are not followed: what is signed for one place
//! is not sent to another. Of an answer only the status counts; its beginning is kept for people to read.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Response, header};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::fetch::{FetchError, OpenError, Rules, Settings, guarded};

/// Most bytes of an answer that are listened to.
const MOST_HEARD: usize = 64 << 10;

/// How many of them are kept.
const MOST_KEPT: usize = 4 << 10;

/// How long they are listened to once there is a status.
const LONGEST_HEARD: Duration = Duration::from_secs(1);

/// Sends signed bodies. A clone is another handle.
#[derive(Debug, Clone)]
pub struct Poster {
    client: Client,
    rules: Arc<Rules>,
    within: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: u16,
    /// When to come back, if it says so.
    pub retry_after: Option<String>,
    /// How the body begins, as text without NUL.
    pub beginning: String,
}

/// Why nothing came back, in words for whoever chose the URL. They tell no more of a network than that it is not reached: what lies behind
/// [`PostError::Unreachable`] is for the log alone.
#[derive(Debug, Error)]
pub enum PostError {
    /// The URL may not be sent to.
    #[error("the URL is not allowed: {0}")]
    Refused(#[from] FetchError),
    /// There was no connection.
    #[error("no connection: the name leads to no public address, nothing answers there, or its certificate is not trusted")]
    Unreachable(#[source] reqwest::Error),
    /// The time was over.
    #[error("no answer within {0} s")]
    Slow(u64),
    /// The connection ended before there was an answer.
    #[error("the connection broke off before there was an answer")]
    Broken(#[source] reqwest::Error),
}

impl Poster {
    /// Sets posting up; asks nothing of the network. Name servers, proxy and root certificates are those of fetching; `allow` is the
    /// setting `webhooks.allow`, and `within` is the time that one request may take.
    ///
    /// rustls' default crypto provider must have been installed.
    ///
    /// # Errors
    /// When a setting makes no sense, or there are no root certificates.
    pub fn open(settings: &Settings, allow: &[String], within: Duration) -> Result<Self, OpenError> {
        let (client, rules) = guarded(settings, ("webhooks.allow", allow), None, Vec::new())?;
        Ok(Self { client, rules: Arc::new(rules), within })
    }

    /// Checks everything about a URL that can be checked without asking anybody.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        self.rules.check(url)
    }

    /// Posts a JSON body with these headers beside its own.
    ///
    /// # Errors
    /// When nothing came back. Any status is an answer.
    pub async fn post(&self, url: Url, headers: &[(&'static str, String)], body: String) -> Result<Answer, PostError> {
        self.rules.check(&url)?;
        let until = Instant::now() + self.within;
        let mut request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "*/*");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = match timeout_at(until, request.body(body).send()).await {
            Err(_) => return Err(PostError::Slow(self.within.as_secs())),
            Ok(Err(error)) if error.is_connect() => return Err(PostError::Unreachable(error.without_url())),
            Ok(Err(error)) => return Err(PostError::Broken(error.without_url())),
            Ok(Ok(answer)) => answer,
        };
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status: answer.status().as_u16(), retry_after, beginning: beginning(answer, until).await })
    }
}

/// How the body begins. One that breaks off or comes too slowly has said enough: the status was there, and nobody's delivery waits for more.
async fn beginning(mut answer: Response, until: Instant) -> String {
    let until = until.min(Instant::now() + LONGEST_HEARD);
    let (mut kept, mut heard) = (Vec::new(), 0);
    while let Ok(Ok(Some(chunk))) = timeout_at(until, answer.chunk()).await {
        kept.extend_from_slice(&chunk[..chunk.len().min(MOST_KEPT - kept.len())]);
        heard += chunk.len();
        if heard >= MOST_HEARD {
            break;
        }
    }
    // PostgreSQL stores no NUL.
    String::from_utf8_lossy(&kept).replace('\0', "\u{fffd}")
}
