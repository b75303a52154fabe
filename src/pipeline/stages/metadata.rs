//! The records that a file carries: EXIF, XMP, IPTC-IIM, PNG text, comments (rows X6, T6).
//!
//! Records are read as flat `Field`s, then pure rules look at them. A record can be written by anybody, so whatever it says is an
//! unsigned claim; and it decides only where a generator's own structure is there (its key, its settings' grammar, a term of IPTC's
//! vocabulary), never because a caption mentions one. A camera's record never speaks for "real". No text of a record but a
//! program's name from our own table is ever repeated.

mod editor;
mod exif;
mod fields;
mod gathered;
mod generator;
mod iptc;
mod png_text;
mod source_type;
mod xmp;

#[cfg(test)]
mod corpus_test;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use touchstone_core::finding::{Finding, Signal, Stage};

pub(crate) use self::{
    fields::{Field, Place},
    generator::known as known_generator,
    source_type::{Claim, claim_of},
};
use crate::{picture::Picture, stage::Look};

/// The stage that reads records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Metadata;

impl Look for Metadata {
    fn stage(&self) -> Stage {
        Stage::Metadata
    }

    fn look(&self, picture: &Picture) -> Finding {
        let Some(fields) = records(picture) else {
            return Finding::could_not_look(Stage::Metadata, "the file's records are malformed");
        };
        let mut finding = Finding::looked(Stage::Metadata);
        finding.signals = signals(&fields);
        finding
    }
}

/// A file's records as flat fields; `None` when they are malformed beyond reading.
pub(crate) fn records(picture: &Picture) -> Option<Vec<Field>> {
    // The parsers are other people's and the bytes are hostile: a panic is theirs to have and ours to contain.
    catch_unwind(AssertUnwindSafe(|| fields::gather(&picture.bytes, picture.facts.format))).ok()
}

/// Everything that the fields say, each thing once, generators first.
fn signals(fields: &[Field]) -> Vec<Signal> {
    let mut signals: Vec<Signal> = Vec::new();
    let said = fields.iter().filter_map(source_type::signal).chain(generator::signals(fields)).chain(editor::signals(fields));
    for signal in said {
        if !signals.iter().any(|other| other.code == signal.code && other.source == signal.source) {
            signals.push(signal);
        }
    }
    signals
}
