//! Over the labelled images that lie beside the project: real pictures are seldom called blurred, dark or a screen.

use std::{collections::BTreeMap, fs};

use touchstone_core::finding::Warning;

use crate::{
    corpus,
    picture::{Picture, tests::LIMITS},
    stage::Look,
    stages::quality::Quality,
};

/// Every so many rows of the training table are looked at; `TOUCHSTONE_CORPUS_FULL` looks at all.
const STRIDE: usize = 5;

#[test]
fn real_pictures_are_seldom_called_blurred_or_dark_or_a_screen() {
    let stride = if std::env::var_os("TOUCHSTONE_CORPUS_FULL").is_some() { 1 } else { STRIDE };
    for (table, stride) in [("data/train.csv", stride), ("data/val.csv", 1)] {
        let Some(rows) = corpus::table(table) else { continue };
        let (mut reals, mut absent, mut named) = (0, 0, BTreeMap::<String, u32>::new());
        for row in rows.iter().step_by(stride).filter(|row| row["label"] == "real") {
            let Ok(bytes) = fs::read(corpus::root().join("data").join(&row["path"])) else {
                absent += 1;
                continue;
            };
            let picture = Picture::decode(bytes.into(), &LIMITS).unwrap_or_else(|refusal| panic!("{}: {refusal}", row["path"]));
            reals += 1;
            for warning in Quality.look(&picture).warnings {
                match warning {
                    Warning::BlurDark { label } => *named.entry(label).or_default() += 1,
                    Warning::ScreenRecapture { metrics, .. } if metrics.is_screen => *named.entry("screen".to_owned()).or_default() += 1,
                    _ => {}
                }
            }
        }
        corpus::say(&format!("quality, {table}: {reals} real pictures, {absent} skipped (not here), named {named:?}"));
        // Crops of train hold sky, bokeh and night; a whole picture is rarely nothing but those.
        let allowed = |share: f64| (share * f64::from(reals)).ceil() as u32;
        assert!(named.get("screen").copied().unwrap_or(0) <= allowed(0.01), "{named:?}");
        assert!(named.get("Blurred").copied().unwrap_or(0) <= allowed(0.02), "{named:?}");
        assert!(named.get("Dark").copied().unwrap_or(0) <= allowed(0.02), "{named:?}");
    }
}
