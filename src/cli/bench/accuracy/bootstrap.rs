//! How far a figure could lie from itself by the luck of the draw: 95 % intervals from resampled images (Efron's percentile
//! bootstrap), each class drawn for itself, by dice that fall the same way in every run.

use super::statistics::Sample;
use crate::bench::order::quantile;

/// Draws for one interval.
const DRAWS: usize = 1000;

/// Small, seeded and the same everywhere: SplitMix64 (Steele, Lea & Flood 2014). Statistics need no more.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // The high half of a product maps evenly onto 0..end.
        ((u128::from(mixed ^ (mixed >> 31)) * end as u128) >> 64) as usize
    }
}

/// The 95 % interval of every figure that `figures` computes from (ai, real), both sorted by score.
pub(super) fn intervals<const N: usize>(
    ai: &[Sample],
    real: &[Sample],
    figures: impl Fn(&[Sample], &[Sample]) -> [f64; N],
) -> [[f64; 2]; N] {
    let mut dice = Dice(1);
    let draws: Vec<[f64; N]> = (0..DRAWS).map(|_| figures(&draw(ai, &mut dice), &draw(real, &mut dice))).collect();
    std::array::from_fn(|figure| {
        let mut values: Vec<f64> = draws.iter().map(|draw| draw[figure]).collect();
        [0.025, 0.975].map(|share| quantile(&mut values, share))
    })
}

/// As many samples as there are, with replacement. Counting how often each is drawn keeps them sorted.
fn draw(samples: &[Sample], dice: &mut Dice) -> Vec<Sample> {
    let mut times = vec![0_usize; samples.len()];
    for _ in samples {
        times[dice.below(samples.len())] += 1;
    }
    samples.iter().zip(times).flat_map(|(sample, times)| std::iter::repeat_n(*sample, times)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::statistics, *};

    fn class(count: usize, flagged: usize) -> Vec<Sample> {
        (0..count).map(|n| Sample { score: n as f64 / count as f64, flagged: n >= count - flagged }).collect()
    }

    #[test]
    fn an_interval_of_a_rate_is_as_wide_as_the_binomial_says() {
        // 80 of 100: the standard error is √(.8·.2/100) = .04, so the interval is about .72 to .88.
        let [[low, high]] = intervals(&class(100, 80), &class(10, 1), |ai, _| [statistics::flagged(ai)]);
        assert!((low - 0.72).abs() < 0.021 && (high - 0.88).abs() < 0.021, "{low} – {high}");
    }

    #[test]
    fn the_same_images_give_the_same_interval_and_draws_stay_sorted() {
        let (ai, real) = (class(40, 30), class(30, 6));
        let auc = |ai: &[Sample], real: &[Sample]| [statistics::auc(ai, real)];
        assert_eq!(intervals(&ai, &real, auc), intervals(&ai, &real, auc));
        let drawn = draw(&ai, &mut Dice(7));
        assert_eq!(drawn.len(), 40);
        assert!(drawn.is_sorted_by(|a, b| a.score <= b.score) && drawn != ai);
    }
}
