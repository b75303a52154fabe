//! The fuzz targets' corpora, replayed on stable Rust: nothing in them panics, and none was lost.

mod zip;

use touchstone_pipeline::fuzz;

use crate::support::root;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).collect();
    assert!(!files.is_empty(), "{target} has a corpus");
    for file in files {
        run(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

// T15
#[test]
fn the_corpora_of_the_fuzz_targets_do_no_harm() {
    replay("decode", fuzz::decode);
    replay("svg", fuzz::svg);
    replay("pdf", fuzz::pdf);
    replay("metadata", fuzz::metadata);
}
