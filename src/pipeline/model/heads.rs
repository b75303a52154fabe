//! The model's other answers: which family of generators made the picture, and what sort of picture it is. Pure arithmetic.

use touchstone_core::verdict::Share;

/// What everything is called that is none of the listed families.
pub const OTHER: &str = "other";

/// A family below this share is not worth a line of its own; it counts to [`OTHER`].
const LISTED: f64 = 0.05;

/// `[heads]`: the names behind the networks' extra outputs, and when a family counts as recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    /// Families of generators, in the order of the network's output. May be empty.
    pub families: Vec<String>,
    /// Sorts of picture, in the order of the network's output. May be empty.
    pub kinds: Vec<String>,
    /// When the largest family has less than this share (0–1), none was recognised.
    pub other: f64,
    /// What the mean logits are divided by before the softmax.
    pub temperature: f64,
}

impl Heads {
    /// The families' shares, by falling share, summing to 1. `logits` holds `squares × families`. Empty without either.
    ///
    /// Softmax of the mean logits; no family is named when none is above the card's reject threshold.
    #[must_use]
    pub fn attribution(&self, logits: &[f32]) -> Vec<Share> {
        let shares = self.shares(&self.families, logits);
        let Some(largest) = shares.first() else { return shares };
        if largest.share < self.other {
            return vec![Share { name: OTHER.into(), share: 1.0 }];
        }
        let (mut listed, tail): (Vec<Share>, Vec<Share>) = shares.into_iter().partition(|family| family.share >= LISTED);
        let rest = tail.iter().map(|family| family.share).sum::<f64>();
        listed.push(Share { name: OTHER.into(), share: rest });
        falling(listed)
    }

    /// The kinds' shares, by falling share, summing to 1. `logits` holds `squares × kinds`. Empty without either.
    #[must_use]
    pub fn kind(&self, logits: &[f32]) -> Vec<Share> {
        self.shares(&self.kinds, logits)
    }

    fn shares(&self, names: &[String], logits: &[f32]) -> Vec<Share> {
        if names.is_empty() || logits.is_empty() {
            return Vec::new();
        }
        let mut means = vec![0.0; names.len()];
        for square in logits.chunks_exact(names.len()) {
            means.iter_mut().zip(square).for_each(|(mean, logit)| *mean += f64::from(*logit));
        }
        let scale = names.len() as f64 / logits.len() as f64 / self.temperature;
        let largest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = means.iter().map(|mean| ((mean - largest) * scale).exp()).collect();
        let sum: f64 = weights.iter().sum();
        falling(names.iter().zip(weights).map(|(name, weight)| Share { name: name.clone(), share: weight / sum }).collect())
    }
}

/// The largest first; equals stay in the card's order.
fn falling(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(other: f64, temperature: f64) -> Heads {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Heads { families: names(&["a", "b", "c", "d"]), kinds: names(&["photo", "art"]), other, temperature }
    }

    /// Logits whose softmax has these shares.
    fn logits(shares: [f32; 4]) -> Vec<f32> {
        shares.iter().map(|share| share.ln() + 3.0).collect()
    }

    fn told(shares: &[Share]) -> Vec<(&str, f64)> {
        shares.iter().map(|share| (share.name.as_str(), (share.share * 1e6).round() / 1e6)).collect()
    }

    // X1
    #[test]
    fn families_stand_by_falling_share_and_what_is_small_counts_to_other() {
        let attribution = heads(0.35, 1.0).attribution(&logits([0.04, 0.60, 0.33, 0.03]));
        assert_eq!(told(&attribution), [("b", 0.6), ("c", 0.33), (OTHER, 0.07)]);
        let attribution = heads(0.35, 1.0).attribution(&logits([0.04, 0.9, 0.03, 0.03]));
        assert_eq!(told(&attribution), [("b", 0.9), (OTHER, 0.1)]);
    }

    // X1
    #[test]
    fn no_family_is_named_when_none_was_recognised() {
        assert_eq!(told(&heads(0.35, 1.0).attribution(&logits([0.3, 0.3, 0.2, 0.2]))), [(OTHER, 1.0)]);
        assert_eq!(heads(0.35, 1.0).attribution(&[]), [], "no view has the head");
    }

    // X1
    #[test]
    fn shares_sum_to_one_whatever_the_logits() {
        for (squares, other) in [(1, 0.0), (3, 0.2), (12, 0.99)] {
            let logits: Vec<f32> = (0..squares * 4).map(|index| ((index * 37 % 23) as f32 - 11.0) * 3.0).collect();
            let heads = heads(other, 0.7);
            for shares in [heads.attribution(&logits), heads.kind(&logits)] {
                assert!((shares.iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(shares.windows(2).all(|pair| pair[0].share >= pair[1].share));
            }
        }
    }

    #[test]
    fn logits_are_averaged_over_squares_and_a_temperature_flattens() {
        let heads = heads(0.35, 2.0);
        // Means: 2 and 0; at temperature 2 the odds are e to 1.
        let kind = heads.kind(&[3.0, -1.0, 1.0, 1.0]);
        assert!((kind[0].share - std::f64::consts::E / (1.0 + std::f64::consts::E)).abs() < 1e-9 && kind[0].name == "photo");
    }
}
