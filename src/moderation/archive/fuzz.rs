//! The policy's promises as one function, for the fuzz target and the replay of its corpus.

use bytes::Bytes;

use super::{Limits, Plan, inflate, plan};

/// Small, so that a fuzzer meets every bound.
fn limits() -> Limits {
    Limits { images: 8, entries: 40, directory_bytes: 8192, image_bytes: 16..=4096, ratio: 50, inflated_bytes: 16_384 }
}

/// Goes the whole way of an archive in memory: from its last record to the bytes of each image.
///
/// # Panics
/// When a promise is broken: an image beyond the archive or its bounds, two of one byte, a file both judged and skipped.
pub fn fuzz(bytes: &[u8]) {
    let limits = limits();
    let Ok(Plan { images, skipped }) = plan(bytes, bytes.len() as u64, &limits) else { return };
    assert!((1..=limits.images).contains(&images.len()), "{} images", images.len());
    assert!((images.len() + skipped.len()) as u64 <= limits.entries, "{} skipped", skipped.len());
    assert!(images.iter().map(|image| image.entry.size).sum::<u64>() <= limits.inflated_bytes, "too much in all");
    let mut ranges: Vec<_> = images.iter().map(|image| image.entry.offset..image.entry.offset + image.entry.compressed).collect();
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?} overlap");
    for image in images {
        let entry = image.entry;
        let data = &bytes[entry.offset as usize..(entry.offset + entry.compressed) as usize];
        if let Ok(inflated) = inflate(Bytes::copy_from_slice(data), &entry) {
            assert!(limits.image_bytes.contains(&(inflated.len() as u64)), "{} bytes", inflated.len());
        }
        assert!(!image.file_name.is_empty() && !image.file_name.chars().any(char::is_control), "{:?}", image.file_name);
    }
}
