//! Names within an archive: what they may look like, what they promise, and how they are shown.

use touchstone_core::media::Format;

use super::reason::Reason;

/// Most characters of a name that are kept; of a longer one the end, where the file's own name is.
const LONGEST: usize = 255;

/// Extensions of archives: named as such, so that their owner knows why.
const ARCHIVES: [&str; 12] = ["zip", "7z", "rar", "tar", "gz", "tgz", "bz2", "xz", "zst", "jar", "cbz", "cbr"];

/// The name as people may see it: lossy UTF-8, nothing that controls a terminal or turns the direction of writing, not too long.
pub(super) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let skip = text.chars().count().saturating_sub(LONGEST);
    text.chars().skip(skip).map(|c| if is_invisible(c) { '_' } else { c }).collect()
}

/// Control characters, and those that reorder or hide what stands beside them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Refuses paths that lead somewhere, and files that nobody means to send.
pub(super) fn check_path(raw: &[u8]) -> Result<(), Reason> {
    let has_drive = raw.len() > 1 && raw[0].is_ascii_alphabetic() && raw[1] == b':';
    if raw.is_empty() || raw[0] == b'/' || has_drive || raw.iter().any(|byte| matches!(byte, b'\\' | 0)) {
        return Err(Reason::Path);
    }
    let segments = || raw.split(|byte| *byte == b'/').filter(|segment| *segment != b".");
    if segments().any(|segment| segment == b"..") {
        return Err(Reason::Path);
    }
    if segments().any(|segment| segment == b"__MACOSX") {
        return Err(Reason::MacOs);
    }
    if raw.ends_with(b"/") {
        return Err(Reason::Directory);
    }
    if segments().any(|segment| segment.starts_with(b".")) {
        return Err(Reason::Hidden);
    }
    Ok(())
}

/// The format that the name's extension promises.
pub(super) fn format(raw: &[u8]) -> Result<Format, Reason> {
    let file = raw.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let extension = file.rsplit(|byte| *byte == b'.').next().filter(|extension| extension.len() < file.len()).unwrap_or_default();
    let extension = std::str::from_utf8(extension).unwrap_or_default();
    let is = |name: &&str| extension.eq_ignore_ascii_case(name);
    if is(&"pdf") {
        return Err(Reason::Pdf);
    }
    if ARCHIVES.iter().any(is) {
        return Err(Reason::Nested);
    }
    Format::from_extension(extension).ok_or(Reason::Unsupported)
}
