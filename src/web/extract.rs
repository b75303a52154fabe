//! What handlers take out of a request before they do anything: the key, the JSON body, the client's address, and whether
//! the client takes JSON at all. A key is a secret from its first byte: it is in no log line and no error.

use std::{future::Ready, net::IpAddr};

use actix_web::{FromRequest, HttpRequest, dev, http::header, web::Payload};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;
use touchstone_core::refusal::Refusal;

use crate::{
    body::{self, Pace},
    errors::Failure,
    fields::Fields,
    limit,
    site::Site,
};

/// The header of the API key.
const KEY_HEADER: &str = "apikey";

/// The header of the job secret.
const JOB_SECRET_HEADER: &str = "x-job-secret";

/// The key in the `apikey` header; a blank one counts as none.
pub(crate) fn header_key(request: &HttpRequest) -> Option<SecretString> {
    secret_in(request, KEY_HEADER)
}

/// The secret of trusted backend jobs; a blank one counts as none.
pub(crate) fn job_secret(request: &HttpRequest) -> Option<SecretString> {
    secret_in(request, JOB_SECRET_HEADER)
}

fn secret_in(request: &HttpRequest, header: &str) -> Option<SecretString> {
    // What is no text is no secret of ours, and is refused as any wrong one is.
    let text = request.headers().get(header)?.to_str().unwrap_or("\u{fffd}").trim();
    (!text.is_empty()).then(|| text.to_owned().into())
}

/// The key of an operation that takes it in the header only.
///
/// # Errors
/// 422 when it is missing.
pub(crate) fn require_header_key(request: &HttpRequest) -> Result<SecretString, Failure> {
    header_key(request).ok_or_else(|| Failure::problem("missing", &["header", KEY_HEADER], "Field required", Value::Null))
}

/// The key of an operation that takes it in the body or the header (rows T3, T16); `None` when it is in neither.
///
/// # Errors
/// [`Refusal::KeysDisagree`] when both are there and differ.
pub(crate) fn either_key(body: Option<SecretString>, header: Option<SecretString>) -> Result<Option<SecretString>, Failure> {
    match (body, header) {
        (Some(body), Some(header)) if !bool::from(body.expose_secret().as_bytes().ct_eq(header.expose_secret().as_bytes())) => {
            Err(Refusal::KeysDisagree.into())
        }
        (body, header) => Ok(body.or(header)),
    }
}

/// The same, for an operation that needs it.
///
/// # Errors
/// 422 when it is in neither, 403 when the two differ.
pub(crate) fn require_either_key(body: Option<SecretString>, header: Option<SecretString>) -> Result<SecretString, Failure> {
    either_key(body, header)?.ok_or_else(|| Failure::problem("missing", &["body", "key"], "Field required", Value::Null))
}

/// The fields of a request's JSON body. Its content type is not asked for: several clients send none.
///
/// # Errors
/// 413, 408, or 422 when it is no JSON object.
pub(crate) async fn json(site: &Site, payload: Payload) -> Result<Fields, Failure> {
    Fields::parse(&body::whole(payload, site.settings.max_json_bytes, Pace::new(&site.settings)).await?)
}

/// Whoever counts as one asker behind this request.
pub(crate) fn asker(site: &Site, request: &HttpRequest) -> Option<IpAddr> {
    limit::asker(client(site, request))
}

/// The client's address, as far as the proxies before us are trusted to tell it; `None`: nobody knows it.
pub(crate) fn client(site: &Site, request: &HttpRequest) -> Option<IpAddr> {
    site.proxies.client(request.peer_addr()?.ip(), &forwarded(request))
}

/// What the proxies wrote. Lossily: what a client smuggles in beside it must not make a whole line disappear.
fn forwarded(request: &HttpRequest) -> String {
    let lines = request.headers().get_all("x-forwarded-for").map(|value| String::from_utf8_lossy(value.as_bytes()));
    lines.collect::<Vec<_>>().join(",")
}

/// Proof that the client takes JSON (row T16: 406 only when its `Accept` excludes it).
pub(crate) struct TakesJson;

impl FromRequest for TakesJson {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let accepts: Vec<&str> = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok()).collect();
        std::future::ready(if takes_json(&accepts.join(",")) { Ok(Self) } else { Err(Failure::NotAcceptable) })
    }
}

fn takes_json(accept: &str) -> bool {
    accept.trim().is_empty() || accept.split(',').any(|range| range_takes_json(range) == Some(true))
}

/// Whether one media range lets JSON through; `None` when it is about something else.
fn range_takes_json(range: &str) -> Option<bool> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    if !matches!(kind.as_str(), "*/*" | "application/*" | "application/json") {
        return None;
    }
    let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
    Some(quality.is_none_or(|q| q > 0.0))
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError, test::TestRequest};

    use super::*;

    fn key(text: &str) -> Option<SecretString> {
        Some(text.to_owned().into())
    }

    #[test]
    fn the_key_comes_from_the_body_or_the_header_and_they_must_agree() {
        // T16, real-clients.md 2.6 trap 12
        let found = |body, header| either_key(body, header).map(|key| key.map(|key| key.expose_secret().to_owned()));
        assert_eq!(found(key("a"), None).expect("agreed").as_deref(), Some("a"));
        assert_eq!(found(None, key("a")).expect("agreed").as_deref(), Some("a"));
        assert_eq!(found(key("a"), key("a")).expect("agreed").as_deref(), Some("a"));
        assert_eq!(found(key("a"), key("b")).expect_err("refused").status_code(), 403);
        assert_eq!(require_either_key(None, None).expect_err("refused").status_code(), 422);
    }

    #[test]
    fn a_header_that_is_blank_is_no_key() {
        let with = |value: &str| header_key(&TestRequest::default().insert_header(("apikey", value)).to_http_request());
        assert!(with(" ").is_none());
        assert_eq!(with(" k ").expect("a key").expose_secret(), "k");
        assert!(header_key(&TestRequest::default().to_http_request()).is_none());
    }

    // V7
    #[test]
    fn a_byte_that_is_no_text_hides_nothing_of_what_proxies_wrote() {
        let line =
            |bytes: &[u8]| (header::HeaderName::from_static("x-forwarded-for"), header::HeaderValue::from_bytes(bytes).expect("a value"));
        let request = TestRequest::default().append_header(line(b"\xff, 9.9.9.9")).append_header(line(b"10.1.1.1")).to_http_request();
        assert_eq!(forwarded(&request), "\u{fffd}, 9.9.9.9,10.1.1.1");
    }

    #[test]
    fn json_is_refused_only_to_those_who_exclude_it() {
        for accept in
            ["", "*/*", "application/json", "text/html, application/*;q=0.5", "text/html,*/*;q=0.1", "Application/JSON; charset=utf-8"]
        {
            assert!(takes_json(accept), "{accept}");
        }
        for accept in ["text/html", "image/png, text/*", "application/json;q=0"] {
            assert!(!takes_json(accept), "{accept}");
        }
    }
}
