//! What a report says at which threshold, and what it leaves out.

use touchstone_core::{
    finding::{Finding, Look},
    media::Format,
    submission::Profile,
    verdict::{ImageFacts, ModelName, Share},
};

use super::*;

fn verdict(label: Label, ai_likelihood: f64) -> Verdict {
    Verdict {
        label,
        ai_likelihood,
        confidence: 80.0,
        unsure: false,
        decided_by: Stage::Classifier,
        findings: vec![Finding { stage: Stage::Provenance, look: Look::Looked, signals: Vec::new(), warnings: Vec::new() }],
        image: ImageFacts { format: Format::Png, width: 4, height: 3, frames: 1, bytes: 2048, sha256: "00".repeat(32) },
        model: ModelName { name: "m".into(), version: "1".into() },
        profile: Profile::Generic,
        rules: None,
        attribution: vec![Share { name: "flux1".into(), share: 0.9 }, Share { name: "other".into(), share: 0.1 }],
        kind: Vec::new(),
    }
}

// V1
#[test]
fn confidence_is_the_likelihood_of_ai_whatever_the_verdict_and_the_threshold_decides() {
    let real = verdict(Label::Real, 10.0);
    let (answer, confidence, sure) = weighed(&real, 0.5);
    assert_eq!((answer, confidence), (Answer::Authentic, 0.1));
    assert!((sure - 0.9).abs() < 1e-12);
    assert_eq!(weighed(&real, 0.1), (Answer::AiGenerated, 0.1, 0.1), "reached is enough");
    assert_eq!(weighed(&verdict(Label::AiGenerated, 97.0), 0.98).0, Answer::Authentic);
    assert_eq!(weighed(&real, 0.0).0, Answer::AiGenerated);
}

// V1, X1
#[test]
fn families_are_named_only_when_asked_for_and_generated() {
    let asked = Asked { attribution: true, ..Asked::default() };
    let named = attribution(&verdict(Label::AiGenerated, 97.0), &asked);
    assert_eq!(named.keys().collect::<Vec<_>>(), ["flux1", "other"]);
    assert!((named.values().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(attribution(&verdict(Label::AiGenerated, 97.0), &Asked::default()).is_empty(), "not asked for");
    assert!(attribution(&verdict(Label::Real, 10.0), &asked).is_empty(), "not generated");
}
