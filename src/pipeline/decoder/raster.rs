//! How many pixels a drawing or a page becomes: neither has any of its own.

use crate::settings::Limits;

/// The longer side of what is drawn lies between these, in pixels: below, the model would see a thumbnail; above, nothing more.
const LONGER_SIDE: std::ops::RangeInclusive<f64> = 1024.0..=4096.0;

/// Width and height in pixels for something of this size (in pixels as its author meant them), its shape kept as far as whole
/// pixels allow. `None` for something without a size.
pub(super) fn size(width: f64, height: f64, limits: &Limits) -> Option<(u32, u32)> {
    let longer = width.max(height);
    if !(width > 0.0 && height > 0.0 && longer.is_finite()) {
        return None;
    }
    let most = LONGER_SIDE.end().min(f64::from(limits.max_side)).min((limits.max_pixels as f64).sqrt());
    let scale = longer.clamp(*LONGER_SIDE.start(), *LONGER_SIDE.end()).min(most) / longer;
    let side = |length: f64| (length * scale).round().clamp(1.0, most) as u32;
    Some((side(width), side(height)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::LIMITS;

    #[test]
    fn the_longer_side_is_neither_a_thumbnail_nor_boundless() {
        let sized = |width, height| size(width, height, &LIMITS);
        assert_eq!(sized(24.0, 12.0), Some((1024, 512)));
        assert_eq!(sized(1275.0, 1650.0), Some((1275, 1650)));
        assert_eq!(sized(1e6, 1e6), Some((4096, 4096)));
        assert_eq!(sized(1e9, 1e-9), Some((4096, 1)));
        assert_eq!([sized(0.0, 5.0), sized(f64::NAN, 5.0), sized(f64::INFINITY, 5.0), sized(5.0, -1.0)], [None; 4]);
        let small = Limits { max_pixels: 10_000, ..LIMITS };
        assert_eq!(size(300.0, 150.0, &small), Some((100, 50)));
    }
}
