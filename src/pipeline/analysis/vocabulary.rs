//! What a vision model's text may not say: words that assert another answer than the verdict's, and whatever is no plain description.
//!
//! A picture may hold writing that tells the model what to say, so nothing of its answer is believed: what does not read as a short,
//! plain English remark about what can be seen is refused. Refusing too much costs a remark; letting too much through, the verdict.

use touchstone_core::verdict::{Label, Verdict};

/// What a text asserts about how a picture came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Generated,
    Edited,
    Camera,
}

const GENERATED: &[&str] = &[
    "ai",
    "generated",
    "generative",
    "synthetic",
    "synthesized",
    "artificial",
    "artificially",
    "fake",
    "faked",
    "deepfake",
    "cgi",
    "diffusion",
    "midjourney",
    "dalle",
    "gan",
    "hoax",
    "unreal",
    "bot",
];
const EDITED: &[&str] =
    &["edited", "edit", "edits", "manipulated", "manipulation", "altered", "photoshop", "photoshopped", "retouched", "doctored"];
const CAMERA: &[&str] = &[
    "authentic",
    "authenticity",
    "genuine",
    "genuinely",
    "real",
    "legitimate",
    "unedited",
    "unaltered",
    "untouched",
    "unmodified",
    "original",
    "camera",
    "trustworthy",
    "verified",
    "human",
    "handmade",
    "actual",
    "actually",
    "true",
    "truly",
    "really",
    "honest",
];

/// They turn a claim around when they stand shortly before it.
const NEGATIONS: &[&str] = &[
    "no", "not", "non", "nor", "never", "without", "neither", "cannot", "hardly", "unlikely", "lacks", "lack", "absence", "rather",
    "nothing", "t",
];

/// How many words before a claim a negation reaches.
const REACH: usize = 5;

/// Ours to say, or words with which a picture would give orders.
const FOREIGN: &[&str] = &[
    "verdict",
    "label",
    "likelihood",
    "probability",
    "probably",
    "confidence",
    "percent",
    "score",
    "detector",
    "detection",
    "classifier",
    "analysis",
    "signal",
    "proof",
    "ignore",
    "disregard",
    "instruction",
    "instructions",
    "prompt",
    "system",
    "assistant",
    "http",
    "https",
    "www",
    "password",
    "click",
    "visit",
    "touchstone",
];

/// Most digits of one text: no telephone numbers.
const DIGITS: usize = 4;

/// A text with a language model's typographic marks replaced by plain ones, trimmed.
pub(super) fn plain(text: &str) -> String {
    let replaced = text.trim().chars().map(|letter| match letter {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201C}' | '\u{201D}' => '"',
        '\u{2010}'..='\u{2014}' => '-',
        '\u{A0}' => ' ',
        letter => letter,
    });
    replaced.collect()
}

/// Why a text, as [`plain`] gives it, may not stand beside this verdict.
pub(super) fn objection(text: &str, verdict: &Verdict) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if !text.chars().all(|letter| letter.is_ascii_alphanumeric() || " .,;:'\"()-".contains(letter)) {
        return Some("it holds more than plain English text");
    }
    let letters: Vec<char> = text.chars().collect();
    if letters.windows(2).any(|pair| pair[0] == '.' && pair[1].is_ascii_alphanumeric()) {
        return Some("it holds something like a link");
    }
    if letters.iter().filter(|letter| letter.is_ascii_digit()).count() > DIGITS {
        return Some("it holds numbers");
    }
    let words = words(text);
    if words.iter().any(|word| FOREIGN.contains(&word.as_str())) {
        return Some("it speaks of more than what can be seen");
    }
    let other = (0..words.len()).filter_map(|at| claim(&words, at)).any(|claim| !fits(claim, verdict));
    other.then_some("it asserts another answer than the verdict's")
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
}

/// What the word at this place asserts.
fn claim(words: &[String], at: usize) -> Option<Claim> {
    let among = |list: &[&str]| list.contains(&words[at].as_str());
    let plainly = match () {
        () if among(GENERATED) => Claim::Generated,
        () if among(EDITED) => Claim::Edited,
        () if among(CAMERA) => Claim::Camera,
        () => return None,
    };
    let negated = words[at.saturating_sub(REACH)..at].iter().any(|word| NEGATIONS.contains(&word.as_str()));
    Some(match (negated, plainly) {
        (false, plainly) => plainly,
        (true, Claim::Generated | Claim::Edited) => Claim::Camera,
        (true, Claim::Camera) => Claim::Generated,
    })
}

/// An unsure verdict asserts nothing, so neither may a remark on it.
fn fits(claim: Claim, verdict: &Verdict) -> bool {
    let said: &[Claim] = match verdict.label {
        _ if verdict.unsure => &[],
        Label::AiGenerated => &[Claim::Generated],
        Label::AiEdited => &[Claim::Generated, Claim::Edited],
        Label::DigitallyEdited => &[Claim::Edited],
        Label::Real => &[Claim::Camera],
    };
    said.contains(&claim)
}
