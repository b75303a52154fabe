//! What is drawn after a verdict, from the picture and the patch grid already in hand. Blocking; no I/O.

use touchstone_core::submission::HeatmapStyle;
use touchstone_pipeline::{
    Judged,
    encoded::{DrawError, Image},
    heatmap, preview,
};
use touchstone_store::Asset;

/// One picture, or why it could not be drawn.
pub(crate) struct Picture {
    pub(crate) asset: Asset,
    pub(crate) image: Result<Image, DrawError>,
}

/// Draws what was asked for, one after the other.
pub(crate) fn all(judged: &Judged, style: Option<HeatmapStyle>, with_preview: bool) -> Vec<Picture> {
    let map = style
        .zip(judged.patches.as_ref())
        .map(|(style, patches)| Picture { asset: Asset::Heatmap, image: heatmap::draw(&judged.picture, patches, style) });
    let small = with_preview.then(|| Picture { asset: Asset::Preview, image: preview::draw(&judged.picture) });
    map.into_iter().chain(small).collect()
}

/// The folder of an asset within the object store.
pub(crate) const fn folder(asset: Asset) -> &'static str {
    match asset {
        Asset::Heatmap => "heatmaps",
        Asset::Preview => "previews",
    }
}
