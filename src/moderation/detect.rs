//! One image, judged while its sender waits (row V1): taken in like any other, written with a job that is this process' from the start,
//! and run at once. Whatever crashes, the job's lease runs out and another worker judges it: no reservation is lost.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{task::JoinError, time::timeout};
use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    media::{Format, SNIFF_BYTES},
    organization::Caller,
    refusal::Refusal,
    submission::{Asked, HeatmapStyle, Options, Profile, Submission},
    time::Timestamp,
};
use touchstone_store::{ClaimedJob, DocumentRecord, NewDocument, Work};
use url::Url;

use crate::{
    bench::Seat,
    fetched::NotFetched,
    handed::{Awaited, Unstored},
    judge::JudgeDocument,
    names::{self, Named},
    places::Place,
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

/// An image as it was sent.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Its bytes.
    Bytes(Bytes),
    /// Where it is.
    Url(String),
}

/// What came of it.
#[derive(Debug)]
pub enum Detected {
    /// It has ended, judged or not.
    Ended {
        /// What became of it.
        document: Box<DocumentRecord>,
        /// Its heatmap, where none is stored.
        heatmap: Option<Unstored>,
    },
    /// It is accepted, and somebody judges it.
    Queued {
        /// What will be judged.
        document: DocumentId,
        /// Where its heatmap comes, where none is stored.
        heatmap: Option<Awaited>,
    },
}

impl Road {
    /// Judges one image at once, or hands it to the queue where this node has no place for it.
    ///
    /// # Errors
    /// What the image, the organisation's credits or the queue refuse: then nothing of it is left.
    pub async fn detect(&self, caller: Caller, sent: Sent, asked: Asked) -> Result<Detected, Refusal> {
        let (bytes, format, place) = self.received(&caller, sent).await?;
        let question = question(&caller, &bytes, &asked).await.trouble()?;
        if let Some(document) = self.asked_before(question.as_deref()).await? {
            return Ok(Detected::Queued { document, heatmap: None });
        }
        self.can_pay_anew(&caller).await?;
        let (id, organization) = (DocumentId::random(), caller.organization.id);
        let kept = self.keep_sent(organization, id.0, bytes, format).await?;
        drop(place);
        let awaited = (asked.heatmap && caller.organization.keeps_nothing()).then(|| self.handed().expect(id));
        let seat = match self.seats() {
            Some(seats) => seats.take(organization, Duration::from_secs(self.v1().place_seconds)).await,
            None => None,
        };
        let job = NewJob::now(&JudgeDocument { document: id }, organization, Lane::Interactive).trouble()?;
        let (job, claim) = match &seat {
            Some(seat) => {
                let (job, claim) = seat.lease(job);
                (job, Some(claim))
            }
            None => (job, None),
        };
        let new = self.new_document(submission(caller, kept.object_key, asked), id, kept.object_etag, Work::Image(job));
        self.accept_kept(NewDocument { question, ..new }).await?;
        // A try that failed for a reason of ours is repeated, by whoever claims it then.
        let ended = match seat.zip(claim) {
            Some((seat, claim)) => self.runs(seat, claim).await,
            None => false,
        };
        let document = if ended { self.document(id).await?.filter(DocumentRecord::is_told) } else { None };
        let Some(document) = document else { return Ok(Detected::Queued { document: id, heatmap: awaited }) };
        let heatmap = match awaited {
            Some(awaited) => awaited.picture().await,
            None => None,
        };
        Ok(Detected::Ended { document: Box::new(document), heatmap })
    }

    /// Runs a job at its place, in a task that has the place: it goes on where it takes longer than anybody waits. Whether it has ended.
    async fn runs(&self, seat: Seat, claim: ClaimedJob) -> bool {
        timeout(Duration::from_secs(self.v1().wait_seconds), tokio::spawn(seat.run(claim))).await.is_ok()
    }

    /// The image, checked by its bytes alone; and a place to fetch, where it was fetched, to be held until it is stored: it bounds what lies
    /// in memory.
    async fn received(&self, caller: &Caller, sent: Sent) -> Result<(Bytes, Format, Option<Place>), Refusal> {
        match sent {
            Sent::Bytes(bytes) => {
                let format = self.believed(&bytes)?;
                Ok((bytes, format, None))
            }
            Sent::Url(url) => {
                let url = self.foreign(&url)?;
                self.can_pay(caller).await?;
                let place = self.fetch_place(caller).await?;
                let (bytes, format) = self.fetched_by_v1(url).await?;
                Ok((bytes, format, Some(place)))
            }
        }
    }

    /// The document that a repeated request is about, whose own was told to come back (row T17): nobody pays twice for coming back.
    async fn asked_before(&self, question: Option<&str>) -> Result<Option<DocumentId>, Refusal> {
        let Some(question) = question else { return Ok(None) };
        let since = Timestamp::now() - Duration::from_secs(self.settings().jobs.replay_seconds);
        self.store().asked_before(question, since, Duration::from_secs(self.v1().wait_seconds)).await.trouble()
    }

    /// The format of bytes of an allowed size.
    ///
    /// # Errors
    /// [`Refusal::FileTooSmall`], [`Refusal::ImageTooLarge`], [`Refusal::UnknownFormat`].
    pub(crate) fn believed(&self, bytes: &[u8]) -> Result<Format, Refusal> {
        let (least, most) = (self.settings().uploads.min_bytes, self.v1().max_image_bytes);
        match bytes.len() as u64 {
            size if size < least => Err(Refusal::FileTooSmall { least }),
            size if size > most => Err(Refusal::ImageTooLarge { most, got: Some(size) }),
            _ => Format::sniff(&bytes[..bytes.len().min(SNIFF_BYTES)]).ok_or(Refusal::UnknownFormat),
        }
    }

    /// A URL that may be fetched as far as it shows by itself.
    ///
    /// # Errors
    /// [`Refusal::EmptyUrl`] when it is none, [`Refusal::Unfetchable`] when it names one of our own stores.
    pub(crate) fn foreign(&self, url: &str) -> Result<Url, Refusal> {
        match names::named(url, &self.settings().known_hosts) {
            Ok(Named::Foreign(url)) if url.has_host() => Ok(url),
            Ok(Named::Foreign(_)) | Err(Refusal::EmptyUrl) => Err(Refusal::EmptyUrl),
            Ok(Named::Upload(_)) | Err(_) => Err(self.unfetchable()),
        }
    }

    /// An image behind a URL, of what size and format /v1 takes.
    ///
    /// # Errors
    /// [`Refusal::ImageTooLarge`]; for everything else [`Refusal::Unfetchable`].
    pub(crate) async fn fetched_by_v1(&self, url: Url) -> Result<(Bytes, Format), Refusal> {
        let most = self.v1().max_image_bytes;
        self.image_at(url, most).await.map_err(|error| match error {
            NotFetched::TooLarge => Refusal::ImageTooLarge { most, got: None },
            NotFetched::NoImage => self.unfetchable(),
        })
    }

    pub(crate) fn unfetchable(&self) -> Refusal {
        Refusal::Unfetchable { least: self.settings().uploads.min_bytes, most: self.v1().max_image_bytes }
    }

    /// A place to fetch, waited for a moment: whoever calls waits for the answer anyhow.
    pub(crate) async fn fetch_place(&self, caller: &Caller) -> Result<Place, Refusal> {
        self.places().wait(caller.organization.id, Duration::from_secs(self.v1().place_seconds)).await
    }

    /// Submits what was kept; of what is refused nothing is left.
    async fn accept_kept(&self, new: NewDocument) -> Result<(), Refusal> {
        let object_key = new.object_key.clone();
        let Err(refusal) = self.accept(new).await else { return Ok(()) };
        // The refusal stands whether or not the object goes now: the sweep takes what stays.
        if let Err(error) = self.discard(&object_key).await {
            tracing::warn!(%error, "an image whose submission was refused stays until it is swept");
        }
        // It was here a moment ago: the same image was submitted twice at once, and the other one was refused.
        Err(if refusal == Refusal::FileMissing { Refusal::Busy { retry_after: RETRY_AFTER } } else { refusal })
    }
}

/// The same for two requests exactly when one repeats the other: whose they are, the image, and everything that is asked about it. Where
/// nothing is kept, this is not either.
async fn question(caller: &Caller, image: &Bytes, asked: &Asked) -> Result<Option<String>, JoinError> {
    if caller.organization.keeps_nothing() {
        return Ok(None);
    }
    let asked = Asked { request_id: String::new(), ..asked.clone() };
    let (organization, test, image) = (caller.organization.id, caller.test, image.clone());
    let question = move || {
        let image = hex::encode(Sha256::digest(&image));
        hex::encode(Sha256::digest(json!([organization, test, image, asked]).to_string()))
    };
    tokio::task::spawn_blocking(question).await.map(Some)
}

/// A submission of /v1 as the road takes it.
pub(crate) fn submission(caller: Caller, object_key: String, asked: Asked) -> Submission {
    Submission {
        options: options(&asked),
        asked: Some(asked),
        caller,
        object_key,
        id: None,
        queue: String::new(),
        email: None,
        user_agent: None,
    }
}

/// What is made for somebody who asked for this.
pub(crate) fn options(asked: &Asked) -> Options {
    let heatmap = asked.heatmap.then_some(HeatmapStyle { overlay: true, normalized: true });
    Options { preview: false, heatmap, analysis: false, profile: Profile::Generic }
}
