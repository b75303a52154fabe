//! The quality that a JPEG file was written with, estimated from its luma quantisation table.

/// The standard's example table for luma, which the common encoder scales, in the order of the file (zigzag).
const STANDARD: [u16; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51, 56, 55,
    64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];

/// The quality, 1–100, on the scale of the common encoder; `None` when the file has no luma table before its first scan.
pub(crate) fn estimate(file: &[u8]) -> Option<u8> {
    luma_table(file).map(|table| quality(&table))
}

/// The same of a table.
pub(super) fn quality(table: &[u16; 64]) -> u8 {
    let (ours, standard) =
        (table.iter().map(|step| u32::from(*step)).sum::<u32>(), STANDARD.iter().map(|step| u32::from(*step)).sum::<u32>());
    let percent = 100.0 * f64::from(ours) / f64::from(standard);
    let quality = if percent <= 100.0 { (200.0 - percent) / 2.0 } else { 5000.0 / percent };
    quality.round().clamp(1.0, 100.0) as u8
}

/// The table that the common encoder writes at a quality, 1–100.
pub(super) fn scaled(quality: u8) -> [u16; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    STANDARD.map(|step| u16::try_from((u32::from(step) * percent + 50) / 100).unwrap_or(255).clamp(1, 255))
}

/// Table 0 in the order of the file, by walking the file's segments.
pub(super) fn luma_table(file: &[u8]) -> Option<[u16; 64]> {
    let mut rest = file.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        // Any number of fill bytes may stand before a marker.
        while rest.first() == Some(&0xFF) && rest.get(1) == Some(&0xFF) {
            rest = &rest[1..];
        }
        let (marker, length) = (*rest.get(1)?, usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?])));
        if rest.first() != Some(&0xFF) || marker == 0xDA || length < 2 {
            return None;
        }
        let segment = rest.get(4..2 + length)?;
        if let Some(table) = (marker == 0xDB).then(|| table_zero(segment)).flatten() {
            return Some(table);
        }
        rest = rest.get(2 + length..)?;
    }
}

/// Table 0 among the tables of one segment.
fn table_zero(mut segment: &[u8]) -> Option<[u16; 64]> {
    loop {
        let (head, body) = segment.split_first()?;
        let wide = usize::from(head >> 4 != 0) + 1;
        let steps = body.get(..64 * wide)?;
        if head & 0x0F == 0 {
            return Some(std::array::from_fn(|index| {
                steps[index * wide..(index + 1) * wide].iter().fold(0, |step, byte| step << 8 | u16::from(*byte))
            }));
        }
        segment = &body[64 * wide..];
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};

    use super::*;

    #[test]
    fn the_quality_that_an_encoder_was_asked_for_is_found_again() {
        for quality in [20u8, 50, 75, 85, 95, 100] {
            let mut file = Vec::new();
            JpegEncoder::new_with_quality(&mut file, quality).encode(&[128; 16 * 16 * 3], 16, 16, ExtendedColorType::Rgb8).unwrap();
            let found = estimate(&file).unwrap();
            assert!(found.abs_diff(quality) <= 2, "{quality}: {found}");
            assert_eq!(luma_table(&file), Some(scaled(quality)));
        }
    }

    #[test]
    fn a_file_that_ends_early_has_no_quality() {
        let mut file = Vec::new();
        JpegEncoder::new(&mut file).encode(&[9; 8 * 8 * 3], 8, 8, ExtendedColorType::Rgb8).unwrap();
        for end in 0..60 {
            assert_eq!(estimate(&file[..end]), None);
        }
        assert_eq!(estimate(b"GIF89a"), None);
    }
}
