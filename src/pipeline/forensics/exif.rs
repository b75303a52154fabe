//! What a file's EXIF record says, copied. Where the picture was taken is never told, only that the record says it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    picture::Picture,
    stages::metadata::{self, Field, Place},
};

/// Most characters of a text that are copied.
const LONGEST: usize = 100;

/// What the record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exif {
    /// The camera's maker.
    #[schema(required, example = "NIKON")]
    pub make: Option<String>,
    /// The camera's model.
    #[schema(required, example = "COOLPIX P6000")]
    pub model: Option<String>,
    /// The program that wrote the file.
    #[schema(required)]
    pub software: Option<String>,
    /// When the picture was taken, in the camera's own time.
    #[schema(required, example = "2008:10:22 16:28:39")]
    pub taken_at: Option<String>,
    /// When it was stored in digital form.
    #[schema(required)]
    pub digitized_at: Option<String>,
    /// When the file was changed.
    #[schema(required)]
    pub changed_at: Option<String>,
    /// How the stored pixels are turned, 1–8; 1 is upright.
    #[schema(required)]
    pub orientation: Option<u8>,
    /// Whether it says where the picture was taken.
    pub gps_present: bool,
    /// What it means.
    pub meaning: &'static str,
    /// What it does not.
    pub cannot_tell: &'static str,
}

impl Exif {
    /// `None` when there is no such record, or none that can be read.
    pub(super) fn of(picture: &Picture) -> Option<Self> {
        let fields: Vec<Field> = metadata::records(picture)?.into_iter().filter(|field| field.place == Place::Exif).collect();
        let said = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        let text = |name: &str| said(name).and_then(plain);
        (!fields.is_empty()).then(|| Self {
            make: text("Make"),
            model: text("Model"),
            software: text("Software"),
            taken_at: text("DateTimeOriginal"),
            digitized_at: text("DateTimeDigitized"),
            changed_at: text("DateTime"),
            orientation: said("Orientation").and_then(|orientation| orientation.parse().ok()).filter(|turn| (1..=8).contains(turn)),
            gps_present: said("GPSInfo").is_some(),
            meaning: "Cameras and programs sign their files here; facts that contradict each other or the picture are worth a question.",
            cannot_tell: "Anybody can write any of this into any file, and most sites remove it: neither its presence nor its absence \
                          proves anything.",
        })
    }
}

/// The printable beginning of a text.
fn plain(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}
