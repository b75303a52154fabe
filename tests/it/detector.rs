//! The model that ships: what trained it keeps the rules, and Python's judge and the program say the same of the same pictures.
//!
//! Both need the virtual environment of `make test`; parity needs the corpus of labelled images as well.

use std::path::PathBuf;

use touchstone::config::Config;

use crate::support::{Finish, process::touchstone, python, root, skip};

/// Images of the corpus that both judge; enough for the mean, few enough for a debug build.
const IMAGES: usize = 24;

fn corpus() -> PathBuf {
    std::env::var_os("TOUCHSTONE_CORPUS").map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// The folder of the model that the default configuration names.
fn shipped() -> PathBuf {
    root().join(Config::load(None).unwrap().pipeline.model)
}

// X1: reserved sources and generators that are measured only are refused, and what ships obeyed.
#[test]
fn the_training_rules_hold_and_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut python) = python::program("python", folder.path()) else {
        return skip("the training rules", "TOUCHSTONE_TEST_VENV is not set");
    };
    let run = python.args(["-m", "unittest", "discover", "-s"]).arg(root().join("models/train")).finish();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

// X1
#[test]
fn python_and_the_program_agree_on_p_within_a_hundredth() {
    let folder = tempfile::tempdir().unwrap();
    let (list, data) = (corpus().join("data/val.csv"), corpus().join("data"));
    let (Some(mut python), Ok(rows)) = (python::program("python", folder.path()), std::fs::read_to_string(&list)) else {
        return skip("parity with Python", "TOUCHSTONE_TEST_VENV is not set, or there is no corpus");
    };
    // The packed images lie with the corpus; the others would have to be brought from far.
    let packed: Vec<&str> = rows.lines().skip(1).filter(|row| data.join(row.split(',').next().unwrap_or_default()).is_file()).collect();
    let every = packed.len().div_ceil(IMAGES).max(1);
    let chosen: Vec<&str> = rows.lines().take(1).chain(packed.into_iter().step_by(every)).collect();
    let [manifest, dump, out] = ["manifest.csv", "dump.jsonl", "python.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&manifest, chosen.join("\n")).unwrap();
    let mut bench = touchstone(folder.path());
    bench.args(["bench", "accuracy", "--tiers", "clean,hard", "--files"]).arg(&data).arg("--dump").arg(&dump).arg(&manifest);
    let judged = bench.finish();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    python.arg(root().join("models/train/judge.py")).arg(shipped()).args([&manifest, &out]).arg("--files").arg(&data);
    let compared = python.args(["--tiers", "clean,hard", "--compare"]).arg(&dump).finish();
    let told = format!("{}{}", String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success(), "{told}");
    assert!(told.contains(&format!("{} judgements", 2 * (chosen.len() - 1))), "{told}");
}
