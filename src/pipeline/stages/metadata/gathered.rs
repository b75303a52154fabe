//! What is gathered from one file, within bounds that hold for the whole file.
//!
//! Records are hostile: an entry can be repeated thousands of times over the same bytes, a kilobyte can inflate to a gigabyte, and every
//! byte that is no UTF-8 becomes three. So no record is bounded by itself alone: everything that is inflated or kept is paid for out of
//! one allowance, and reading stops when that is spent.

use super::fields::{Field, Place};

/// Most fields of one file that are kept.
pub(super) const MOST: usize = 1_000;

/// Most bytes of one file's records that are inflated or kept, fields' own size included.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes of one EXIF block, XMP packet, IPTC block or text that are looked at.
pub(super) const LONGEST: usize = 512 * 1024;

/// The beginning of a block, as much as is looked at.
pub(super) fn bounded(data: &[u8]) -> &[u8] {
    data.get(..LONGEST).unwrap_or(data)
}

/// The fields found so far, and how many bytes may still be spent.
#[derive(Debug)]
pub(super) struct Gathered {
    fields: Vec<Field>,
    left: usize,
}

impl Gathered {
    pub(super) const fn new() -> Self {
        Self { fields: Vec::new(), left: MOST_BYTES }
    }

    /// Whether nothing more would be kept.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0 || self.fields.len() == MOST
    }

    /// Most bytes that one more text may have.
    pub(super) fn longest(&self) -> usize {
        self.left.min(LONGEST)
    }

    /// Pays for work.
    pub(super) const fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Keeps a field, its value as far as the allowance goes.
    pub(super) fn keep(&mut self, place: Place, name: &str, mut value: String) {
        if self.is_full() {
            return;
        }
        self.spend(size_of::<Field>() + name.len());
        if value.len() > self.left {
            value = value[..value.floor_char_boundary(self.left)].to_owned();
            self.left = 0;
        }
        self.spend(value.len());
        self.fields.push(Field::new(place, name, value));
    }

    /// Keeps bytes as a text; what is no UTF-8 in them is replaced.
    pub(super) fn keep_bytes(&mut self, place: Place, name: &str, value: &[u8]) {
        if !self.is_full() {
            self.keep(place, name, String::from_utf8_lossy(bounded(value)).into_owned());
        }
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_records_share_one_allowance() {
        let mut gathered = Gathered::new();
        for _ in 0..100 {
            gathered.keep_bytes(Place::Comment, "Comment", &[0xFF; LONGEST]);
        }
        let fields = gathered.into_fields();
        let bytes: usize = fields.iter().map(|field| size_of::<Field>() + field.name.len() + field.value.len()).sum();
        // The last character may not fit in full.
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES - 3, "{bytes}");
        assert_eq!(fields.len(), 3, "replacement characters take three bytes each");
    }

    #[test]
    fn empty_fields_are_counted_too() {
        let mut gathered = Gathered::new();
        for _ in 0..=MOST {
            gathered.keep_bytes(Place::Comment, "", b"");
        }
        assert!(gathered.is_full());
        assert_eq!(gathered.into_fields().len(), MOST);
    }
}
