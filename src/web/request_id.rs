//! The name of one request: taken from the caller if it is harmless in a log line, else made here.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, http::header::HeaderMap};
use ulid::Ulid;

/// The header that carries it, both ways.
pub(crate) const HEADER: &str = "x-request-id";

/// Longest id that is taken from a caller.
const LONGEST: usize = 64;

/// The name of the request at hand, for answers that tell it (row V14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The caller's id, or a fresh one: `req_` and a ULID.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_harmless(id));
        Self(given.map_or_else(|| format!("req_{}", Ulid::new()), str::to_owned))
    }
}

impl FromRequest for RequestId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    /// The one that the outermost layer gave.
    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let given = request.extensions().get::<Self>().cloned();
        ready(Ok(given.unwrap_or_else(|| Self::of(request.headers()))))
    }
}

fn is_harmless(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    // V14
    #[test]
    fn a_fresh_id_says_what_it_is() {
        let id = RequestId::of(&HeaderMap::new()).0;
        assert!(is_harmless(&id) && id.strip_prefix("req_").is_some_and(|ulid| Ulid::from_string(ulid).is_ok()), "{id}");
    }

    #[test]
    fn only_harmless_ids_are_taken_over() {
        assert!(is_harmless("req_01J-a.b"));
        for id in ["", "a b", "a\nb", "ü", &"x".repeat(65)] {
            assert!(!is_harmless(id), "{id:?}");
        }
    }
}
