//! One file: read it, judge it, write its heatmap.

use std::{fs, path::Path};

use touchstone_core::submission::{HeatmapStyle, Profile};
use touchstone_pipeline::{Ask, Heatmap, Judged, Pipeline, heatmap};

use super::row::Row;
use crate::files::{self, Candidate};

/// The row of one candidate. Whatever goes wrong stands in its `error`.
pub(super) fn judge(pipeline: &Pipeline, candidate: &Candidate, heatmap: Option<&Path>) -> Row {
    let path = &candidate.path;
    if let Some(problem) = &candidate.problem {
        return Row::failed(path, problem.clone());
    }
    // The model always speaks here: whoever runs this by hand wants to see what it says beside a record.
    let ask =
        Ask { heatmap: if heatmap.is_some() { Heatmap::Always } else { Heatmap::Never }, always_classify: true, profile: Profile::Generic };
    let judged = files::read(path).and_then(|bytes| pipeline.judge(bytes.into(), &ask).map_err(|unjudged| unjudged.to_string()));
    match judged {
        Err(reason) => Row::failed(path, reason),
        Ok(judged) => {
            let drawn = heatmap.map(|target| draw(&judged, target).map(|()| target));
            Row::judged(path, judged.verdict, drawn)
        }
    }
}

fn draw(judged: &Judged, target: &Path) -> Result<(), String> {
    let patches = judged.patches.as_ref().ok_or("No heatmap: the model could not look.")?;
    let style = HeatmapStyle { overlay: true, normalized: judged.verdict.label.is_suspicious() };
    let image = heatmap::draw(&judged.picture, patches, style).map_err(|error| format!("No heatmap: {error}."))?;
    fs::write(target, image.bytes).map_err(|error| format!("The heatmap {} cannot be written: {error}.", target.display()))
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use touchstone_core::verdict::Label;
    use touchstone_pipeline::{
        Settings,
        settings::{Decoder, Inference, Limits, Provenance},
    };

    use super::*;

    /// The project's tiny model, which calls red generated.
    fn pipeline() -> Pipeline {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let settings = Settings {
            model: workspace.join("tests/fixtures/models/tiny"),
            onnxruntime: std::env::var_os("ORT_DYLIB_PATH").map_or_else(|| workspace.join("models/runtime/libonnxruntime.so"), Into::into),
            bypass_watermark: false,
            limits: Limits { max_side: 4096, max_pixels: 1 << 24, max_memory: 1 << 28, max_frames: 10 },
            decoder: Decoder::default(),
            provenance: Provenance::default(),
            inference: Inference::embedded(1, 1),
        };
        Pipeline::open(&settings).expect("the tiny model opens")
    }

    fn candidate(path: &Path) -> Candidate {
        Candidate { path: path.to_owned(), problem: None }
    }

    // O6
    #[test]
    fn a_picture_becomes_a_row_and_a_heatmap_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, map) = (folder.path().join("red.png"), folder.path().join("red.heatmap.jpg"));
        RgbImage::from_pixel(64, 64, Rgb([255, 0, 0])).save(&file).expect("written");
        let row = judge(&pipeline(), &candidate(&file), Some(&map));
        assert_eq!((row.final_result, row.detection_step, row.error), (Some(Label::AiGenerated), Some(3), None));
        assert!(row.signals.iter().any(|signal| signal.weight > 0.0) && row.heatmap.is_some());
        assert_eq!(image::image_dimensions(&map).expect("a JPEG"), (64, 64));
        let row = judge(&pipeline(), &candidate(&file), Some(&folder.path().join("missing/red.jpg")));
        assert!(row.result.is_some() && row.heatmap.is_none() && row.error.expect("not written").contains("missing"));
    }

    // O6
    #[test]
    fn what_cannot_be_read_has_its_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("a.jpg");
        fs::write(&text, "hello").expect("written");
        let pipeline = pipeline();
        for path in [text.as_path(), Path::new("no/such.png"), folder.path()] {
            let row = judge(&pipeline, &candidate(path), None);
            assert!(row.result.is_none() && row.error.is_some_and(|reason| reason.len() > 15), "{}", path.display());
        }
    }
}
