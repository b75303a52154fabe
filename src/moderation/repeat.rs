//! The result cache of /v1 (row V11): the same bytes, judged by the same model under the same settings for the same question, have the same
//! verdict, so it is taken over from the document that had it first. Only within an organisation, and never where nothing is kept.
//!
//! There is no cache beside the documents: one that was forgotten is found no more, and nothing can be stale.

use serde_json::json;
use sha2::{Digest, Sha256};
use touchstone_pipeline::{Pipeline, encoded::Image};
use touchstone_store::{Asset, AssetStatus, DocumentRecord, Lease, Price};

use crate::{
    documents::MOST_ASSET_BYTES,
    draw::Picture,
    judge::{JudgeDocument, Ran, Recorded, Seen, Wanted, done},
    road::Road,
    settings::CachePrice,
};

/// Everything but the bytes that an answer depends on; `None` where no answer is to be found again.
pub(crate) fn question(road: &Road, pipeline: &Pipeline, record: &DocumentRecord) -> Option<String> {
    if !road.v1().cache.enabled || record.organization.keeps_nothing() {
        return None;
    }
    let asked = record.asked.clone().unwrap_or_default();
    let told = (asked.attribution, asked.heatmap, asked.forensics, asked.threshold);
    Some(json!([pipeline.identity(record.options.profile), record.options, told]).to_string())
}

/// The key under which the answer is found again.
pub(crate) fn key(question: &str, sha256: &str) -> String {
    hex::encode(Sha256::digest(format!("{sha256}{question}")))
}

impl JudgeDocument {
    /// Takes the verdict over from an earlier document, if there is one with all that is to be told; `None`: the image is to be judged.
    pub(crate) async fn repeat(&self, road: &Road, lease: &Lease, record: &DocumentRecord, key: &str) -> anyhow::Result<Option<Ran>> {
        let Some(earlier) = road.store().judged_before(record.organization.id, key, record.test).await? else { return Ok(None) };
        let Some(verdict) = earlier.verdict.as_ref().filter(|_| !record.options.preview) else { return Ok(None) };
        let Some(map) = heatmap(road, &earlier).await? else { return Ok(None) };
        let price = match road.v1().cache.credits {
            CachePrice::Charge => Price::Full,
            CachePrice::Free => Price::Nothing,
        };
        let wanted = Wanted { heatmap: record.options.heatmap.filter(|_| map.is_some()), preview: false, stored: true, by: None };
        let seen = Seen { regions: earlier.regions, forensics: earlier.forensics, content_key: Some(key.to_owned()), cached: Some(price) };
        if let Recorded::Lost = self.finish(road, lease, record, (verdict, &seen), &wanted).await? {
            return Ok(Some(Ran::Lost));
        }
        metrics::counter!("touchstone_verdicts_taken_over_total").increment(1);
        if let Some(image) = map
            && !self.keep(road, lease, Picture { asset: Asset::Heatmap, image: Ok(image) }).await?
        {
            return Ok(Some(Ran::Lost));
        }
        done(road.store().finish_drawing(lease, self.document).await?).map(Some)
    }
}

/// The heatmap of an earlier document, for a document of the same options: `Some(None)` where none was made, `None` where it is gone.
async fn heatmap(road: &Road, earlier: &DocumentRecord) -> anyhow::Result<Option<Option<Image>>> {
    match (earlier.heatmap.status, &earlier.heatmap.object_key) {
        (AssetStatus::None, _) => Ok(Some(None)),
        (AssetStatus::Ready, Some(object_key)) => {
            let bytes = road.blobs().get(object_key, None, MOST_ASSET_BYTES).await?;
            Ok(bytes.and_then(|bytes| image(bytes.into(), earlier.heatmap.content_type.as_deref())).map(Some))
        }
        _ => Ok(None),
    }
}

/// A picture as it was drawn.
fn image(bytes: Vec<u8>, content_type: Option<&str>) -> Option<Image> {
    let (content_type, extension) = match content_type {
        Some("image/png") => ("image/png", "png"),
        Some("image/jpeg") => ("image/jpeg", "jpg"),
        _ => return None,
    };
    Some(Image { bytes, content_type, extension })
}
