//! Listens to what the servers under test log, and finds secrets in it.
//!
//! Every server of the suite is heard: those in this process through a subscriber of their own, at a level that no operator would
//! choose, and processes through what they wrote to standard error.

use std::{
    io::{self, Write},
    sync::{Mutex, Once},
};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::stripe;

/// Everything that is ours, and what libraries tell of their work.
const FILTER: &str = "debug,stripe=trace,touchstone=trace,touchstone_billing=trace,touchstone_blobs=trace,touchstone_moderation=trace,\
                      touchstone_net=trace,touchstone_store=trace,touchstone_web=trace";

/// How a secret begins, and from how many letters and digits on it is one: the first four of a key may be told. Those of the fake Stripe
/// are told whole or not at all.
const SECRETS: [(&str, usize); 6] =
    [("aidet_live_sk_", 5), ("aidet_test_sk_", 5), ("whsec_", 8), ("signature=", 16), (stripe::KEY, 0), (stripe::WEBHOOK_SECRET, 0)];

/// Lines with secrets that were logged in this process.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen to this process.
pub(crate) fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let layer = fmt::layer().with_ansi(false).with_writer(|| Ear);
        tracing_subscriber::registry().with(EnvFilter::new(FILTER)).with(layer).init();
    });
}

/// The lines with secrets that were logged in this process so far.
pub(crate) fn heard() -> Vec<String> {
    HEARD.lock().unwrap().clone()
}

/// The lines of a log that hold what looks like a secret.
pub(crate) fn lines_with_secrets(log: &str) -> Vec<&str> {
    log.lines().filter(|line| holds_a_secret(line)).collect()
}

fn holds_a_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let length = |rest: &str| rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    SECRETS.iter().any(|(mark, least)| line.match_indices(mark).any(|(at, _)| length(&line[at + mark.len()..]) >= *least))
}

/// Takes one event a call and keeps it only if it tells a secret.
struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        HEARD.lock().unwrap().extend(lines_with_secrets(&text).into_iter().map(str::to_owned));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_secret_is_heard_and_the_beginning_of_a_key_is_none() {
    let told = [
        "a aidet_live_sk_abcd1 b",
        "secret whsec_MfKQ9r8GKYqr",
        "PUT /x?expires=1&signature=0123456789abcdef",
        "X-Amz-Signature=0123456789ABCDEF0",
        &format!("authorization: Bearer {}", stripe::KEY),
        &format!("secret {}.", stripe::WEBHOOK_SECRET),
    ];
    assert_eq!(lines_with_secrets(&told.join("\n")), told);
    assert_eq!(lines_with_secrets("key aidet_test_sk_abcd…\naidet_live_sk_of_nobody\nsignature=wrong"), [""; 0]);
}
