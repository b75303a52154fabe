//! The corpus of odd files that lies beside the project: what a sane server decodes is decoded, what it refuses is refused.

use std::{fs, time::Instant};

use super::{tests::LIMITS, *};
use crate::corpus;

/// Files whose expectation we do not meet, each with the reason.
const KNOWN: [(&str, &str); 3] = [
    ("G31D_MULTI.TIF", "the TIFF decoder knows fax group 4 only; refused as a variant that is not read"),
    ("tiff_tiled_planar_lzw.tiff", "the TIFF decoder panics on tiles in planes; refused as damaged"),
    ("tiff_tiled_ycbcr_jpeg_2x2_sampling.tif", "the TIFF decoder turns no YCbCr into RGB; refused as a variant that is not read"),
];

#[test]
fn the_corpus_of_odd_files_is_decoded_and_refused_as_expected() {
    let Some(rows) = corpus::table("formats.csv") else { return };
    let (mut checked, mut either, mut wrong) = (0, 0, Vec::new());
    for row in rows {
        let (path, expect) = (&row["path"], row["expect"].as_str());
        let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if Format::from_extension(&extension).is_none() && extension != "apng" {
            continue;
        }
        let Ok(bytes) = fs::read(corpus::root().join(path)) else {
            wrong.push(format!("{path}: listed, but not there"));
            continue;
        };
        let start = Instant::now();
        let outcome = Picture::decode(bytes.into(), &LIMITS);
        let said = match &outcome {
            Ok(picture) => format!("{} × {}, {} frames", picture.facts.width, picture.facts.height, picture.facts.frames),
            Err(refusal) => refusal.to_string(),
        };
        corpus::say(&format!(
            "{expect:7} {:5} {:5} ms {path}: {said}",
            if outcome.is_ok() { "ok" } else { "no" },
            start.elapsed().as_millis()
        ));
        checked += 1;
        match expect {
            "decode" if outcome.is_err() => wrong.push(format!("{path}: {said}")),
            "refuse" if outcome.is_ok() => wrong.push(format!("{path}: {said}")),
            "either" => either += 1,
            _ => {}
        }
    }
    corpus::say(&format!("odd files: {checked} checked ({either} may go either way), {} against expectation", wrong.len()));
    wrong.retain(|line| !KNOWN.iter().any(|(name, _)| line.contains(name)));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 0);
}
