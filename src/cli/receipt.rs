//! `touchstone verify-receipt`: whether a receipt holds, without asking any server.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use touchstone_core::receipt::{KeySet, ReceiptError, Signed, Verified};

use crate::say;

/// What to check.
#[derive(Debug, Args)]
pub struct VerifyReceiptArgs {
    /// The receipt, as GET /v1/detections/{id}/receipt answered it.
    file: PathBuf,
    /// The server's keys, as GET /v1/receipts/keys answered them. Without them, whose key signed is not checked.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// The image that the receipt should be of.
    #[arg(long)]
    image: Option<PathBuf>,
}

/// Checks a receipt, prints one JSON object, and answers the exit code: 0 when it is valid, 1 when it is not.
///
/// # Errors
/// When a file cannot be read.
pub fn verify_receipt(args: &VerifyReceiptArgs) -> anyhow::Result<u8> {
    let keys: Option<KeySet> = args.keys.as_deref().map(read).transpose()?;
    let image = args.image.as_deref().map(bytes).transpose()?;
    let checked = match serde_json::from_slice::<Signed>(&bytes(&args.file)?) {
        Ok(signed) => signed.verify(keys.as_ref()),
        Err(_) => Err(ReceiptError::Form),
    };
    let (answer, valid) = match checked {
        Ok(verified) => told(&verified, image.as_deref()),
        Err(error) => (json!({ "valid": false, "reason": error.to_string() }), false),
    };
    say::print_json(&answer)?;
    Ok(u8::from(!valid))
}

fn told(verified: &Verified, image: Option<&[u8]>) -> (Value, bool) {
    let same = image.map(|image| hex::encode(Sha256::digest(image)) == verified.receipt.image.sha256);
    let valid = same != Some(false);
    let answer = json!({
        "valid": valid,
        "reason": (!valid).then_some("the receipt is of another image"),
        "key": if verified.known { "one of the given keys" } else { "not compared: give the server's keys with --keys" },
        "kid": verified.kid,
        "image": match same {
            Some(true) => "the same",
            Some(false) => "another",
            None => "not compared",
        },
        "receipt": verified.receipt,
    });
    (answer, valid)
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_slice(&bytes(path)?).with_context(|| format!("{} holds no set of keys", path.display()))
}
