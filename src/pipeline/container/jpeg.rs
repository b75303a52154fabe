//! JPEG: markers and their segments, past the entropy-coded data, up to the first end-of-image marker.

/// The marker bytes that are asked for by name (the second byte, after 0xFF).
pub(crate) mod marker {
    /// Start of a baseline frame; `SOF0..=SOF15` but for DHT, JPG and DAC all have this layout.
    pub(crate) const SOF0: u8 = 0xC0;
    /// Start of a progressive frame.
    pub(crate) const SOF2: u8 = 0xC2;
    /// Huffman tables.
    pub(crate) const DHT: u8 = 0xC4;
    /// Reserved.
    pub(crate) const JPG: u8 = 0xC8;
    /// Arithmetic tables.
    pub(crate) const DAC: u8 = 0xCC;
    /// The last of the frame markers.
    pub(crate) const SOF15: u8 = 0xCF;
    /// End of image.
    pub(crate) const EOI: u8 = 0xD9;
    /// Start of scan: entropy-coded data follow.
    pub(crate) const SOS: u8 = 0xDA;
    /// Quantisation tables.
    pub(crate) const DQT: u8 = 0xDB;
    /// Application segment 1: Exif and XMP.
    pub(crate) const APP1: u8 = 0xE1;
    /// Application segment 11: JUMBF, which holds C2PA.
    pub(crate) const APP11: u8 = 0xEB;
    /// Application segment 13: Photoshop resources, which hold IPTC-IIM.
    pub(crate) const APP13: u8 = 0xED;
    /// A comment.
    pub(crate) const COM: u8 = 0xFE;
}

/// One marker with what its segment holds (nothing for markers that stand alone).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) data: &'a [u8],
}

impl Segment<'_> {
    /// Whether it starts a frame (says size and components).
    pub(crate) const fn is_frame(&self) -> bool {
        matches!(self.marker, marker::SOF0..=marker::SOF15) && !matches!(self.marker, marker::DHT | marker::JPG | marker::DAC)
    }
}

/// Every segment in order; the last is EOI if the file is whole.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = bytes;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let segment = next(&mut rest)?;
        ended = segment.marker == marker::EOI;
        Some(segment)
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<Segment<'a>> {
    let marker = next_marker(rest)?;
    // SOI, EOI and the restart markers stand alone.
    if matches!(marker, 0x01 | 0xD0..=0xD9) {
        return Some(Segment { marker, data: &[] });
    }
    let length = usize::from(u16::from_be_bytes(*rest.first_chunk::<2>()?));
    let data = rest.get(2..length)?;
    *rest = rest.get(length..)?;
    Some(Segment { marker, data })
}

/// Skips entropy-coded data, stuffed zeros, fill bytes and junk up to a marker.
fn next_marker(rest: &mut &[u8]) -> Option<u8> {
    loop {
        let at = rest.iter().position(|byte| *byte == 0xFF)?;
        *rest = rest.get(at + 1..)?;
        match rest.first()? {
            0x00 => *rest = rest.get(1..)?,
            0xFF => {}
            marker => {
                let marker = *marker;
                *rest = rest.get(1..)?;
                return Some(marker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_coded_data_hide_no_markers() {
        let file = b"\xFF\xD8\xFF\xE1\x00\x05abc\xFF\xDA\x00\x03x12\xFF\x00\xFF\xD03\xFF\xD9junk\xFF\xE1\x00\x02";
        let markers: Vec<u8> = segments(file).map(|segment| segment.marker).collect();
        assert_eq!(markers, [0xD8, 0xE1, 0xDA, 0xD0, 0xD9]);
        assert_eq!(segments(file).nth(1).unwrap().data, b"abc");
    }

    #[test]
    fn a_segment_past_the_end_ends_the_walk() {
        assert_eq!(segments(b"\xFF\xD8\xFF\xE1\xFF\xFFabc").count(), 1);
        assert_eq!(segments(b"\xFF\xD8\xFF\xE1\x00\x00abc").count(), 1);
        assert_eq!(segments(b"\xFF").count(), 0);
    }
}
