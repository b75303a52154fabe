//! RIFF (WebP): chunks after the twelve bytes of the file header.

use super::Chunk;

/// Length of `RIFF`, the size and `WEBP`.
const HEADER: usize = 12;

/// Every whole chunk in order.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, body) = rest.split_at_checked(8)?;
        let name = *head.first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*head.last_chunk::<4>()?)).ok()?;
        let data = body.get(..length)?;
        // Chunks are padded to even length; a missing last pad byte is common.
        rest = body.get(length + length % 2..).unwrap_or_default();
        Some(Chunk { name, data })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_chunks_are_padded() {
        let file = b"RIFF\0\0\0\0WEBPVP8X\x01\0\0\0a_ANMF\x02\0\0\0bcEXIF\xFF\0\0\0d";
        let names: Vec<_> = chunks(file).map(|chunk| chunk.name).collect();
        assert_eq!(names, [*b"VP8X", *b"ANMF"]);
    }
}
