//! Node, and the packages that `make test` installs for it: real clients of the API.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// `node`, run in `folder`, with the installed packages at hand. `None` when the suite runs without them.
pub(crate) fn program(folder: &Path) -> Option<Command> {
    let installed = std::env::var("TOUCHSTONE_TEST_NODE").ok().filter(|path| !path.is_empty())?;
    let packages = PathBuf::from(installed).join("node_modules");
    assert!(packages.exists(), "{} is missing; `make test` installs it", packages.display());
    let mut command = Command::new("node");
    command.current_dir(folder).env("NODE_PATH", packages);
    Some(command)
}
