//! The arithmetic of telling two classes apart: areas, rates, calibration. Pure; every function is checked against examples done by hand.
//!
//! Samples of one class come sorted by rising score ([`sort`]); scores are likelihoods, 0–1, higher means AI.

/// What was said of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Likelihood of AI, 0–1.
    pub(super) score: f64,
    /// The label that goes with it says AI.
    pub(super) flagged: bool,
}

/// One point of a receiver operating characteristic.
pub(super) type Point = (f64, f64);

/// One interval of scores in a reliability diagram.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Bin {
    /// Scores from here …
    pub(super) from: f64,
    /// … to here, exclusive but for the last.
    pub(super) to: f64,
    /// How many images scored so.
    pub(super) images: usize,
    /// What was claimed: their mean score.
    pub(super) score: f64,
    /// What is true: the share of them that are AI.
    pub(super) ai: f64,
}

/// By rising score.
pub(super) fn sort(samples: &mut [Sample]) {
    samples.sort_by(|a, b| a.score.total_cmp(&b.score));
}

/// Area under the ROC curve: the chance that an AI image scores above a real one, a tie counting half (Mann–Whitney U).
pub(super) fn auc(ai: &[Sample], real: &[Sample]) -> f64 {
    let (mut below, mut upto, mut wins) = (0, 0, 0.0);
    for sample in ai {
        while real.get(below).is_some_and(|other| other.score < sample.score) {
            below += 1;
        }
        upto = upto.max(below);
        while real.get(upto).is_some_and(|other| other.score <= sample.score) {
            upto += 1;
        }
        wins += (below + upto) as f64 / 2.0;
    }
    wins / (ai.len() * real.len()) as f64
}

/// The share of images that are said to be AI.
pub(super) fn flagged(samples: &[Sample]) -> f64 {
    samples.iter().filter(|sample| sample.flagged).count() as f64 / samples.len() as f64
}

/// Mean of both classes' shares of right labels.
pub(super) fn balanced_accuracy(ai: &[Sample], real: &[Sample]) -> f64 {
    (flagged(ai) + 1.0 - flagged(real)) / 2.0
}

/// The share of AI images above every cut that lets at most the share `fpr` of the reals pass: the best cut there is.
pub(super) fn tpr_at(ai: &[Sample], real: &[Sample], fpr: f64) -> f64 {
    let pass = (fpr * real.len() as f64 + 1e-9).floor() as usize;
    let Some(cut) = real.len().checked_sub(pass + 1).map(|place| real[place].score) else { return 1.0 };
    let above = ai.len() - ai.partition_point(|sample| sample.score <= cut);
    above as f64 / ai.len() as f64
}

/// The curve from (0, 0) to (1, 1): share of reals and of AI images at or above each score that occurs.
pub(super) fn roc(ai: &[Sample], real: &[Sample]) -> Vec<Point> {
    let mut cuts: Vec<f64> = ai.iter().chain(real).map(|sample| sample.score).collect();
    cuts.sort_by(|a, b| b.total_cmp(a));
    cuts.dedup();
    let share = |class: &[Sample], cut: f64| 1.0 - class.partition_point(|sample| sample.score < cut) as f64 / class.len() as f64;
    std::iter::once((0.0, 0.0)).chain(cuts.into_iter().map(|cut| (share(real, cut), share(ai, cut)))).collect()
}

/// The balanced accuracy of the threshold that suits these very images best: an upper bound, not a figure to promise.
pub(super) fn best_balanced_accuracy(ai: &[Sample], real: &[Sample]) -> f64 {
    roc(ai, real).into_iter().map(|(fpr, tpr)| f64::midpoint(tpr, 1.0 - fpr)).fold(0.0, f64::max)
}

/// The images in `count` intervals of equal width; empty ones are there with zeros.
pub(super) fn bins(ai: &[Sample], real: &[Sample], count: usize) -> Vec<Bin> {
    let place = |sample: &Sample| ((sample.score.clamp(0.0, 1.0) * count as f64) as usize).min(count - 1);
    let mut sums = vec![(0_usize, 0.0, 0_usize); count];
    for (sample, is_ai) in ai.iter().map(|sample| (sample, 1)).chain(real.iter().map(|sample| (sample, 0))) {
        let (images, score, generated) = &mut sums[place(sample)];
        (*images, *score, *generated) = (*images + 1, *score + sample.score, *generated + is_ai);
    }
    let edge = |bin: usize| bin as f64 / count as f64;
    let mean = |sum: f64, images: usize| if images == 0 { 0.0 } else { sum / images as f64 };
    let bin = |(at, (images, score, generated)): (usize, (usize, f64, usize))| Bin {
        from: edge(at),
        to: edge(at + 1),
        images,
        score: mean(score, images),
        ai: mean(generated as f64, images),
    };
    sums.into_iter().enumerate().map(bin).collect()
}

/// Expected calibration error: how far claims lie from truth, bin by bin, weighted by images (Naeini et al. 2015).
pub(super) fn ece(bins: &[Bin]) -> f64 {
    let images: usize = bins.iter().map(|bin| bin.images).sum();
    bins.iter().map(|bin| bin.images as f64 * (bin.score - bin.ai).abs()).sum::<f64>() / images.max(1) as f64
}

/// The 95 % interval of a share of so many images (Wilson 1927): honest also where all or none of a few are.
pub(super) fn wilson(share: f64, images: usize) -> [f64; 2] {
    const Z: f64 = 1.96;
    let n = images as f64;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(middle - reach).max(0.0), (middle + reach).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples at these scores, flagged from 0.5.
    fn samples<const N: usize>(scores: [f64; N]) -> Vec<Sample> {
        let mut samples = scores.map(|score| Sample { score, flagged: score >= 0.5 }).to_vec();
        sort(&mut samples);
        samples
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn the_area_counts_pairs_and_ties_half() {
        close(auc(&samples([0.9, 0.8]), &samples([0.1, 0.2])), 1.0);
        close(auc(&samples([0.1]), &samples([0.9])), 0.0);
        // Six pairs: .9 beats all three, .4 beats .1, ties with .4, loses to .6.
        close(auc(&samples([0.9, 0.4]), &samples([0.1, 0.4, 0.6])), 4.5 / 6.0);
        close(auc(&samples([0.5, 0.5]), &samples([0.5, 0.5, 0.5])), 0.5);
    }

    #[test]
    fn rates_follow_the_labels_given() {
        let (ai, real) = (samples([0.9, 0.6, 0.2]), samples([0.1, 0.7]));
        close(flagged(&ai), 2.0 / 3.0);
        close(balanced_accuracy(&ai, &real), (2.0 / 3.0 + 0.5) / 2.0);
    }

    #[test]
    fn at_a_false_positive_rate_only_so_many_reals_pass() {
        // Of twenty reals one may pass at 5 %: the cut is the second largest, 0.18.
        let reals: Vec<Sample> = (0..20).map(|n| Sample { score: f64::from(n) / 100.0, flagged: false }).collect();
        close(tpr_at(&samples([0.18, 0.185, 0.9, 0.05]), &reals, 0.05), 0.5);
        // Of nineteen none may.
        close(tpr_at(&samples([0.18, 0.185, 0.9, 0.05]), &reals[1..], 0.05), 0.25);
        close(tpr_at(&samples([0.0]), &reals, 1.0), 1.0);
    }

    #[test]
    fn the_curve_goes_from_corner_to_corner_and_its_best_point_is_found() {
        let (ai, real) = (samples([0.9, 0.3]), samples([0.4, 0.1]));
        assert_eq!(roc(&ai, &real), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        close(best_balanced_accuracy(&ai, &real), 0.75);
        let area: f64 = roc(&ai, &real).windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1)).sum();
        close(area, auc(&ai, &real));
    }

    #[test]
    fn calibration_compares_claims_with_truth_in_ten_bins() {
        // Bin 9: .92 and 1.0 are AI, .94 is real: claimed .9533, true 2/3. Bin 1: .1 is real.
        let bins = bins(&samples([0.92, 1.0]), &samples([0.94, 0.1]), 10);
        assert_eq!((bins[9].images, bins[1].images, bins[0].images), (3, 1, 0));
        close(bins[9].score, 2.86 / 3.0);
        close(bins[9].ai, 2.0 / 3.0);
        close(ece(&bins), (3.0 * (2.86 / 3.0 - 2.0 / 3.0) + 0.1) / 4.0);
    }

    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        // 8 of 10: (.8 + .19208) / 1.38416 = .7168, ± 1.96 / 1.38416 · √(.016 + .009604) = .2266.
        let [low, high] = wilson(0.8, 10);
        assert!((low - 0.4902).abs() < 5e-4 && (high - 0.9433).abs() < 5e-4, "{low} – {high}");
        let [low, high] = wilson(1.0, 5);
        assert!((low - 0.5655).abs() < 5e-4 && (high - 1.0).abs() < 1e-9, "five of five do not prove all: {low}");
    }
}
