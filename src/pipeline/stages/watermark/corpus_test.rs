//! Over the labelled images that lie beside the project: no mark is seen on a real picture.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    corpus,
    picture::{Picture, tests::LIMITS},
    stage::Look,
    stages::watermark::Watermark,
};

/// Every so many rows of the training table are looked at; `TOUCHSTONE_CORPUS_FULL` looks at all.
const STRIDE: usize = 5;

/// A labelled file, under the corpus or under the folder to which `bring.py` extracted val (`TOUCHSTONE_VAL`).
fn read(path: &str) -> Option<Vec<u8>> {
    let extracted = std::env::var_os("TOUCHSTONE_VAL").map(|folder| PathBuf::from(folder).join(path));
    fs::read(corpus::root().join("data").join(path)).or_else(|missing| extracted.map_or(Err(missing), fs::read)).ok()
}

#[test]
fn no_real_image_of_train_or_val_carries_a_generators_mark() {
    let stride = if std::env::var_os("TOUCHSTONE_CORPUS_FULL").is_some() { 1 } else { STRIDE };
    let (mut reals, mut absent, mut wrong) = (0, 0, Vec::new());
    let mut marked: BTreeMap<String, u32> = BTreeMap::new();
    for (table, stride) in [("data/train.csv", stride), ("data/val.csv", 1)] {
        let Some(rows) = corpus::table(table) else { continue };
        for row in rows.iter().step_by(stride) {
            // Crops of train leave out the edge where visible marks lie, so only val tells how many are found.
            if row["label"] != "real" && !table.contains("val") {
                continue;
            }
            let Some(bytes) = read(&row["path"]) else {
                absent += 1;
                continue;
            };
            let picture = Picture::decode(bytes.into(), &LIMITS).unwrap_or_else(|refusal| panic!("{}: {refusal}", row["path"]));
            let codes: Vec<String> = Watermark.look(&picture).signals.into_iter().map(|signal| signal.code).collect();
            if row["label"] == "real" {
                reals += 1;
                wrong.extend(codes.iter().map(|code| format!("{}: {code}", row["path"])));
            } else {
                codes.iter().for_each(|code| *marked.entry(format!("{} in {}", code, row["family_or_kind"])).or_default() += 1);
            }
        }
    }
    corpus::say(&format!("marks: {reals} real pictures, {absent} files skipped (not here); found on val's generated ones: {marked:?}"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
