//! From features to one probability: a logistic regression, then, where the card has them, one straight line a bucket of sizes.
//! Pure arithmetic.

use std::collections::BTreeMap;

/// `P = sigmoid(scale × z + shift)` with `z = bias + Σ weight × feature`; scale and shift are those of the picture's bucket, 1 and 0
/// without buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    bias: f64,
    weights: BTreeMap<String, f64>,
    buckets: Vec<Bucket>,
}

/// Pictures of some sizes, and how far the logit is right for them.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// For people.
    pub name: String,
    /// Pictures whose longest side is at most so many pixels belong here; `None`: all that are larger.
    pub longest_to: Option<u32>,
    /// What the logit is multiplied by; above 0.
    pub scale: f64,
    /// What is then added.
    pub bias: f64,
}

impl Calibration {
    /// `valid` are the features that the card has; `Err` names what is wrong and what would be right.
    pub(crate) fn new(bias: f64, weights: BTreeMap<String, f64>, buckets: Vec<Bucket>, valid: &[String]) -> Result<Self, String> {
        if weights.is_empty() || !bias.is_finite() {
            return Err("[calibration] needs a finite bias and at least one weight".into());
        }
        for (feature, weight) in &weights {
            if !valid.contains(feature) {
                return Err(format!("[calibration.weights] knows no feature \"{feature}\"; valid: {}", valid.join(", ")));
            }
            if !weight.is_finite() {
                return Err(format!("[calibration.weights] \"{feature}\" must be a finite number"));
            }
        }
        check(&buckets)?;
        Ok(Self { bias, weights, buckets })
    }

    /// The calibrated log-odds of "generated" for a picture with these features whose longest side has so many pixels. A
    /// feature that is not there counts as 0.
    #[must_use]
    pub fn logit(&self, features: &BTreeMap<String, f64>, longest: u32) -> f64 {
        let sum: f64 = self.weights.iter().map(|(feature, weight)| weight * features.get(feature).copied().unwrap_or(0.0)).sum();
        let z = self.bias + sum;
        let bucket = self.buckets.iter().find(|bucket| bucket.longest_to.is_none_or(|to| longest <= to));
        bucket.map_or(z, |bucket| bucket.scale * z + bucket.bias)
    }
}

fn check(buckets: &[Bucket]) -> Result<(), String> {
    if let Some(bucket) = buckets.iter().find(|bucket| !(bucket.scale.is_finite() && bucket.scale > 0.0 && bucket.bias.is_finite())) {
        return Err(format!("[[calibration.bucket]] \"{}\": scale must be a number above 0, bias a finite one", bucket.name));
    }
    let ends: Vec<u64> = buckets.iter().map(|bucket| bucket.longest_to.map_or(u64::MAX, u64::from)).collect();
    if ends.windows(2).any(|pair| pair[0] >= pair[1]) || ends.last().is_some_and(|last| *last != u64::MAX) {
        return Err("[[calibration.bucket]]: longest_to must rise from bucket to bucket, and the last bucket has none".into());
    }
    Ok(())
}

/// The logistic function.
#[must_use]
pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
