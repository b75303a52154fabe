//! IPTC's vocabulary of digital source types: the standard way to say how a picture was made.

use touchstone_core::finding::{Edit, Signal, Stage};

use super::fields::{Field, Place};

/// What a term of the vocabulary claims about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// All of it came out of a trained model.
    Generated,
    /// A trained model changed part of it.
    PartlyGenerated,
    /// Part of it is synthetic, which may mean a trained model or not.
    PartlySynthetic,
    /// Changed by ordinary means.
    Edited,
}

/// What a source type claims, given as a term or as the vocabulary's address of it; `None` when it says nothing about generation or edits
/// (captures, scans, human drawings, screen captures, and algorithms that were not trained on pictures).
pub(crate) fn claim_of(source_type: &str) -> Option<Claim> {
    let term = source_type.trim().rsplit(['/', ':', '#']).next()?;
    match term {
        "trainedAlgorithmicMedia" => Some(Claim::Generated),
        "compositeWithTrainedAlgorithmicMedia" => Some(Claim::PartlyGenerated),
        "compositeSynthetic" => Some(Claim::PartlySynthetic),
        "algorithmicallyEnhanced" | "humanEdits" | "minorHumanEdits" | "compositeCapture" => Some(Claim::Edited),
        _ => None,
    }
}

/// The signal of a field, if it is a source type that claims something.
pub(super) fn signal(field: &Field) -> Option<Signal> {
    if field.place != Place::Xmp || !matches!(field.name.as_str(), "DigitalSourceType" | "DigitalSourceFileType") {
        return None;
    }
    let (words, score, edit) = match claim_of(&field.value)? {
        Claim::Generated => ("created by a trained model (trainedAlgorithmicMedia)", Some(98.0), None),
        Claim::PartlyGenerated => ("changed in part by a trained model (compositeWithTrainedAlgorithmicMedia)", Some(90.0), Some(Edit::Ai)),
        Claim::PartlySynthetic => ("a composite with synthetic parts (compositeSynthetic)", Some(70.0), Some(Edit::Ai)),
        Claim::Edited => ("edited by ordinary means", None, Some(Edit::Digital)),
    };
    let mut signal =
        Signal::new(Stage::Metadata, "digital_source_type", format!("The file's IPTC digital source type says that it was {words}."));
    signal.decisive = score.is_some_and(|score| score >= 90.0);
    signal.source = signal.decisive.then(|| "IPTC digital source type".to_owned());
    signal.unsigned_claim = true;
    (signal.score, signal.edit) = (score, edit);
    Some(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_mean_what_the_vocabulary_says() {
        let address = |term: &str| format!("http://cv.iptc.org/newscodes/digitalsourcetype/{term}");
        assert_eq!(claim_of(&address("trainedAlgorithmicMedia")), Some(Claim::Generated));
        assert_eq!(claim_of("compositeWithTrainedAlgorithmicMedia"), Some(Claim::PartlyGenerated));
        for silent in ["digitalCapture", "algorithmicMedia", "negativeFilm", "screenCapture", "not trainedAlgorithmicMedia", ""] {
            assert_eq!(claim_of(&address(silent)), None, "{silent}");
        }
    }
}
