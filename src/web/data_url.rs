//! A picture inside a page or an answer, for what is stored nowhere or must load without a request of its own.

use base64::{Engine, prelude::BASE64_STANDARD};

/// A URL that holds these bytes (RFC 2397).
pub(crate) fn data_url(content_type: &str, bytes: &[u8]) -> String {
    format!("data:{content_type};base64,{}", BASE64_STANDARD.encode(bytes))
}
