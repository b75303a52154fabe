//! GIF: blocks.

/// What begins an image.
const IMAGE: u8 = 0x2C;

/// What begins an extension.
const EXTENSION: u8 = 0x21;

/// The end of the file.
const TRAILER: u8 = 0x3B;

/// How many frames there are, counted no further than `most + 1`. A frame that is announced counts even when its data end early:
/// whether it can be shown is the decoder's to say.
pub(crate) fn frames(bytes: &[u8], most: u32) -> u32 {
    let frames = blocks(bytes).filter(|kind| *kind == IMAGE).take(most as usize + 1).count();
    u32::try_from(frames).unwrap_or(u32::MAX)
}

/// Whether the file reaches its end.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    blocks(bytes).any(|kind| kind == TRAILER)
}

/// The kind of every block in order, the one at which the walk breaks included.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = after_header(bytes);
    std::iter::from_fn(move || {
        let (kind, after) = rest?.split_first()?;
        rest = match *kind {
            EXTENSION => after.get(1..).and_then(after_blocks),
            IMAGE => after_image(after),
            _ => None,
        };
        Some(*kind)
    })
}

/// Skips the signature, the screen's description and the global palette.
fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(13 + palette(*bytes.get(10)?)..)
}

/// Skips an image's place, its palette, the code size and the data.
fn after_image(rest: &[u8]) -> Option<&[u8]> {
    after_blocks(rest.get(9 + palette(*rest.get(8)?) + 1..)?)
}

/// Bytes of the palette that these flags announce.
const fn palette(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Skips data blocks up to and with the empty one.
fn after_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, after) = rest.split_first()?;
        rest = after.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_past_extensions_and_no_further_than_asked() {
        let mut file = b"GIF89a\x01\0\x01\0\x80\0\0abcdef".to_vec();
        for _ in 0..5 {
            file.extend(b"\x21\xF9\x04....\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02LQ\0");
        }
        file.push(0x3B);
        assert_eq!(frames(&file, 100), 5);
        assert_eq!(frames(&file, 2), 3);
        assert_eq!(frames(&file[..30], 100), 1);
        assert_eq!(frames(b"GIF89a", 100), 0);
        assert!(is_whole(&file) && !is_whole(&file[..30]));
    }
}
