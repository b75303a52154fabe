//! The optional vision model: what it is shown, what it may say, and how that joins the analyst's own words.
//!
//! The rule of joining: `agreement`, `confidence`, `key_indicators` and `recommendations` stay the analyst's. The model may add tags and
//! visual patterns behind the analyst's first of each, and one sentence to the reasoning, in place of the one on how the stages stand. An
//! answer of which a single text is refused is refused whole, and the analyst's words stand alone.

use std::{future::Future, pin::Pin, time::Duration};

use serde::Deserialize;
use touchstone_core::{analysis::Analysis, verdict::Verdict};

use super::{distinct, reasoning, vocabulary};
use crate::{
    encoded::{self, DrawError, Image},
    picture::Picture,
    resize::shrink,
};

/// Most letters of a tag.
const TAG: usize = 30;
/// Most letters of a sentence.
const SENTENCE: usize = 200;
/// Tags and patterns of which more are dropped unread.
const MOST: usize = 5;

/// JPEG quality of the picture that the model is shown.
const QUALITY: u8 = 80;

/// All that the model is shown: the pixels, as a JPEG with its longest side at most `longest` pixels. Neither the file's records, which
/// may say anything, nor the verdict.
///
/// # Errors
/// When encoding fails, which decoded pixels do not cause.
pub fn shown(picture: &Picture, longest: u32) -> Result<Image, DrawError> {
    encoded::jpeg(&shrink(&picture.rgb, longest), QUALITY)
}

/// What the model answers: this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remarks {
    /// What the picture shows, in a word or two each.
    pub image_tags: Vec<String>,
    /// What can be seen, one sentence each.
    pub visual_patterns: Vec<String>,
    /// One sentence.
    pub detailed_reasoning: String,
}

/// An answer that is on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Remarks, String>> + Send + 'a>>;

/// A vision model that may add to an analysis.
pub trait Wording: Send + Sync {
    /// Shows it a picture ([`shown`]) and gives up after `within`. The error says for the log what came of it, and holds no secret.
    fn remark(&self, jpeg: Vec<u8>, within: Duration) -> Answer<'_>;
}

/// The analysis of a verdict with a model's remarks, by the rule above.
///
/// # Errors
/// The text that is refused, and why.
pub fn join(verdict: &Verdict, remarks: Remarks) -> Result<Analysis, String> {
    let own = super::of(verdict);
    let tags = checked(remarks.image_tags, TAG, verdict)?;
    let patterns = checked(remarks.visual_patterns, SENTENCE, verdict)?;
    let mut sentence = check(&remarks.detailed_reasoning, SENTENCE, verdict)?;
    if sentence.trim_end_matches(['.', ' ']).contains(". ") {
        return Err("the reasoning is more than one sentence".to_owned());
    }
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    let mut reasoning = reasoning::of(verdict);
    let standing = reasoning.len() - 2;
    reasoning[standing] = sentence;
    Ok(Analysis {
        image_tags: behind_the_first(own.image_tags, tags.into_iter().map(|tag| tag.to_lowercase()).collect()),
        visual_patterns: behind_the_first(own.visual_patterns, patterns),
        detailed_reasoning: reasoning.join(" "),
        ..own
    })
}

fn checked(texts: Vec<String>, longest: usize, verdict: &Verdict) -> Result<Vec<String>, String> {
    texts.iter().take(MOST).map(|text| check(text, longest, verdict)).collect()
}

fn check(text: &str, longest: usize, verdict: &Verdict) -> Result<String, String> {
    let text = vocabulary::plain(text);
    let objection = if text.len() > longest { Some("it is too long") } else { vocabulary::objection(&text, verdict) };
    match objection {
        // Debug form, cut: it may hold anything.
        Some(why) => Err(format!("{why}: {:?}", text.chars().take(longest).collect::<String>())),
        None => Ok(text),
    }
}

fn behind_the_first(own: Vec<String>, added: Vec<String>) -> Vec<String> {
    let mut own = own.into_iter();
    let first = own.next();
    distinct(first.into_iter().chain(added).chain(own))
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
