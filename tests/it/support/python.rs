//! The virtual environment that `make test` makes for the real clients of the API.

use std::{path::PathBuf, process::Command};

use super::root;

/// A program of the virtual environment; `None` when the suite runs without one.
pub(crate) fn program(name: &str) -> Option<Command> {
    let venv = std::env::var("TOUCHSTONE_TEST_VENV").ok().filter(|path| !path.is_empty())?;
    let path = PathBuf::from(venv).join("bin").join(name);
    assert!(path.exists(), "{} is missing; `make test` installs it", path.display());
    let mut command = Command::new(path);
    command.current_dir(root().join("tests/clients"));
    Some(command)
}
