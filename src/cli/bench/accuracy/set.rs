//! Which images are measured, and what each of them is: a folder with `ai/` and `real/` in it, or a CSV manifest.
//!
//! An image that is listed and not there stays in the list with its reason, so that it is counted and named, never dropped.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::files::{self, Candidate};

/// What an image is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Truth {
    /// A generator made it.
    Ai,
    /// A camera or a person made it.
    Real,
}

/// One image of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// As the manifest says it, or below the folder; names the image in every output.
    pub(super) name: String,
    /// Where it lies, or one sentence why it does not.
    pub(super) file: Result<PathBuf, String>,
    /// What it is.
    pub(super) truth: Truth,
    /// The generator's family, or the kind of a real picture; empty where nobody said.
    pub(super) group: String,
    /// Where it came from, such as a repository; empty where nobody said.
    pub(super) source: String,
}

/// Reads the set: a folder by its subfolders, anything else as a manifest whose paths are looked for beside it and in `files`.
pub(super) fn read(input: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Item>> {
    let items = if input.is_dir() { folder(input)? } else { manifest(input, files)? };
    for truth in [Truth::Ai, Truth::Real] {
        if !items.iter().any(|item| item.truth == truth) {
            bail!("{} holds no image labelled {truth:?}; both classes are needed to tell how well they are told apart", input.display());
        }
    }
    Ok(items)
}

/// `ai/<family>/[<source>/]…` and `real/<kind>/[<source>/]…`.
fn folder(root: &Path) -> anyhow::Result<Vec<Item>> {
    let classes = [("ai", Truth::Ai), ("real", Truth::Real)].map(|(name, truth)| (root.join(name), truth));
    if let Some((missing, _)) = classes.iter().find(|(class, _)| !class.is_dir()) {
        bail!("{} is missing: the folder to measure holds `ai` and `real`, or give a CSV manifest", missing.display());
    }
    Ok(classes
        .iter()
        .flat_map(|(class, truth)| files::gather(std::slice::from_ref(class)).into_iter().map(|one| found(root, class, *truth, one)))
        .collect())
}

fn found(root: &Path, class: &Path, truth: Truth, candidate: Candidate) -> Item {
    let below = |folder: &Path| candidate.path.strip_prefix(folder).unwrap_or(&candidate.path).to_owned();
    let folders: Vec<String> = below(class).parent().into_iter().flatten().map(|part| part.to_string_lossy().into_owned()).collect();
    let folder = |depth: usize| folders.get(depth).cloned().unwrap_or_default();
    let (name, group, source) = (below(root).to_string_lossy().into_owned(), folder(0), folder(1));
    Item { name, file: candidate.problem.map_or(Ok(candidate.path), Err), truth, group, source }
}

/// One line of a manifest; other columns are passed over.
#[derive(Debug, Deserialize)]
struct Line {
    path: String,
    label: Truth,
    #[serde(default)]
    family_or_kind: String,
    #[serde(default)]
    source_repo: String,
}

fn manifest(path: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Item>> {
    let wrong = || format!("{} is no manifest: it needs the columns `path` and `label` (ai or real)", path.display());
    let beside = path.parent().unwrap_or(Path::new(".")).to_owned();
    let places: Vec<&PathBuf> = std::iter::once(&beside).chain(files).collect();
    let mut reader = csv::Reader::from_path(path).with_context(wrong)?;
    reader.deserialize().map(|line| Ok(listed(line.with_context(wrong)?, &places))).collect()
}

fn listed(line: Line, places: &[&PathBuf]) -> Item {
    let file = places.iter().map(|place| place.join(&line.path)).find(|file| file.is_file());
    let file = file.ok_or_else(|| "No such file beside the manifest or in any folder given with --files.".to_owned());
    Item { name: line.path, file, truth: line.label, group: line.family_or_kind, source: line.source_repo }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        fs::create_dir_all(root.join(name).parent().expect("inside")).expect("made");
        fs::write(root.join(name), text).expect("written");
    }

    #[test]
    fn folders_below_a_class_name_the_family_and_the_source() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["ai/flux/blog/a.png", "ai/b.png", "real/photo/deep/er/c.png"] {
            write(root.path(), name, "x");
        }
        let items = read(root.path(), &[]).expect("a set");
        let told: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.truth, item.group.as_str(), item.source.as_str())).collect();
        assert_eq!(
            told,
            [
                ("ai/b.png", Truth::Ai, "", ""),
                ("ai/flux/blog/a.png", Truth::Ai, "flux", "blog"),
                ("real/photo/deep/er/c.png", Truth::Real, "photo", "deep")
            ]
        );
    }

    #[test]
    fn a_manifests_files_are_looked_for_beside_it_then_in_the_given_folders_in_order() {
        let (root, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        write(
            root.path(),
            "val.csv",
            "path,packed,label,family_or_kind,source_repo\nx/a.png,no,ai,flux,ann/art\nx/b.png,yes,real,photo,\nx/c.png,,real,,\n",
        );
        write(root.path(), "x/a.png", "here");
        write(other.path(), "x/a.png", "there");
        write(other.path(), "x/b.png", "there");
        let items = read(&root.path().join("val.csv"), &[other.path().to_owned()]).expect("a set");
        assert_eq!(items[0].file, Ok(root.path().join("x/a.png")));
        assert_eq!((&items[1].file, items[0].source.as_str()), (&Ok(other.path().join("x/b.png")), "ann/art"));
        assert!(items[2].file.as_ref().is_err_and(|reason| reason.contains("--files")), "a missing one stays in the list");
    }

    #[test]
    fn a_set_of_one_class_or_of_unknown_labels_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), "one.csv", "path,label\na.png,ai\n");
        write(root.path(), "odd.csv", "path,label\na.png,maybe\n");
        assert!(read(&root.path().join("one.csv"), &[]).expect_err("one class").to_string().contains("Real"));
        assert!(read(&root.path().join("odd.csv"), &[]).expect_err("a strange label").to_string().contains("no manifest"));
        assert!(read(root.path(), &[]).expect_err("no classes").to_string().contains("ai"));
    }
}
