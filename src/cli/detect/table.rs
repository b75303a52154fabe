//! The table for people: one line a file as soon as it is judged, the reason below it, a sum at the end. The columns have fixed
//! widths and the path comes last, so that the first line need not wait for the longest path.

use std::collections::BTreeMap;

use touchstone_core::analysis::{Agreement, Analysis};

use super::row::Row;
use crate::say;

/// Counts what it tells.
#[derive(Default)]
pub(super) struct Table {
    labels: BTreeMap<&'static str, usize>,
    unsure: usize,
    failed: usize,
    begun: bool,
}

impl Table {
    pub(super) fn count(&mut self, row: &Row) {
        if let Some(label) = row.final_result {
            *self.labels.entry(label.name()).or_default() += 1;
        }
        self.unsure += usize::from(row.unsure == Some(true));
        self.failed += usize::from(row.error.is_some());
    }

    pub(super) fn tell(&mut self, row: &Row) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            say::line(&format!("{:<18}{:>6}{:>12}  {:<8}{}", "VERDICT", "AI", "CONFIDENCE", "BY", "FILE"))?;
        }
        self.count(row);
        lines(row).iter().try_for_each(|line| say::line(line))
    }

    pub(super) const fn failed(&self) -> usize {
        self.failed
    }

    pub(super) fn summary(&self) -> String {
        let judged: usize = self.labels.values().sum();
        let labels: Vec<String> = self.labels.iter().map(|(label, count)| format!("{count} {label}")).collect();
        let mut told = format!("\n{judged} judged");
        if judged > 0 {
            told += &format!(": {}", labels.join(", "));
        }
        if self.unsure > 0 {
            told += &format!(" ({} unsure)", self.unsure);
        }
        if self.failed > 0 {
            told += &format!(". {} failed, each with its reason above", self.failed);
        }
        told + "."
    }
}

fn lines(row: &Row) -> Vec<String> {
    let percent = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.0} %"));
    let verdict = match (row.final_result, row.unsure) {
        (None, _) => "not judged".to_owned(),
        (Some(label), Some(true)) => format!("{}?", label.name()),
        (Some(label), _) => label.name().to_owned(),
    };
    let by = match row.detection_step {
        Some(1) => "record",
        Some(2) => "mark",
        Some(_) => "model",
        None => "",
    };
    let mut lines = vec![format!("{verdict:<18}{:>6}{:>12}  {by:<8}{}", percent(row.result), percent(row.confidence), row.path)];
    let reasons = row.signals.iter().filter(|signal| signal.weight > 0.0).map(|signal| signal.summary.as_str());
    let doubt = row.analysis.as_ref().and_then(doubt);
    lines.extend(reasons.chain(doubt).chain(row.error.as_deref()).map(|reason| format!("    {reason}")));
    lines
}

/// What a reader of the verdict must not overlook.
fn doubt(analysis: &Analysis) -> Option<&'static str> {
    match analysis.agreement {
        Agreement::Strong | Agreement::Moderate => None,
        Agreement::Weak => Some("Little stands behind this answer."),
        Agreement::Disagreement => Some("The stages disagree with one another; --json tells how."),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use touchstone_core::{
        finding::{Signal, Stage},
        verdict::Label,
    };

    use super::*;

    fn judged(unsure: bool) -> Row {
        let signal = |weight, summary: &str| Signal { weight, ..Signal::new(Stage::Classifier, "pixel_model", summary) };
        Row {
            result: Some(93.4),
            final_result: Some(Label::AiGenerated),
            confidence: Some(93.4),
            detection_step: Some(3),
            unsure: Some(unsure),
            signals: vec![signal(1.0, "The pixels look generated."), signal(0.0, "A camera is named.")],
            error: None,
            ..Row::failed(Path::new("a.jpg"), String::new())
        }
    }

    #[test]
    fn a_line_says_verdict_likelihood_confidence_and_who_decided_and_the_next_one_why() {
        assert_eq!(lines(&judged(false)), ["AI Generated        93 %        93 %  model   a.jpg", "    The pixels look generated."]);
        assert!(lines(&judged(true))[0].starts_with("AI Generated? "));
    }

    #[test]
    fn a_file_that_was_not_judged_has_its_reason() {
        let lines = lines(&Row::failed(Path::new("b.jpg"), "The file is empty.".into()));
        assert_eq!(lines, ["not judged             –           –          b.jpg", "    The file is empty."]);
    }

    #[test]
    fn the_sum_counts_labels_doubts_and_failures() {
        let mut table = Table::default();
        [judged(true), judged(false), Row::failed(Path::new("b.jpg"), "empty".into())].iter().for_each(|row| table.count(row));
        assert_eq!(table.summary(), "\n2 judged: 2 AI Generated (1 unsure). 1 failed, each with its reason above.");
        assert_eq!(table.failed(), 1);
    }
}
