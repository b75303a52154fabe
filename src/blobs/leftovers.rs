//! Cleaning a folder of unfinished writes. A write that fails cleans up after itself; one whose process was killed cannot.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::error::BlobError;

/// Deletes staging files (`name#7`) that nobody has written to for `age`, and says how many there were.
pub(crate) async fn remove(folder: PathBuf, age: Duration) -> Result<usize, BlobError> {
    let name = folder.display().to_string();
    let swept = tokio::task::spawn_blocking(move || sweep(&folder, age)).await;
    swept.map_err(std::io::Error::other).flatten().map_err(|source| BlobError::Folder { folder: name, source })
}

fn sweep(folder: &Path, age: Duration) -> std::io::Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += sweep(&entry.path(), age)?;
        } else if is_staging(&entry.file_name().to_string_lossy()) && is_old(&entry, age) {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// No key of ours holds `#`, so a file that does is the store's own.
fn is_staging(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

/// A file that vanishes meanwhile, or whose time cannot be read, is not ours to delete.
fn is_old(entry: &std::fs::DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age))
}
