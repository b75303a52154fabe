//! Touchstone tells camera images from AI-generated ones, says why, and helps communities act on it.
//!
//! This root package only wires: it reads the configuration, builds the crates into one running [`app::App`] and names the
//! jobs that its workers run. Decisions live in the crates; `src/README.md` is the map.

pub mod app;
pub mod bench;
pub mod config;
pub mod cron;
pub mod logging;
pub mod worker;
