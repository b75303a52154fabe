//! `--dump`: one JSON line for each image and delivery, in the set's order, written as they come. Calibration and thresholds are
//! fitted to it, so that they are fitted to what this program sees.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;

use super::{
    observe::{Looked, Observation},
    set::{Item, Truth},
};

/// The open file.
pub(super) struct Dump {
    path: PathBuf,
    file: BufWriter<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    label: Truth,
    family_or_kind: &'a str,
    source_repo: &'a str,
    #[serde(flatten)]
    seen: &'a Observation,
}

impl Dump {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// One line a delivery.
    pub(super) fn write(&mut self, item: &Item, looked: &Looked) -> anyhow::Result<()> {
        for seen in &looked.tiers {
            let line = Line { path: &item.name, label: item.truth, family_or_kind: &item.group, source_repo: &item.source, seen };
            let line = serde_json::to_string(&line)?;
            writeln!(self.file, "{line}").with_context(|| format!("{} cannot be written", self.path.display()))?;
        }
        Ok(())
    }

    /// What was held back is written.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| format!("{} cannot be written", self.path.display()))
    }
}
