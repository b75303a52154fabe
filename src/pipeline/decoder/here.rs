//! Decoding in this very process: what the child does, and what tests and fuzzers call.

use std::sync::OnceLock;

use bytes::Bytes;
use touchstone_core::media::Format;

use super::{Decoder, Frame, Undecoded, avif, heic, pdf, svg};
use crate::{
    picture::{Unreadable, guarded},
    settings::Limits,
};

/// Decodes without a child process.
#[derive(Default)]
pub struct Here {
    heic: OnceLock<hpvcd::Decoder>,
}

impl Here {
    /// Starts what decoding a format needs, so that afterwards no thread is started any more.
    pub(super) fn prepare(&self, format: Format, limits: &Limits) {
        if matches!(format, Format::Heic | Format::Heif) {
            self.heic(limits);
        }
    }

    fn heic(&self, limits: &Limits) -> &hpvcd::Decoder {
        self.heic.get_or_init(|| heic::decoder(limits))
    }
}

impl Decoder for Here {
    fn decode(&self, bytes: &Bytes, format: Format, limits: &Limits) -> Result<Frame, Undecoded> {
        let frame = guarded(format, || match format {
            Format::Heic | Format::Heif => heic::decode(self.heic(limits), bytes, format, limits),
            Format::Avif => avif::decode(bytes, limits),
            Format::Svg => svg::decode(bytes, limits),
            Format::Pdf => pdf::decode(bytes, limits),
            other => Err(Unreadable::Unsupported { format: other, reason: "it is decoded elsewhere".to_owned() }),
        });
        Ok(frame?)
    }
}
