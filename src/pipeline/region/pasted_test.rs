//! How well the shipped model finds a generated part: real pictures of the corpus with a piece of a generated one pasted in, saved
//! once as JPEG. What it reaches is printed, and held by a constant below.

use image::{RgbImage, imageops};

use super::{Edits, Region, smooth};
use crate::{
    Pipeline, Settings, corpus, delivery,
    heatmap::grid::Grid,
    open::OpenError,
    picture::{Picture, tests::LIMITS},
    testing::{settings, workspace},
};

/// The least share of hottest points inside the pasted piece that the shipped model is held to.
const REACHED: f64 = 0.4;
/// Pictures with a piece pasted in.
const FIXTURES: usize = 100;
/// Plain pictures of each class, for comparison.
const PLAIN: usize = 15;
/// Longest side of a picture, and its JPEG quality.
const LONGEST: u32 = 768;
const QUALITY: u8 = 85;

/// The settings' own model; `None`, said aloud, without the runtime library.
fn shipped() -> Option<Pipeline> {
    let text = std::fs::read_to_string(workspace("config.toml")).expect("the project's settings");
    let config: toml::Table = text.parse().expect("TOML");
    let model = config["pipeline"]["model"].as_str().expect("a folder");
    match Pipeline::open(&Settings { model: workspace(model), ..settings() }) {
        Ok(pipeline) => Some(pipeline),
        Err(OpenError::RuntimeMissing { .. }) => {
            corpus::say(&format!("skipped: {FIXTURES} pictures with a pasted piece (no ONNX Runtime here; `make runtime` fetches it)"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Whole pictures of val with a label, as far as they are here.
fn pictures(label: &str) -> Vec<RgbImage> {
    let rows = corpus::table("data/val.csv").unwrap_or_default();
    let files = rows.iter().filter(|row| row["label"] == label).map(|row| corpus::root().join("data").join(&row["path"]));
    let read =
        files.filter_map(|path| std::fs::read(path).ok()).map(|bytes| Picture::decode(bytes.into(), &LIMITS).expect("a picture").rgb);
    read.filter(|rgb| rgb.width().min(rgb.height()) >= 256).collect()
}

fn saved(rgb: &RgbImage) -> Picture {
    Picture::decode(delivery::jpeg(rgb, QUALITY).expect("it fits").into(), &LIMITS).expect("a JPEG")
}

/// A real picture with a square piece of a generated one, of 25 to 60 % of its shorter side, and where that lies.
fn pasted(real: &RgbImage, ai: &RgbImage, draw: &mut impl FnMut(u32) -> u32) -> (Picture, [f64; 4]) {
    let mut rgb = delivery::shrink(real, LONGEST).into_owned();
    let shorter = rgb.width().min(rgb.height());
    let side = (shorter * (25 + draw(36)) / 100).min(ai.width()).min(ai.height());
    let [left, top] = [draw(ai.width() - side + 1), draw(ai.height() - side + 1)];
    let [x, y] = [draw(rgb.width() - side + 1), draw(rgb.height() - side + 1)];
    imageops::replace(&mut rgb, &imageops::crop_imm(ai, left, top, side, side).to_image(), i64::from(x), i64::from(y));
    (saved(&rgb), [x, y, side, side].map(f64::from))
}

/// Intersection over union of two boxes (left, top, width, height).
fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let common = |axis: usize| ((a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let both = common(0) * common(1);
    both / (a[2] * a[3] + b[2] * b[3] - both)
}

/// Middle of the hottest cell, in pixels.
fn hottest_point(picture: &Picture, patches: &crate::patches::PatchGrid) -> [f64; 2] {
    let (width, height) = picture.rgb.dimensions();
    let grid = Grid::new(width, height, patches);
    let cells = smooth(&grid);
    let hottest = (0..cells.len()).max_by(|a, b| cells[*a].total_cmp(&cells[*b])).expect("a grid has cells");
    let place = |cell: usize, cells: usize, pixels: u32| (cell as f64 + 0.5) * f64::from(pixels) / cells as f64;
    [place(hottest % grid.columns, grid.columns, width), place(hottest / grid.columns, grid.rows, height)]
}

/// Tells the spread of what was measured, for whoever sets the card's `[edits]`.
fn tell(what: &str, regions: &[Region]) {
    let spread = |name: &str, of: fn(&Region) -> f64| {
        let mut values: Vec<f64> = regions.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| values.get(values.len() * percent / 100).copied().unwrap_or(0.0);
        format!("{name} {:.2} {:.2} {:.2}", at(10), at(50), at(90))
    };
    let figures = [spread("contrast", |region| region.inside - region.outside), spread("inside", |region| region.inside)];
    let more = [spread("outside", |region| region.outside), spread("share", |region| region.share)];
    corpus::say(&format!("  {what} ({}), 10/50/90 %: {}; {}", regions.len(), figures.join("; "), more.join("; ")));
    for contrast in [2.0, 3.0, 4.0, 5.0] {
        let said = regions.iter().filter(|region| region.signal(Edits { contrast, inside: 0.5, outside: -0.5 }).is_some()).count();
        corpus::say(&format!("    called edited at contrast {contrast}, inside 0.5, outside -0.5: {said}"));
    }
}

#[test]
fn a_pasted_piece_is_where_the_heatmap_is_hottest() {
    let (reals, generated) = (pictures("real"), pictures("ai"));
    if reals.is_empty() || generated.is_empty() {
        corpus::say(&format!("skipped: {FIXTURES} pictures with a pasted piece (no files of data/val here)"));
        return;
    }
    let Some(pipeline) = shipped() else { return };
    let mut state = 4u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let (mut inside, mut overlaps, mut found) = (0, Vec::new(), Vec::new());
    for index in 0..FIXTURES {
        let (picture, piece) = pasted(&reals[index % reals.len()], &generated[index * 7 % generated.len()], &mut draw);
        let patches = pipeline.classifier().map(&picture).expect("the model looks");
        let [x, y] = hottest_point(&picture, &patches);
        inside += u32::from((piece[0]..piece[0] + piece[2]).contains(&x) && (piece[1]..piece[1] + piece[3]).contains(&y));
        let region = Region::hottest(picture.rgb.width(), picture.rgb.height(), &patches);
        overlaps.push(region.map_or(0.0, |region| overlap([region.x, region.y, region.width, region.height], piece)));
        found.extend(region);
    }
    let share = f64::from(inside) / FIXTURES as f64;
    let mean = overlaps.iter().sum::<f64>() / FIXTURES as f64;
    corpus::say(&format!(
        "pasted pieces: hottest point inside in {:.0} % of {FIXTURES}, mean overlap of region and piece {mean:.3}",
        share * 100.0
    ));
    tell("pasted", &found);
    for (what, pictures) in [("real", &reals), ("generated", &generated)] {
        let measure = |rgb: &RgbImage| {
            let picture = saved(&delivery::shrink(rgb, LONGEST));
            let patches = pipeline.classifier().map(&picture).expect("the model looks");
            Region::hottest(picture.rgb.width(), picture.rgb.height(), &patches)
        };
        tell(what, &pictures.iter().take(PLAIN).filter_map(measure).collect::<Vec<_>>());
    }
    assert!(share >= REACHED, "{share:.2} of the hottest points lie inside, and the shipped model is held to {REACHED:.2}");
}
