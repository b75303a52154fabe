//! Over the labelled images that lie beside the project: no record stage fires on a real photograph.

use std::{collections::BTreeMap, fs};

use touchstone_core::finding::Finding;

use crate::{
    corpus,
    picture::{Picture, tests::LIMITS},
    stage::Look,
    stages::{metadata::Metadata, provenance::Provenance},
};

/// Every so many rows of the training table are looked at.
const STRIDE: usize = 10;

fn decisive(findings: &[Finding]) -> Vec<String> {
    let signals = findings.iter().flat_map(|finding| &finding.signals).filter(|signal| signal.decisive);
    signals.map(|signal| format!("{} ({})", signal.code, signal.source.as_deref().unwrap_or("nobody named"))).collect()
}

#[test]
fn no_real_image_of_train_or_val_carries_a_deciding_record() {
    let (mut looked, mut absent, mut wrong) = (0, 0, Vec::new());
    let mut settled: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for (table, stride) in [("data/train.csv", STRIDE), ("data/val.csv", 1)] {
        let Some(rows) = corpus::table(table) else { continue };
        for row in rows.iter().step_by(stride) {
            let real = row["label"] == "real";
            let Ok(bytes) = fs::read(corpus::root().join("data").join(&row["path"])) else {
                absent += 1;
                continue;
            };
            let picture = Picture::decode(bytes.into(), &LIMITS).unwrap_or_else(|refusal| panic!("{}: {refusal}", row["path"]));
            let said = decisive(&[Metadata.look(&picture), Provenance::new(None).look(&picture)]);
            looked += 1;
            if real && !said.is_empty() {
                wrong.push(format!("{}: {said:?}", row["path"]));
            }
            if !real && table.contains("val") {
                let family = settled.entry(row["family_or_kind"].clone()).or_default();
                family.0 += u32::from(!said.is_empty());
                family.1 += 1;
                if !said.is_empty() {
                    corpus::say(&format!("settled by a record: {}: {}", row["path"], said.join(", ")));
                }
            }
        }
    }
    corpus::say(&format!("labelled images: {looked} looked at, {absent} skipped (not here); val's AI families settled/all: {settled:?}"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
