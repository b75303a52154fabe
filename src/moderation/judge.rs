//! The job that judges one document: fetch its bytes, run the pipeline, record the verdict and its analysis, then draw what was asked for.
//!
//! Idempotent: a crash at any point hands the job to another worker, which either starts over (nothing was recorded yet) or
//! only redraws (the verdict stands). Every write is fenced by the claim's token, so a worker that lost its lease changes nothing.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;
use touchstone_core::{
    ids::DocumentId,
    job::Job,
    verdict::{Spot, Verdict},
};
use touchstone_pipeline::{
    Ask, Heatmap, Judged, Pipeline, Unjudged,
    analysis::{self, wording},
    forensics::{self, Report},
    region::Region,
};
use touchstone_store::{Analyzed, Asset, AssetStatus, DocumentRecord, Drawn, FailureCode, Finished, Lease, Price};

use crate::{
    draw,
    handed::Unstored,
    originals::Lost,
    repeat,
    road::Road,
    words::{Place, Question},
};

/// Judge this document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JudgeDocument {
    /// Which one.
    pub document: DocumentId,
}

impl Job for JudgeDocument {
    const NAME: &'static str = "judge_document";
    const ATTEMPTS: i32 = 5;
}

/// How a run of a job ended, for the runner.
#[derive(Debug)]
pub enum Ran {
    /// It is done, well or badly, and recorded as such.
    Done,
    /// The lease was lost: another worker has it.
    Lost,
}

impl JudgeDocument {
    /// Judges the document once.
    ///
    /// # Errors
    /// When something of ours failed (database, storage, model): the runner tries again later.
    pub async fn run(&self, road: &Road, pipeline: &Pipeline, lease: &Lease) -> anyhow::Result<Ran> {
        let Some(record) = road.store().document(self.document).await? else {
            return done(road.store().complete(lease).await?);
        };
        let ran = self.run_for(road, pipeline, lease, &record).await?;
        if let Ran::Done = ran {
            let_go(road, &record).await;
        }
        Ok(ran)
    }

    async fn run_for(&self, road: &Road, pipeline: &Pipeline, lease: &Lease, record: &DocumentRecord) -> anyhow::Result<Ran> {
        if !road.store().begin(lease, self.document).await? {
            return Ok(Ran::Lost);
        }
        let bytes = match road.original(record).await {
            Ok(bytes) => bytes,
            Err(Lost::Trouble(error)) => return Err(error),
            // It will not come back: the document ends here.
            Err(lost) => return fail(road, lease, record, FailureCode::InvalidRequest, &lost.to_string()).await,
        };
        let question = repeat::question(road, pipeline, record);
        if let Some(key) = fresh_key(record, question.as_deref(), &bytes).await?
            && let Some(ran) = self.repeat(road, lease, record, &key).await?
        {
            return Ok(ran);
        }
        let measure = record.asked.as_ref().is_some_and(|asked| asked.forensics);
        match judge(pipeline, bytes, self.ask(record), (measure, question)).await? {
            Ok((judged, seen)) => self.record(road, lease, record, judged, &seen).await,
            Err(Unjudged::Unreadable(why)) => {
                let by_url = record.asked.as_ref().is_some_and(|asked| asked.by_url);
                let code = if by_url { FailureCode::ImageUnfetchable } else { FailureCode::InvalidRequest };
                fail(road, lease, record, code, &why.to_string()).await
            }
            Err(other) => Err(other.into()),
        }
    }

    /// The last attempt failed: the document ends as failed and its credit goes back; one that was judged before only loses
    /// the pictures that could not be drawn.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_up(&self, road: &Road, lease: &Lease, error: &str) -> anyhow::Result<Ran> {
        const MESSAGE: &str = "The image could not be judged because of an error of ours. Your credit was returned; submit it again.";
        metrics::counter!("touchstone_documents_total", "outcome" => "given up").increment(1);
        let ran = done(road.store().give_up(lease, Some(self.document), MESSAGE, error).await?)?;
        if let (Ran::Done, Some(record)) = (&ran, road.store().document(self.document).await?) {
            let_go(road, &record).await;
        }
        Ok(ran)
    }

    fn ask(&self, record: &DocumentRecord) -> Ask {
        let heatmap = match record.options.heatmap {
            None => Heatmap::Never,
            // V1: who asks there for a heatmap gets one.
            Some(_) if record.organization.heatmap_for_real || record.asked.as_ref().is_some_and(|asked| asked.heatmap) => Heatmap::Always,
            Some(_) => Heatmap::WhenSuspicious,
        };
        Ask { heatmap, always_classify: false, profile: record.options.profile }
    }

    /// Writes the verdict with its analysis and settles the credit in one transaction, then draws from the picture already in hand.
    async fn record(&self, road: &Road, lease: &Lease, record: &DocumentRecord, judged: Judged, seen: &Seen) -> anyhow::Result<Ran> {
        let wanted = Wanted::of(road, record, &judged);
        let place = match record.verdict {
            Some(_) => None,
            None => match self.finish(road, lease, record, (&judged.verdict, seen), &wanted).await? {
                Recorded::Lost => return Ok(Ran::Lost),
                Recorded::Finally => None,
                Recorded::Awaiting(place) => Some(place),
            },
        };
        let (longest, stored) = (place.as_ref().map(Place::longest), wanted.stored);
        let (drawn, shown, verdict) = tokio::task::spawn_blocking(move || {
            let shown = longest.map(|longest| wording::shown(&judged.picture, longest));
            (draw::all(&judged, wanted.heatmap, wanted.preview), shown, judged.verdict)
        })
        .await?;
        for picture in drawn {
            if !stored {
                self.hand(wanted.by.as_ref(), picture);
            } else if !self.keep(road, lease, picture).await? {
                return Ok(Ran::Lost);
            }
        }
        if !road.store().finish_drawing(lease, self.document).await? {
            return Ok(Ran::Lost);
        }
        match (place, shown) {
            (Some(place), Some(Ok(image))) => {
                place.ask(road.clone(), record, Question { document: self.document, verdict, jpeg: image.bytes });
            }
            (None, None) if record.verdict.is_none() => {}
            // There is nothing to show, or a process died that waited for the model.
            _ => drop(road.store().finish_analysis(self.document, None).await?),
        }
        Ok(Ran::Done)
    }

    /// The transaction.
    pub(crate) async fn finish(
        &self,
        road: &Road,
        lease: &Lease,
        record: &DocumentRecord,
        (verdict, seen): (&Verdict, &Seen),
        wanted: &Wanted,
    ) -> anyhow::Result<Recorded> {
        let own = record.options.analysis.then(|| analysis::of(verdict));
        let reserved = match road.words().filter(|_| own.is_some()) {
            Some(words) => words.reserve(road.store(), record.created_at).await?,
            None => None,
        };
        let (place, turn) = reserved.unzip();
        let analysis = match (&own, &place) {
            (None, _) => Analyzed::None,
            (Some(own), None) => Analyzed::Ready(own),
            (Some(own), Some(place)) => Analyzed::Awaited { own, until: place.until() },
        };
        let (heatmap, preview) = (wanted.status(Asset::Heatmap), wanted.status(Asset::Preview));
        let Seen { regions, forensics, content_key, cached } = seen;
        let (forensics, content_key, cached) = (forensics.as_ref(), content_key.as_deref(), *cached);
        let finished = Finished { verdict, regions, forensics, heatmap, preview, analysis, content_key, cached };
        if !road.store().finish(lease, self.document, finished).await? {
            return Ok(Recorded::Lost);
        }
        drop(turn);
        count(verdict);
        Ok(place.map_or(Recorded::Finally, Recorded::Awaiting))
    }

    /// Stores one picture. One that could not be drawn is marked so; the verdict stands without it.
    pub(crate) async fn keep(&self, road: &Road, lease: &Lease, picture: draw::Picture) -> anyhow::Result<bool> {
        match picture.image {
            Ok(image) => {
                let object_key = format!("{}/{}.{}", draw::folder(picture.asset), self.document, image.extension);
                if !road.store().announce_asset(lease, self.document, picture.asset, &object_key).await? {
                    return Ok(false);
                }
                road.blobs().put(&object_key, image.content_type, Bytes::from(image.bytes)).await?;
                let content_type = image.content_type.to_owned();
                let ready = Drawn::Ready { object_key: object_key.clone(), content_type };
                let kept = road.store().set_asset(lease, self.document, picture.asset, ready).await?;
                if !kept {
                    // Somebody erased the document meanwhile, or gave it up.
                    road.store().disown_asset(self.document, picture.asset, &object_key).await?;
                }
                Ok(kept)
            }
            Err(error) => {
                tracing::error!(document = %self.document, asset = ?picture.asset, %error, "a picture could not be drawn");
                Ok(road.store().set_asset(lease, self.document, picture.asset, Drawn::Failed).await?)
            }
        }
    }

    /// Hands over a picture that is stored nowhere. One that nobody waits for any more is dropped.
    fn hand(&self, by: Option<&Sender<Unstored>>, picture: draw::Picture) {
        match picture.image {
            Ok(image) => drop(by.map(|by| by.try_send(image.into()))),
            Err(error) => tracing::error!(document = %self.document, asset = ?picture.asset, %error, "a picture could not be drawn"),
        }
    }
}

/// Lets go of the original of a document that has ended, where nobody may submit it again.
async fn let_go(road: &Road, record: &DocumentRecord) {
    if record.asked.is_some() || record.organization.keeps_nothing() {
        road.keeper().let_go(&record.object_key).await;
    }
}

/// The key of an image that is to be judged for the first time, where /v1 may know it from before.
async fn fresh_key(record: &DocumentRecord, question: Option<&str>, bytes: &Bytes) -> anyhow::Result<Option<String>> {
    let Some(question) = question.filter(|_| record.asked.is_some() && record.verdict.is_none()) else { return Ok(None) };
    let bytes = bytes.clone();
    let sha256 = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&bytes))).await?;
    Ok(Some(repeat::key(question, &sha256)))
}

/// What was seen beside the verdict, for the answers of /v1.
pub(crate) struct Seen {
    pub(crate) regions: Vec<Spot>,
    pub(crate) forensics: Option<Value>,
    /// What finds the verdict again.
    pub(crate) content_key: Option<String>,
    /// It was taken over, at this price.
    pub(crate) cached: Option<Price>,
}

impl Seen {
    fn of(pipeline: &Pipeline, judged: &Judged, measure: bool, question: Option<&str>) -> Self {
        let forensics = measure.then(|| forensics::measure(&judged.picture));
        let written = |report: Report| serde_json::to_value(report).expect("finite numbers, texts and lists have a JSON form");
        let content_key = question.map(|question| repeat::key(question, &judged.verdict.image.sha256));
        let regions = pipeline.region(judged).iter().map(spot).collect();
        Self { regions, forensics: forensics.map(written), content_key, cached: None }
    }
}

/// A region in whole pixels.
fn spot(region: &Region) -> Spot {
    let Region { x, y, width, height, share, .. } = *region;
    let [x, y, width, height] = [x, y, width, height].map(|pixels| pixels.round() as u32);
    Spot { x, y, width, height, share, score: region.heat() }
}

/// How the verdict was recorded.
pub(crate) enum Recorded {
    /// Not at all: another worker has the job.
    Lost,
    /// With all its words.
    Finally,
    /// And a vision model may add to its words.
    Awaiting(Place),
}

/// Which assets are to be drawn.
pub(crate) struct Wanted {
    pub(crate) heatmap: Option<touchstone_core::submission::HeatmapStyle>,
    pub(crate) preview: bool,
    /// Whether they are kept.
    pub(crate) stored: bool,
    /// Who waits for the heatmap that is not kept.
    pub(crate) by: Option<Sender<Unstored>>,
}

impl Wanted {
    fn of(road: &Road, record: &DocumentRecord, judged: &Judged) -> Self {
        let stored = !record.organization.keeps_nothing();
        // Where nothing is kept, one is drawn for an answer that waits for it, and no other.
        let by = if stored { None } else { road.handed().awaited(record.id) };
        let drawn = judged.patches.is_some() && (stored || by.is_some());
        Self { heatmap: record.options.heatmap.filter(|_| drawn), preview: record.options.preview && stored, stored, by }
    }

    fn status(&self, asset: Asset) -> AssetStatus {
        let wanted = match asset {
            Asset::Heatmap => self.heatmap.is_some(),
            Asset::Preview => self.preview,
        };
        if wanted && self.stored { AssetStatus::Pending } else { AssetStatus::None }
    }
}

/// Runs the pipeline on a blocking thread. The outer error is a panic there.
async fn judge(
    pipeline: &Pipeline,
    bytes: Bytes,
    ask: Ask,
    (measure, question): (bool, Option<String>),
) -> anyhow::Result<Result<(Judged, Seen), Unjudged>> {
    let pipeline = pipeline.clone();
    let judge = move || {
        let judged = pipeline.judge(bytes, &ask)?;
        let seen = Seen::of(&pipeline, &judged, measure, question.as_deref());
        Ok((judged, seen))
    };
    Ok(tokio::task::spawn_blocking(judge).await?)
}

pub(crate) async fn fail(road: &Road, lease: &Lease, record: &DocumentRecord, code: FailureCode, message: &str) -> anyhow::Result<Ran> {
    metrics::counter!("touchstone_documents_total", "outcome" => "failed").increment(1);
    done(road.store().fail(lease, record.id, code, message).await?)
}

pub(crate) fn done(still_ours: bool) -> anyhow::Result<Ran> {
    Ok(if still_ours { Ran::Done } else { Ran::Lost })
}

fn count(verdict: &Verdict) {
    metrics::counter!("touchstone_documents_total", "outcome" => verdict.label.name()).increment(1);
    metrics::counter!("touchstone_decided_by_total", "stage" => verdict.decided_by.name()).increment(1);
}
