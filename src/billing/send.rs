//! One frozen event on its way: every attempt is written before it is made, every end once, and whatever a crash leaves is pending.

use std::time::Duration;

use touchstone_core::time::Timestamp;
use touchstone_store::{AttemptEnd, MeterEvent, MeterEventState};

use crate::{
    Billing,
    meter::{Said, Stripe},
    rules::{self, Compared, Step},
    trouble::Trouble,
};

/// Longest wait between two tries: one call has a client that waits for it.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// How far one try brought an event.
enum Tried {
    /// It has its end.
    Ended,
    /// Another try may help.
    Later(String),
    /// No other try will help now, nor any with another event of its meter.
    Closed(String),
    /// This event must wait; others need not.
    TooEarly(String),
}

/// Why an event waits.
pub(crate) struct Wait {
    pub(crate) why: String,
    /// So would every other event of its meter.
    pub(crate) all: bool,
}

/// What Stripe's sums told.
enum Asked {
    /// It is not there and may be sent again.
    NotThere,
    /// It has its end.
    Ended(AttemptEnd),
    /// Nobody knows yet.
    Unknown(Tried),
}

impl Billing {
    /// Tries until the event has its end, or as often as the settings say. `Some`: it waits.
    pub(crate) async fn deliver(&self, event: MeterEvent, lease: &str) -> Result<Option<Wait>, Trouble> {
        let stripe = self.stripe()?;
        let mut event = event;
        let mut wait = Wait { why: String::new(), all: true };
        for round in 0..self.settings.attempts {
            if round > 0 {
                tokio::time::sleep(self.backoff(round - 1)).await;
            }
            let (why, over, all) = match self.try_once(stripe, &mut event, lease).await? {
                Tried::Ended => return Ok(None),
                Tried::Later(why) => (why, false, true),
                Tried::Closed(why) => (why, true, true),
                Tried::TooEarly(why) => (why, true, false),
            };
            wait = Wait { why, all };
            if over {
                break;
            }
        }
        tracing::warn!(identifier = event.identifier, why = wait.why, "a meter event waits");
        self.store.end_attempt(&event, AttemptEnd::Waiting(wait.why.clone()), Timestamp::now()).await?;
        Ok(Some(wait))
    }

    async fn try_once(&self, stripe: &Stripe, event: &mut MeterEvent, lease: &str) -> Result<Tried, Trouble> {
        let now = Timestamp::now();
        let anew = match rules::next(event, now) {
            Step::Send => false,
            Step::Expire => return self.end(event, AttemptEnd::Expired).await,
            Step::Ask => {
                self.keep(event, lease).await?;
                match self.ask(stripe, event, now).await? {
                    Asked::NotThere => true,
                    Asked::Ended(end) => return self.end(event, end).await,
                    Asked::Unknown(tried) => return Ok(tried),
                }
            }
        };
        // A name that no meter has would turn every event into a refused one.
        if let Err(why) = stripe.takes(&event.meter).await {
            return Ok(Tried::Closed(why));
        }
        self.keep(event, lease).await?;
        let Some(attempt) = self.store.begin_attempt(event, anew, Timestamp::now()).await? else {
            // Another sender has it; whether it is done shows when the call ends.
            return Ok(Tried::Ended);
        };
        *event = attempt;
        match stripe.send(event).await {
            Said::Accepted => self.end(event, AttemptEnd::Accepted).await,
            Said::Duplicate => self.end(event, AttemptEnd::Duplicate).await,
            Said::Refused(why) => self.end(event, AttemptEnd::Refused(why)).await,
            Said::Doubtful(why) => self.end(event, AttemptEnd::Doubtful(why)).await,
            Said::Unknown(why) => Ok(Tried::Later(why)),
            Said::Declined(why) => self.declined(event, &why).await.map(|()| Tried::Later(why)),
            Said::Closed(why) => self.declined(event, &why).await.map(|()| Tried::Closed(why)),
        }
    }

    /// This attempt was surely not accepted.
    async fn declined(&self, event: &MeterEvent, why: &str) -> Result<(), Trouble> {
        self.store.end_attempt(event, AttemptEnd::Declined(why.to_owned()), Timestamp::now()).await?;
        Ok(())
    }

    /// Asks Stripe's sums about an event that may be there already.
    async fn ask(&self, stripe: &Stripe, event: &MeterEvent, now: Timestamp) -> Result<Asked, Trouble> {
        let sums = match stripe.sums(&event.meter, &event.customer, event.day, event.day).await {
            Ok(sums) => sums,
            Err(why) => return Ok(Asked::Unknown(Tried::Later(why))),
        };
        let sum = sums.get(&event.day).copied().unwrap_or_default();
        let same_day = self.store.meter_events_of_day(&event.customer, &event.meter, event.day).await?;
        Ok(match rules::compare(&same_day, sum, now) {
            Compared::There => Asked::Ended(AttemptEnd::Found),
            Compared::NotThere if rules::is_taken(event, now) => Asked::NotThere,
            Compared::NotThere => Asked::Ended(AttemptEnd::Expired),
            Compared::Between => {
                let why = format!("it may have been counted: Stripe has {sum} for the day, which is neither with it nor without it");
                Asked::Ended(AttemptEnd::Doubtful(why))
            }
            Compared::TooEarly => Asked::Unknown(Tried::TooEarly("Stripe's sums must catch up first".to_owned())),
        })
    }

    async fn end(&self, event: &MeterEvent, end: AttemptEnd) -> Result<Tried, Trouble> {
        let state = self.store.end_attempt(event, end, Timestamp::now()).await?;
        if !matches!(state, MeterEventState::Sent) {
            tracing::error!(identifier = event.identifier, ?state, "a meter event was not sent");
        }
        Ok(Tried::Ended)
    }

    fn backoff(&self, round: u32) -> Duration {
        Duration::from_millis(self.settings.backoff_ms).saturating_mul(2_u32.saturating_pow(round)).min(LONGEST_BACKOFF)
    }
}
