//! The corpus of the `zip` fuzz target, replayed on stable Rust; and the archives that it began with.

use std::path::PathBuf;

use touchstone_moderation::archive::fuzz;

use crate::support::{
    root,
    zips::{self, File, archive},
};

fn folder() -> PathBuf {
    root().join("tests/fuzz/corpus/zip")
}

// T11
#[test]
fn no_archive_of_the_corpus_breaks_a_promise() {
    let mut replayed = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        fuzz(&bytes);
        // Cut off anywhere, and with any byte another.
        (0..bytes.len()).for_each(|at| fuzz(&bytes[..at]));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0xFF;
            fuzz(&changed);
        }
        replayed += 1;
    }
    assert!(replayed >= seeds().len(), "{replayed} archives");
}

/// What a fuzzer begins with: every kind of entry and of end.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = [&b"\xFF\xD8\xFF\xE0"[..], &[7; 60]].concat();
    let png = [&b"\x89PNG\r\n\x1A\n"[..], &[9; 60]].concat();
    let photo = |name: &str| File::stored(name, jpeg.clone());
    let two = archive(&[photo("a.jpg"), File::deflated("b/b.png", &png)]);
    let directory = two.windows(4).position(|four| four == b"PK\x01\x02").unwrap() as u64;
    vec![
        ("stored", archive(&[photo("a.jpg")])),
        ("deflated", archive(&[File::deflated("a.jpg", &jpeg)])),
        ("streamed", archive(&[File::streamed("a.jpg", &jpeg), photo("b.jpg")])),
        ("zip64", zips::with_zip64_end(&two, 2, two.len() as u64 - 22 - directory, directory)),
        ("prelude", [&b"#!/bin/sh\n"[..], &two].concat()),
        ("names", archive(&["a.jpg", "../b.jpg", "/c.jpg", ".d.jpg", "__MACOSX/e.jpg", "f/", "g.pdf", "h.zip", "a.jpg"].map(photo))),
        ("encrypted", archive(&[photo("a.jpg"), File { flags: zips::ENCRYPTED, ..photo("b.jpg") }])),
        ("link", archive(&[photo("a.jpg"), File { mode: 0o120_777, ..photo("b.jpg") }])),
        ("overlap", archive(&[photo("a.jpg"), File { offset: Some(10), ..photo("b.jpg") }])),
        ("liar", archive(&[photo("a.jpg"), File { local_name: Some(b"c.jpg".to_vec()), size: u32::MAX, ..photo("b.jpg") }])),
        ("empty", zips::end(0, 0, 0)),
    ]
}

#[test]
#[ignore = "writes the corpus anew: for whoever adds a seed"]
fn write_the_seeds() {
    for (name, bytes) in seeds() {
        std::fs::write(folder().join(name), bytes).unwrap();
    }
}
