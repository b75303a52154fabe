//! From the logits of all squares to one probability: a logistic regression over a few pooled features. Pure arithmetic.

use std::collections::BTreeMap;

use super::View;

/// How the logits of a view's squares become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The middle one, or the mean of the two in the middle.
    Median,
}

const POOLS: [(&str, Pool); 4] = [("mean", Pool::Mean), ("max", Pool::Max), ("min", Pool::Min), ("median", Pool::Median)];

impl Pool {
    fn of(self, logits: &[f32]) -> f64 {
        let mut sorted: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return 0.0 };
        let middle = sorted.len() / 2;
        match self {
            Self::Mean => sorted.iter().sum::<f64>() / sorted.len() as f64,
            Self::Max => *last,
            Self::Min => *first,
            Self::Median if sorted.len() % 2 == 1 => sorted[middle],
            Self::Median => (sorted[middle - 1] + sorted[middle]) / 2.0,
        }
    }
}

/// A logistic regression: `sigmoid(bias + Σ weight × feature)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    bias: f64,
    terms: Vec<(usize, Pool, f64)>,
}

impl Calibration {
    /// Finds the view and the pooling that each feature name means; `Err` names the valid ones.
    pub(super) fn new(bias: f64, weights: &BTreeMap<String, f64>, views: &[View]) -> Result<Self, String> {
        let terms = weights.iter().map(|(feature, weight)| term(feature, *weight, views)).collect::<Result<Vec<_>, _>>()?;
        if terms.is_empty() || !bias.is_finite() {
            return Err("[calibration] needs a bias and at least one weight".into());
        }
        Ok(Self { bias, terms })
    }

    /// The probability of "generated", 0–1, from each view's logits (in the card's order of views).
    #[must_use]
    pub fn probability(&self, logits: &[&[f32]]) -> f64 {
        let sum: f64 = self.terms.iter().map(|(view, pool, weight)| weight * pool.of(logits[*view])).sum();
        sigmoid(self.bias + sum)
    }
}

fn term(feature: &str, weight: f64, views: &[View]) -> Result<(usize, Pool, f64), String> {
    if !weight.is_finite() {
        return Err(format!("[calibration.weights] \"{feature}\" must be a finite number"));
    }
    for (index, view) in views.iter().enumerate() {
        for (suffix, pool) in POOLS {
            if feature == format!("{}.{suffix}", view.name) {
                return Ok((index, pool, weight));
            }
        }
    }
    let valid: Vec<String> = views.iter().flat_map(|view| POOLS.map(|(suffix, _)| format!("{}.{suffix}", view.name))).collect();
    Err(format!("[calibration.weights] knows no feature \"{feature}\"; valid: {}", valid.join(", ")))
}

/// The logistic function.
#[must_use]
pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
