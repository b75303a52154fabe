//! The one integration binary: every test drives a real, running Touchstone through its public surface.
//!
//! One file a subject; `support` holds the server under test, its clients and the pictures they send. Comments such as
//! `// T3` name the promise that a test proves. `tests/README.md` tells how to run all of it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what was skipped and what was measured is for people to read")]

mod accounts;
mod accuracy;
mod cli;
mod crash;
mod curl;
mod detector;
mod fetch;
mod formats;
mod fuzz;
mod hostile;
mod ops;
mod remote;
mod retention;
mod road;
mod schemathesis;
mod sdk;
mod secrets;
mod support;
mod tidy;
mod traps;
mod usage;
mod v1;
mod webhooks;
