//! `touchstone trust-list`: whose Content Credentials count as proof. None is bundled: whom to trust is the operator's to say.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_core::time::Timestamp;
use touchstone_pipeline::trust_list::{TrustList, installed};

use crate::say;

/// `touchstone trust-list …`
#[derive(Debug, Subcommand)]
pub enum TrustListCommand {
    /// Check every certificate of a PEM file and install it in place of the present list. Nodes read it when they start.
    Install {
        /// The list, as its publisher offers it.
        file: PathBuf,
    },
    /// Show the installed list.
    Show,
}

/// Runs one of these commands on the list at this place, and prints one JSON object.
///
/// # Errors
/// When the list cannot be used, read or written.
pub fn trust_list(command: &TrustListCommand, place: &Path) -> anyhow::Result<u8> {
    let list = match command {
        TrustListCommand::Install { file } => {
            let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            let list = TrustList::parse(&bytes, Timestamp::now());
            let list = list.with_context(|| format!("{} was not installed", file.display()))?;
            write(place, &list.to_install(Timestamp::now())).with_context(|| format!("{} cannot be written", place.display()))?;
            installed(place)?
        }
        TrustListCommand::Show => installed(place)?,
    };
    say::print_json(&answer(place, list.as_ref()))?;
    Ok(0)
}

fn answer(place: &Path, list: Option<&TrustList>) -> Value {
    json!({
        "path": place,
        "installed": list.is_some(),
        "date": list.map(|list| &list.facts.date),
        "sha256": list.map(|list| &list.facts.sha256),
        "certificates": list.map(|list| &list.anchors).into_iter().flatten().collect::<Vec<_>>(),
    })
}

/// Whole or not at all: a node that starts meanwhile finds the old list or the new one.
fn write(place: &Path, text: &str) -> anyhow::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // Whoever installs it, the service reads it; nothing in it is secret.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    Ok(())
}
