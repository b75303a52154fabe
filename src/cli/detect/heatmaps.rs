//! Where the heatmaps go: one folder, a name for each picture, decided before the work starts so that it never depends on
//! which picture is done first.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::files::Candidate;

/// Makes the folder and gives every candidate its path: `<stem>.heatmap.jpg`, with `-2`, `-3` … where the name is taken.
pub(super) fn plan(folder: &Path, candidates: &[Candidate]) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("the heatmap folder {} cannot be made", folder.display()))?;
    let mut taken = HashSet::new();
    Ok(candidates.iter().map(|candidate| folder.join(unique(&candidate.path, &mut taken))).collect())
}

fn unique(path: &Path, taken: &mut HashSet<String>) -> String {
    let stem = path.file_stem().map_or_else(|| "image".into(), |stem| stem.to_string_lossy());
    let name = |count: usize| if count == 1 { format!("{stem}.heatmap.jpg") } else { format!("{stem}-{count}.heatmap.jpg") };
    // Some file systems hold two names for one that differ in case alone.
    let free = (1..).map(name).find(|name| taken.insert(name.to_lowercase()));
    free.expect("one of endlessly many names is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_a_name_of_its_own() {
        let mut taken = HashSet::new();
        let names = ["a/x.png", "b/X.jpg", "x-2.gif", "y.png"].map(|path| unique(Path::new(path), &mut taken));
        assert_eq!(names, ["x.heatmap.jpg", "X-2.heatmap.jpg", "x-2-2.heatmap.jpg", "y.heatmap.jpg"]);
    }
}
