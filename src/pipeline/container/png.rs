//! PNG: chunks. Checksums are the decoder's to check.

use super::Chunk;

/// Length of the signature before the first chunk.
const SIGNATURE: usize = 8;

/// Every whole chunk in order.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, body) = rest.split_at_checked(8)?;
        let length = usize::try_from(u32::from_be_bytes(*head.first_chunk::<4>()?)).ok()?;
        let name = *head.last_chunk::<4>()?;
        let data = body.get(..length)?;
        rest = body.get(length.checked_add(4)?..)?;
        Some(Chunk { name, data })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_past_the_end_ends_the_walk() {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXthicrc_\xFF\xFF\xFF\xFFIDAT".to_vec();
        let found: Vec<_> = chunks(&file).map(|chunk| (chunk.name, chunk.data.to_vec())).collect();
        assert_eq!(found, [(*b"tEXt", b"hi".to_vec())]);
        file.truncate(5);
        assert_eq!(chunks(&file).count(), 0);
    }
}
