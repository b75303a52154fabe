//! The vision model's part in an analysis (row T9): asked once the verdict is recorded and its pictures drawn, never waited for longer
//! than the deadline, and the document's job does not wait at all.
//!
//! A request holds no job and no thread, only one of a few places of its own. Whoever finds none gets the analyst's words at once.
//! Were this process to die meanwhile, the analysis would read as skipped when its time is over: the store judges that.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use touchstone_core::{
    analysis::{self, Analysis},
    day::Day,
    ids::DocumentId,
    time::Timestamp,
    verdict::Verdict,
};
use touchstone_pipeline::{
    analysis::wording::{self, Wording},
    settings,
};
use touchstone_store::{DocumentRecord, Store, StoreError};

use crate::road::Road;

/// How long before the deadline the model's time is over: the store's own margin, and a moment for the way there.
const MARGIN: Duration = Duration::from_millis(1500);

/// Where less time than this is left, as after a long queue, nobody is asked: better the analyst's words now than none.
const WORTHWHILE: Duration = Duration::from_secs(3);

/// A vision model, and how much is asked of it. Cheap to clone.
#[derive(Clone)]
pub struct Words {
    model: Arc<dyn Wording>,
    places: Arc<Semaphore>,
    /// Held from counting today's requests until one more is recorded, so that the day's limit holds.
    turn: Arc<Mutex<()>>,
    max_per_day: u64,
    max_side: u32,
    asked: TaskTracker,
    stop: CancellationToken,
}

/// One analysis that may be put to the model.
pub(crate) struct Question {
    pub(crate) document: DocumentId,
    pub(crate) verdict: Verdict,
    pub(crate) jpeg: Vec<u8>,
}

/// The right to ask the model once; given back when dropped.
pub(crate) struct Place {
    words: Words,
    until: Timestamp,
    _permit: OwnedSemaphorePermit,
}

/// Until this is dropped nobody else counts today's requests.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Words {
    /// Asks `model` within these settings.
    #[must_use]
    pub fn new(model: Arc<dyn Wording>, settings: &settings::Analysis) -> Self {
        Self {
            model,
            places: Arc::new(Semaphore::new(settings.at_once.min(Semaphore::MAX_PERMITS))),
            turn: Arc::default(),
            max_per_day: settings.max_per_day,
            max_side: settings.max_side,
            asked: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// A place for an image that was submitted then and is judged now; `None` when none is free, the day's are used up, or its time
    /// nearly is. The turn is to be held until the request is recorded.
    pub(crate) async fn reserve(&self, store: &Store, submitted: Timestamp) -> Result<Option<(Place, Turn)>, StoreError> {
        let now = Timestamp::now();
        let until = analysis::deadline(submitted, now);
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else { return Ok(None) };
        if until < now + WORTHWHILE {
            return Ok(None);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.max_per_day > 0 && store.analyses_awaited_since(Day::of(now).start()).await? >= self.max_per_day {
            return Ok(None);
        }
        Ok(Some((Place { words: self.clone(), until, _permit: permit }, turn)))
    }

    /// The model's words joined with the analyst's; `None` when there are none that may be said.
    async fn words(&self, question: Question, until: Timestamp) -> Option<Analysis> {
        let Question { document, verdict, jpeg } = question;
        let within = Duration::from_millis(u64::try_from((until - MARGIN).0 - Timestamp::now().0).unwrap_or(0));
        if within.is_zero() {
            return None;
        }
        let answer = self.stop.run_until_cancelled(tokio::time::timeout(within, self.model.remark(jpeg, within))).await?;
        let outcome = match answer.unwrap_or_else(|_| Err("its time was over".to_owned())) {
            Err(reason) => {
                tracing::warn!(%document, reason, "the vision model did not help; the analyst's own words stand");
                "failed"
            }
            Ok(remarks) => match wording::join(&verdict, remarks) {
                Ok(joined) => {
                    metrics::counter!("touchstone_wordings_total", "outcome" => "joined").increment(1);
                    return Some(joined);
                }
                Err(reason) => {
                    tracing::warn!(%document, reason, "the vision model's answer was refused; the analyst's own words stand");
                    "refused"
                }
            },
        };
        metrics::counter!("touchstone_wordings_total", "outcome" => outcome).increment(1);
        None
    }

    /// Stops asking: what is under way ends with the analyst's words.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        self.asked.close();
        self.asked.wait().await;
    }
}

impl Place {
    /// When the waiting ends.
    pub(crate) const fn until(&self) -> Timestamp {
        self.until
    }

    /// Longest side of the picture to show.
    pub(crate) const fn longest(&self) -> u32 {
        self.words.max_side
    }

    /// Asks beside everything else, and records what came of it: with that the document has ended, and may lose its original.
    pub(crate) fn ask(self, road: Road, record: &DocumentRecord, question: Question) {
        let asked = self.words.asked.clone();
        let original = record.organization.keeps_nothing().then(|| record.object_key.clone());
        asked.spawn(async move {
            let document = question.document;
            let said = self.words.words(question, self.until).await;
            match road.store().finish_analysis(document, said.as_ref()).await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(%document, "an analysis came too late and is skipped"),
                // Its time runs out by itself.
                Err(error) => tracing::error!(%document, %error, "an analysis could not be recorded"),
            }
            if let Some(object_key) = original {
                road.keeper().let_go(&object_key).await;
            }
        });
    }
}
