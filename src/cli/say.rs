//! Standard output and standard error. Results go to the first, everything about the run to the second, so that a script that
//! reads the first never meets a progress bar.

use std::io::{ErrorKind, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// One text and a line end on standard output.
pub fn print(text: &str) {
    if let Err(error) = line(text) {
        complain(&error);
    }
}

/// One value as one line of JSON on standard output.
///
/// # Errors
/// When the value has no JSON form, or the output cannot be written.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// An error with its causes on standard error.
pub fn complain(error: &anyhow::Error) {
    note(&format!("error: {error:#}"));
}

/// A remark about the run on standard error.
pub(crate) fn note(text: &str) {
    // Where standard error is closed there is nobody left to tell.
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Writes a line to standard output. A reader that went away (`| head`) is an error too: the run has no purpose any more.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => anyhow::bail!("nobody reads the output any more"),
        outcome => Ok(outcome?),
    }
}

/// A bar on standard error, if that is a terminal; nothing elsewhere.
pub(crate) fn progress(images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} images, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(images as u64).with_style(style)
}
