//! From an archive to what becomes of each of its files.

use std::ops::Range;

use rawzip::{MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipLocator};
use touchstone_core::batch::{Entry, Skipped};

use super::{
    Image, Limits, Plan, Unusable,
    content::{LOCAL_BYTES, look},
    entries::{Claim, list},
    reason::Reason,
};

/// How far before its end an archive's last record may begin: the record and its longest comment.
const END_RECORD: u64 = 22 + u16::MAX as u64;

/// Decides about every file of an archive of `size` bytes. Reads its directory, and of each file that may be an image its header
/// and first bytes; memory is bounded by the limits, whatever the archive claims.
///
/// # Errors
/// Why nothing of the archive is judged.
pub fn plan<R: ReaderAt>(reader: R, size: u64, limits: &Limits) -> Result<Plan, Unusable> {
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let locator = ZipLocator::new().max_search_space(END_RECORD);
    let archive = locator.locate_in_reader(reader, &mut buffer, size).map_err(|(_, error)| error)?;
    let listed = list(&archive, limits, &mut buffer)?;
    let mut scratch = vec![0; LOCAL_BYTES];
    let mut taken = Taken { limits, images: Vec::new(), spans: Vec::new(), inflated: 0 };
    let mut skipped = Vec::new();
    for file in listed {
        let seen = match file.claim {
            Ok(claim) => look(&archive, &claim, &mut scratch)?.map(|entry| (claim, entry)),
            Err(reason) => Err(reason),
        };
        let reason = match seen {
            Ok((claim, entry)) => taken.add(&file.shown, &claim, entry)?,
            Err(reason) => Some(reason),
        };
        skipped.extend(reason.map(|reason| Skipped { filename: file.shown, reason: reason.to_string() }));
    }
    if taken.images.is_empty() {
        return Err(Unusable::NoImages(skipped));
    }
    Ok(Plan { images: taken.images, skipped })
}

/// The images so far, and what they use up.
struct Taken<'a> {
    limits: &'a Limits,
    images: Vec<Image>,
    /// From each one's header to the end of its data.
    spans: Vec<Range<u64>>,
    inflated: u64,
}

impl Taken<'_> {
    /// Takes one more image, unless it shares bytes with one before; answers why it did not.
    fn add(&mut self, shown: &str, claim: &Claim, entry: Entry) -> Result<Option<Reason>, Unusable> {
        let span = claim.header..entry.offset + entry.compressed;
        if self.spans.iter().any(|other| other.start < span.end && span.start < other.end) {
            return Ok(Some(Reason::Overlap));
        }
        if self.images.len() == self.limits.images {
            return Err(Unusable::TooManyImages(self.limits.images));
        }
        self.inflated += entry.size;
        if self.inflated > self.limits.inflated_bytes {
            return Err(Unusable::InflatesTooMuch(self.limits.inflated_bytes));
        }
        self.spans.push(span);
        self.images.push(Image { file_name: shown.to_owned(), entry });
        Ok(None)
    }
}
