//! How a JPEG file was compressed: its tables, its sampling, and whether its pixels had been compressed before.

use serde::Serialize;
use touchstone_core::media::Format;
use utoipa::ToSchema;

use super::told;
use crate::{
    container::{self, Segment, marker},
    picture::Picture,
    stages::quality::{double_compression, jpeg_tables},
};

/// How the file was compressed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Jpeg {
    /// About the quality it was written with, 1–100, as the common encoder counts; null without a table.
    #[schema(required)]
    pub quality: Option<u8>,
    /// The quantisation tables, the last one of each number.
    pub tables: Vec<Table>,
    /// How chroma was sampled, such as `4:2:0`; null where there is none.
    #[schema(required, example = "4:2:0")]
    pub chroma_subsampling: Option<String>,
    /// Whether it is written in passes.
    pub progressive: bool,
    /// The earlier compression that its coefficients still show; null when they show none.
    #[schema(required)]
    pub earlier: Option<Earlier>,
    /// What it means.
    pub meaning: &'static str,
    /// What it does not.
    pub cannot_tell: &'static str,
}

/// One quantisation table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Table {
    /// 0–3; 0 is luma's by custom.
    pub number: u8,
    /// 64 steps in the order of the file (zigzag).
    pub steps: Vec<u16>,
}

/// A compression before the last one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Earlier {
    /// About its quality, 1–100.
    pub quality: u8,
    /// How well it explains the coefficients, in nats each; files that were saved once had less than 0.02.
    pub evidence: f64,
}

impl Jpeg {
    /// `None` for a file of another format.
    pub(super) fn of(picture: &Picture) -> Option<Self> {
        if picture.facts.format != Format::Jpeg {
            return None;
        }
        let file = &picture.bytes;
        let earlier = double_compression::earlier(file, &picture.rgb);
        let frame = header(file).find(Segment::is_frame);
        Some(Self {
            quality: jpeg_tables::estimate(file),
            tables: tables(file),
            chroma_subsampling: frame.and_then(|frame| sampling(frame.data)),
            progressive: frame.is_some_and(|frame| frame.marker == marker::SOF2),
            earlier: earlier.map(|earlier| Earlier { quality: earlier.quality, evidence: told(earlier.evidence) }),
            meaning: "Tables and sampling are the handwriting of the program that wrote the file; an earlier, coarser compression shows that \
                      this is not the first file that held these pixels.",
            cannot_tell: "Programs share tables, chats and sites compress every picture anew, and what was scaled or cropped in between \
                          shows nothing: saved twice is not edited.",
        })
    }
}

fn header(file: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    container::jpeg_segments(file).take_while(|segment| segment.marker != marker::SOS)
}

fn tables(file: &[u8]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for segment in header(file).filter(|segment| segment.marker == marker::DQT) {
        let mut rest = segment.data;
        while let Some((table, behind)) = table(rest) {
            rest = behind;
            tables.retain(|other| other.number != table.number);
            tables.push(table);
        }
    }
    tables.sort_by_key(|table| table.number);
    tables
}

/// The first table of a segment, and what follows it.
fn table(data: &[u8]) -> Option<(Table, &[u8])> {
    let (head, body) = data.split_first()?;
    let wide = usize::from(head >> 4 != 0) + 1;
    let steps = body.get(..64 * wide)?.chunks_exact(wide);
    let steps = steps.map(|bytes| bytes.iter().fold(0, |step, byte| step << 8 | u16::from(*byte))).collect();
    Some((Table { number: head & 0x03, steps }, &body[64 * wide..]))
}

/// From a frame's header: how many luma samples there are for one of chroma, in the usual notation.
fn sampling(frame: &[u8]) -> Option<String> {
    let factors: Vec<(u8, u8)> = frame.get(6..)?.chunks_exact(3).map(|component| (component[1] >> 4, component[1] & 0x0F)).collect();
    let (luma, chroma) = (factors.first()?, factors.get(1)?);
    let ratio = |luma: u8, chroma: u8| luma.checked_div(chroma);
    Some(match (ratio(luma.0, chroma.0)?, ratio(luma.1, chroma.1)?) {
        (1, 1) => "4:4:4".to_owned(),
        (2, 1) => "4:2:2".to_owned(),
        (2, 2) => "4:2:0".to_owned(),
        (1, 2) => "4:4:0".to_owned(),
        (4, 1) => "4:1:1".to_owned(),
        (across, down) => format!("{across}×{down}"),
    })
}
