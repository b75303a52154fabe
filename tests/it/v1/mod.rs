//! The /v1 API, clause by clause: V1–V6, V8, V9, V14, V15, X1, X3.

mod batch;
mod crash;
mod detect;
mod errors;
mod fields;
mod lab;
mod limits;
mod receipts;
mod usage;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Bytes as JSON carries them.
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A body with one image.
fn with_image(bytes: &[u8], mut more: Value) -> Value {
    more["image_base64"] = json!(base64(bytes));
    more
}
