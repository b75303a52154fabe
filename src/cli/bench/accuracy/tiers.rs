//! The deliveries in which every image is measured: as it came, and as sites and chats hand it on.

use bytes::Bytes;
use clap::ValueEnum;
use image::RgbImage;
use serde::Serialize;
use touchstone_pipeline::delivery::{self, Undelivered};

/// One delivery. The order is from kind to cruel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
pub(super) enum Tier {
    /// The bytes as they are.
    #[serde(rename = "clean")]
    Clean,
    /// Longest side at most 1024 px, JPEG quality 85.
    #[serde(rename = "1024")]
    #[value(name = "1024")]
    Long1024,
    /// Longest side at most 768 px, JPEG quality 60.
    #[serde(rename = "web")]
    Web,
    /// Longest side at most 512 px, JPEG quality 40.
    #[serde(rename = "hard")]
    Hard,
}

impl Tier {
    /// The word in tables, options and JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Long1024 => "1024",
            Self::Web => "web",
            Self::Hard => "hard",
        }
    }

    /// Longest side in pixels and JPEG quality; `None` leaves the file alone.
    const fn save(self) -> Option<(u32, u8)> {
        match self {
            Self::Clean => None,
            Self::Long1024 => Some((1024, 85)),
            Self::Web => Some((768, 60)),
            Self::Hard => Some((512, 40)),
        }
    }

    /// The file that arrives: `original` are its bytes, `rgb` its pixels.
    pub(super) fn deliver(self, original: &Bytes, rgb: &RgbImage) -> Result<Bytes, Undelivered> {
        match self.save() {
            None => Ok(original.clone()),
            Some((longest, quality)) => Ok(delivery::jpeg(&delivery::shrink(rgb, longest), quality)?.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_is_smaller_than_the_one_before_and_clean_is_untouched() {
        let picture = RgbImage::from_fn(1600, 900, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x * y) % 251) as u8]));
        let original = Bytes::from_static(b"the file itself");
        let files: Vec<Bytes> = Tier::value_variants().iter().map(|tier| tier.deliver(&original, &picture).expect("saved")).collect();
        assert_eq!(files[0], original);
        let sizes: Vec<_> = files[1..].iter().map(|file| image::load_from_memory(file).expect("a JPEG").width()).collect();
        assert_eq!(sizes, [1024, 768, 512]);
        assert!(files[1].len() > files[2].len() && files[2].len() > files[3].len());
    }
}
