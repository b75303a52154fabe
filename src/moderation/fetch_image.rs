//! The job that fetches one image of a batch (rows V2, V3, X9). It runs under permits of its own, never under those that judge: a slow
//! server somewhere else keeps nobody's verdict waiting.

use serde::{Deserialize, Serialize};
use touchstone_core::{
    ids::DocumentId,
    job::{Job, Lane, NewJob},
    refusal::Refusal,
};
use touchstone_store::{DocumentRecord, FailureCode, Lease};

use crate::{
    judge::{JudgeDocument, Ran, done, fail},
    road::Road,
};

/// Fetch this document's image, and have it judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchImage {
    /// Which document.
    pub document: DocumentId,
}

impl Job for FetchImage {
    const NAME: &'static str = "fetch_image";
    const ATTEMPTS: i32 = 5;
}

impl FetchImage {
    /// Fetches the image once. What the other server does wrong ends the document; it is not asked twice.
    ///
    /// # Errors
    /// When something of ours failed: the runner tries again later.
    pub async fn run(&self, road: &Road, lease: &Lease) -> anyhow::Result<Ran> {
        let Some(record) = road.store().document(self.document).await? else {
            return done(road.store().complete(lease).await?);
        };
        let Some(url) = &record.source_url else { return done(road.store().complete(lease).await?) };
        let fetched = match road.foreign(url) {
            Ok(url) => road.fetched_by_v1(url).await,
            Err(refusal) => Err(refusal),
        };
        let (bytes, format) = match fetched {
            Ok(image) => image,
            Err(refusal) => return fail(road, lease, &record, code(&refusal), &refusal.to_string()).await,
        };
        let kept = road.keep_sent(record.organization.id, self.document.0, bytes, format).await?;
        let judge = self.judge(&record)?;
        done(road.store().fetched(lease, self.document, (&kept.object_key, &kept.object_etag), &judge).await?)
    }

    fn judge(&self, record: &DocumentRecord) -> Result<NewJob, serde_json::Error> {
        NewJob::now(&JudgeDocument { document: self.document }, record.organization.id, Lane::Batch)
    }
}

fn code(refusal: &Refusal) -> FailureCode {
    match refusal {
        Refusal::ImageTooLarge { .. } => FailureCode::ImageTooLarge,
        _ => FailureCode::ImageUnfetchable,
    }
}
