//! Row X2: near the threshold a picture is shown to the model twice more, once saved as JPEG and once made smaller. A verdict that
//! does not survive what every messenger does to a picture is marked unsure.

use touchstone_core::finding::{Signal, Stage};

use crate::{classifier::Classifier, delivery, infer::InferError, picture::Picture, resize, settings::Limits};

/// The code of the signal.
pub const UNSTABLE: &str = "unstable";

/// JPEG quality of the first copy.
const QUALITY: u8 = 70;
/// Sides of the second copy, in quarters of the picture's.
const QUARTERS: u32 = 3;

/// What becomes of the answer in the copies: the signal that says so, when it crosses `threshold` (a probability, 0–1) in one.
///
/// # Errors
/// When the model, which saw the picture itself, cannot look at a copy: the same picture must get the same verdict tomorrow.
pub(crate) fn unstable(
    classifier: &Classifier,
    picture: &Picture,
    p: f64,
    threshold: f64,
    limits: &Limits,
) -> Result<Option<Signal>, InferError> {
    // One copy after the other: at the limit of pixels, each is as large as what a picture may cost.
    let copies: [(&str, &dyn Fn() -> Option<Picture>); 2] =
        [("saved again as JPEG", &|| saved(picture, limits)), ("made a quarter smaller", &|| Some(smaller(picture)))];
    let mut crossed = Vec::new();
    for (change, copy) in copies {
        let Some(copy) = copy() else { continue };
        let there = classifier.look(&copy)?.probability;
        if (there >= threshold) != (p >= threshold) {
            crossed.push(format!("{:.0} in 100 when {change}", there * 100.0));
        }
    }
    let summary =
        || format!("The answer does not hold: the model's likelihood of {:.0} in 100 becomes {}.", p * 100.0, crossed.join(" and "));
    Ok((!crossed.is_empty()).then(|| Signal::new(Stage::Classifier, UNSTABLE, summary())))
}

/// The picture after a JPEG file; `None` where the file cannot be written or exceeds the limits, as a picture with a side above 65,535,
/// and where both pictures together would take more memory than decoding one may.
fn saved(picture: &Picture, limits: &Limits) -> Option<Picture> {
    if 2 * picture.rgb.as_raw().len() as u64 > limits.max_memory {
        return None;
    }
    let bytes = delivery::jpeg(&picture.rgb, QUALITY).ok()?;
    Picture::decode(bytes.into(), limits).ok()
}

/// The picture in fewer pixels. Its file's bytes stay, since no file was made.
fn smaller(picture: &Picture) -> Picture {
    let (width, height) = picture.rgb.dimensions();
    let size = [width, height].map(|side| (side * QUARTERS / 4).max(1));
    let rgb = resize::whole(&picture.rgb, size).into_owned();
    let mut facts = picture.facts.clone();
    (facts.width, facts.height) = (size[0], size[1]);
    Picture { bytes: picture.bytes.clone(), facts, rgb }
}
