//! What the subcommands do at a terminal: tables, progress bars, JSON lines, measurements.
//!
//! The only crate that prints. It knows no server: whatever has to be served is handed in by the root package.

mod admin;
mod bench;
mod detect;
mod files;
mod in_order;
mod receipt;
mod say;
mod trust_list;

pub use admin::{Admin, admin};
pub use bench::{BenchArgs, LedgerArgs, LimitsArgs, Served, Server, Way, bench, bench_ledger, bench_limits};
pub use detect::{DetectArgs, detect};
pub use receipt::{VerifyReceiptArgs, verify_receipt};
pub use say::{complain, print, print_json};
pub use trust_list::{TrustListCommand, trust_list};
