//! IPTC-IIM inside Photoshop's image resources: credit, source and program.

use super::{
    fields::Place,
    gathered::{Gathered, bounded},
};

/// Fields of a run of Photoshop resources (`8BIM`).
pub(super) fn gather(resources: &[u8], into: &mut Gathered) {
    const IPTC: u16 = 0x0404;
    let mut rest = bounded(resources);
    while let Some((id, data, after)) = resource(rest) {
        if id == IPTC {
            gather_datasets(data, into);
        }
        rest = after;
    }
}

/// One resource: its number, its data, and what follows it.
fn resource(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"8BIM")?;
    let (id, rest) = rest.split_first_chunk::<2>()?;
    // A name with its length before it, padded to even size.
    let name = usize::from(*rest.first()?) + 1;
    let rest = rest.get(name + name % 2..)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let data = rest.get(..length)?;
    Some((u16::from_be_bytes(*id), data, rest.get(length.checked_add(length % 2)?..).unwrap_or_default()))
}

/// Fields of a run of IIM datasets. Only the short form of lengths occurs in text.
pub(super) fn gather_datasets(bytes: &[u8], into: &mut Gathered) {
    let mut rest = bounded(bytes);
    while let [0x1C, record, dataset, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, next)) = after.split_at_checked(length) else { break };
        if let Some(name) = name(*record, *dataset) {
            into.keep_bytes(Place::Iptc, name, value);
        }
        rest = next;
    }
}

const fn name(record: u8, dataset: u8) -> Option<&'static str> {
    match (record, dataset) {
        (2, 65) => Some("OriginatingProgram"),
        (2, 110) => Some("Credit"),
        (2, 115) => Some("Source"),
        (2, 120) => Some("Caption"),
        _ => None,
    }
}
