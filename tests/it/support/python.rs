//! The virtual environment that `make test` makes for the real clients of the API.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::root;

/// A script or a configuration beside the tests.
pub(crate) fn client(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

/// A program of the virtual environment, run in `folder`: some leave caches behind. `None` when the suite runs without one.
pub(crate) fn program(name: &str, folder: &Path) -> Option<Command> {
    let venv = std::env::var("TOUCHSTONE_TEST_VENV").ok().filter(|path| !path.is_empty())?;
    let path = PathBuf::from(venv).join("bin").join(name);
    assert!(path.exists(), "{} is missing; `make test` installs it", path.display());
    let mut command = Command::new(path);
    command.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}
