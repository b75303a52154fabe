//! Where a number stands among others: medians and quantiles of what was measured.

/// The value below which this share (0–1) of the values lies, linear between its neighbours; 0 of none. Sorts them.
pub(super) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The middle value, or the mean of the two in the middle; 0 of none. Sorts them.
pub(super) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(quantile(&mut [3.0, 0.0, 2.0, 1.0], 0.25), 0.75);
        assert_eq!((quantile(&mut [5.0], 0.975), quantile(&mut [2.0, 1.0], 1.0)), (5.0, 2.0));
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!([median(&mut [3.0, 1.0, 100.0]), median(&mut [4.0, 1.0, 2.0, 100.0]), median(&mut [])], [3.0, 3.0, 0.0]);
    }
}
