//! Traces of editors and cameras: worth knowing, never deciding.

use touchstone_core::finding::{Edit, Signal, Stage};

use super::{
    fields::{Field, Place},
    generator::begins_with_name,
};

/// Programs in which people change pictures, as they name themselves.
const EDITORS: [&str; 31] = [
    "Adobe Photoshop",
    "Adobe Lightroom",
    "Lightroom",
    "Adobe Photoshop Lightroom",
    "Adobe Illustrator",
    "Adobe Express",
    "GIMP",
    "Snapseed",
    "Canva",
    "Affinity Photo",
    "Pixelmator",
    "Capture One",
    "darktable",
    "RawTherapee",
    "PicsArt",
    "Paint.NET",
    "paint.net",
    "Krita",
    "Luminar",
    "VSCO",
    "Facetune",
    "Meitu",
    "BeautyPlus",
    "FaceApp",
    "Photopea",
    "Pixlr",
    "Fotor",
    "PhotoScape",
    "PaintShop Pro",
    "Corel",
    "Figma",
];

/// Signals of editors and of a camera among the fields.
pub(super) fn signals(fields: &[Field]) -> Vec<Signal> {
    fields.iter().filter_map(editor).chain(camera(fields)).collect()
}

fn editor(field: &Field) -> Option<Signal> {
    let names_program =
        matches!(field.name.as_str(), "Software" | "CreatorTool" | "softwareAgent" | "ProcessingSoftware" | "OriginatingProgram");
    let editor = EDITORS.into_iter().filter(|_| names_program).find(|name| begins_with_name(&field.value, name))?;
    let summary = format!("The file's {} names the editor {editor}; that alone does not say what was changed.", field.place.name());
    let mut signal = Signal::new(Stage::Metadata, "editor_software", summary);
    signal.unsigned_claim = true;
    signal.edit = Some(Edit::Digital);
    signal.source = Some(editor.to_owned());
    Some(signal)
}

/// A camera's record. Anybody can copy one onto any picture, so it argues neither way.
fn camera(fields: &[Field]) -> Option<Signal> {
    let has = |name: &str| fields.iter().any(|field| field.is(Place::Exif, name) && !field.value.trim_matches(['\0', ' ']).is_empty());
    let exposed = has("ExposureTime") || has("FNumber") || has("PhotographicSensitivity");
    if !(has("Make") && has("Model") && exposed) {
        return None;
    }
    let mut signal = Signal::new(
        Stage::Metadata,
        "camera_exif",
        "The file carries a camera's EXIF record (make, model, exposure); anybody can write one, so it proves nothing.",
    );
    signal.unsigned_claim = true;
    Some(signal)
}
