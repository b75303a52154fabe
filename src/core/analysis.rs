//! The written analysis beside a verdict (row T9): what the stages say together, in words that a person can act on.
//!
//! It explains and never adds: every line of it comes from something in the verdict (row X4).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// An analysis is ready within this time of the submission …
const AFTER_SUBMISSION: Duration = Duration::from_secs(20);

/// … or of the verdict, whichever ends later. Then it is skipped.
const AFTER_VERDICT: Duration = Duration::from_secs(2);

/// When an analysis that is still being worded is given up.
#[must_use]
pub fn deadline(submitted: Timestamp, judged: Timestamp) -> Timestamp {
    (submitted + AFTER_SUBMISSION).max(judged + AFTER_VERDICT)
}

/// Whether the stages point the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// Two or more stages speak, all the same way.
    Strong,
    /// One speaks clearly, and none against it.
    Moderate,
    /// What speaks is unsure, or sees too badly.
    Weak,
    /// One stage speaks for AI and another against it.
    Disagreement,
}

impl Agreement {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Moderate => "moderate",
            Self::Weak => "weak",
            Self::Disagreement => "disagreement",
        }
    }
}

/// A verdict in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Whether the stages point the same way.
    pub agreement: Agreement,
    /// What sort of picture it is: at most five short tags.
    pub image_tags: Vec<String>,
    /// The verdict's own confidence, 0–100.
    pub confidence: f64,
    /// The signals that speak for the verdict or against it, the weightiest first, each in its own words.
    pub key_indicators: Vec<String>,
    /// Two to four sentences.
    pub detailed_reasoning: String,
    /// What sort of picture it is and what became of it.
    pub visual_patterns: Vec<String>,
    /// Three to five next steps.
    pub recommendations: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_twenty_seconds_after_the_submission_or_two_after_the_verdict() {
        // T9
        let at = Timestamp::from_seconds;
        assert_eq!(deadline(at(100), at(103)), at(120));
        assert_eq!(deadline(at(100), at(118)), at(120));
        assert_eq!(deadline(at(100), at(119)), at(121));
    }
}
