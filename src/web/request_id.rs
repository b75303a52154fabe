//! The name of one request: taken from the caller if it is harmless in a log line, else made here.

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const HEADER: &str = "x-request-id";

/// Longest id that is taken from a caller.
const LONGEST: usize = 64;

/// The caller's id, or a fresh one.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_harmless(id));
    given.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned)
}

fn is_harmless(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        assert!(is_harmless("req_01J-a.b"));
        for id in ["", "a b", "a\nb", "ü", &"x".repeat(65)] {
            assert!(!is_harmless(id), "{id:?}");
        }
    }
}
