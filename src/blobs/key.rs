//! Which strings are object keys. The one gate between a name from outside and a path in the store.
//!
//! A key is one or more segments of `A-Z a-z 0-9 . _ -` joined by single slashes. No segment is `.` or `..`, none is empty,
//! so no key can name anything outside the store, and none can collide with the store's own staging files (they hold `#`).

use object_store::path::Path;

use crate::error::BlobError;

/// The longest key that S3 takes, in bytes.
const LONGEST: usize = 1024;

/// The key as the store's path, below `prefix`.
pub(crate) fn path(prefix: &Path, key: &str) -> Result<Path, BlobError> {
    let refused = || BlobError::Key(key.chars().take(200).collect());
    if key.len() > LONGEST || !key.split('/').all(is_segment) {
        return Err(refused());
    }
    let whole = if prefix.is_root() { key.to_owned() } else { format!("{prefix}/{key}") };
    Path::parse(whole).map_err(|_| refused())
}

fn is_segment(segment: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_keys_become_paths() {
        let root = Path::default();
        assert_eq!(path(&root, "uploads/a-1_b.jpg").expect("a key").as_ref(), "uploads/a-1_b.jpg");
        assert_eq!(path(&Path::from("a/b"), "uploads/x").expect("a key").as_ref(), "a/b/uploads/x");
    }

    #[test]
    fn nothing_leaves_the_store() {
        let long = "a".repeat(LONGEST + 1);
        for key in ["", "/", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "a\\b", "a%2e%2e/b", "a b", "a#1", "ä", "a\0b", &long]
        {
            assert!(matches!(path(&Path::default(), key), Err(BlobError::Key(_))), "{key:?} was taken");
        }
    }
}
