//! One image, judged while its sender waits (row V1): taken in like any other, written with a job that is this process' from the start,
//! and run at once. Whatever crashes, the job's lease runs out and another worker judges it: no reservation is lost.

use std::time::{Duration, Instant};

use bytes::Bytes;
use touchstone_core::{
    ids::DocumentId,
    job::{Lane, NewJob},
    media::{Format, SNIFF_BYTES},
    organization::Caller,
    refusal::Refusal,
    submission::{Asked, HeatmapStyle, Options, Profile, Submission},
};
use touchstone_store::{DocumentRecord, NewDocument, Work};
use url::Url;

use crate::{
    fetched::{Kept, NotFetched},
    handed::Unstored,
    judge::JudgeDocument,
    names::{self, Named},
    places::Place,
    road::Road,
    trouble::{RETRY_AFTER, Trouble},
};

/// How long it is between two looks for a place to fetch.
const LOOK: Duration = Duration::from_millis(50);

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
    Queued(DocumentId),
}

impl Road {
    /// Judges one image at once, or hands it to the queue where this node has no place for it.
    ///
    /// # Errors
    /// What the image, the organisation's credits or the queue refuse: then nothing of it is left.
    pub async fn detect(&self, caller: Caller, sent: Sent, asked: Asked) -> Result<Detected, Refusal> {
        let (id, organization) = (DocumentId::random(), caller.organization.id);
        let kept = self.take_in(&caller, id, sent).await?;
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
        self.accept_kept(submission(caller, kept.object_key, asked), id, kept.object_etag, Work::Image(job)).await?;
        let Some((seat, claim)) = seat.zip(claim) else { return Ok(Detected::Queued(id)) };
        seat.run(claim).await;
        let document = self.document(id).await?.filter(DocumentRecord::is_final);
        // A try that failed for a reason of ours is repeated, by whoever claims it then.
        let heatmap = awaited.and_then(|awaited| awaited.picture());
        Ok(document.map_or(Detected::Queued(id), |document| Detected::Ended { document: Box::new(document), heatmap }))
    }

    /// The image, kept under the document's name and checked by its bytes alone.
    async fn take_in(&self, caller: &Caller, id: DocumentId, sent: Sent) -> Result<Kept, Refusal> {
        match sent {
            Sent::Bytes(bytes) => {
                let format = self.believed(&bytes)?;
                self.keep_sent(caller.organization.id, id.0, bytes, format).await
            }
            Sent::Url(url) => {
                let url = self.foreign(&url)?;
                self.can_pay(caller).await?;
                // Held until the bytes are stored: it bounds what lies in memory.
                let _place = self.fetch_place(caller).await?;
                let (bytes, format) = self.fetched_by_v1(url).await?;
                self.keep_sent(caller.organization.id, id.0, bytes, format).await
            }
        }
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
        let (begun, within) = (Instant::now(), Duration::from_secs(self.v1().place_seconds));
        loop {
            match self.places().take(caller.organization.id) {
                Err(_) if begun.elapsed() < within => tokio::time::sleep(LOOK).await,
                taken => return taken,
            }
        }
    }

    /// Submits what was kept; of what is refused nothing is left.
    pub(crate) async fn accept_kept(&self, submission: Submission, id: DocumentId, etag: String, work: Work) -> Result<(), Refusal> {
        let object_key = submission.object_key.clone();
        let new: NewDocument = self.new_document(submission, id, etag, work);
        let Err(refusal) = self.accept(new).await else { return Ok(()) };
        // The refusal stands whether or not the object goes now: the sweep takes what stays.
        if let Err(error) = self.discard(&object_key).await {
            tracing::warn!(%error, "an image whose submission was refused stays until it is swept");
        }
        // It was here a moment ago: the same image was submitted twice at once, and the other one was refused.
        Err(if refusal == Refusal::FileMissing { Refusal::Busy { retry_after: RETRY_AFTER } } else { refusal })
    }
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
