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
    /// No other try will help now.
    Closed(String),
}

impl Billing {
    /// Tries until the event has its end, or as often as the settings say. `Some`: it waits, and why.
    pub(crate) async fn deliver(&self, event: MeterEvent, lease: &str) -> Result<Option<String>, Trouble> {
        let stripe = self.stripe()?;
        let mut event = event;
        let mut why = String::new();
        for round in 0..self.settings.attempts {
            if round > 0 {
                tokio::time::sleep(self.backoff(round - 1)).await;
            }
            self.keep(&event, lease).await?;
            match self.try_once(stripe, &mut event).await? {
                Tried::Ended => return Ok(None),
                Tried::Later(reason) => why = reason,
                Tried::Closed(reason) => {
                    why = reason;
                    break;
                }
            }
        }
        tracing::warn!(identifier = event.identifier, why, "a meter event waits");
        self.store.end_attempt(event.id, AttemptEnd::Waiting(why.clone()), Timestamp::now()).await?;
        Ok(Some(why))
    }

    async fn try_once(&self, stripe: &Stripe, event: &mut MeterEvent) -> Result<Tried, Trouble> {
        let now = Timestamp::now();
        let anew = match rules::next(event, now) {
            Step::Send => false,
            Step::Expire => return self.end(event, AttemptEnd::Expired).await,
            Step::Ask => match self.ask(stripe, event, now).await? {
                Ok(None) => true,
                Ok(Some(end)) => return self.end(event, end).await,
                Err(why) => return Ok(Tried::Later(why)),
            },
        };
        let Some(attempt) = self.store.begin_attempt(event, anew, now).await? else {
            // Another sender has it: what it does is as good.
            return Ok(Tried::Ended);
        };
        *event = attempt;
        match stripe.send(event).await {
            Said::Accepted => self.end(event, AttemptEnd::Accepted).await,
            Said::Duplicate => self.end(event, AttemptEnd::Duplicate).await,
            Said::Refused(why) => self.end(event, AttemptEnd::Refused(why)).await,
            Said::Later(why) => Ok(Tried::Later(why)),
            Said::Closed(why) => Ok(Tried::Closed(why)),
        }
    }

    /// Asks Stripe's sums about an event that may be there already. `Ok(None)`: it is not there and may be sent again. The inner
    /// error says why nobody knows yet.
    async fn ask(&self, stripe: &Stripe, event: &MeterEvent, now: Timestamp) -> Result<Result<Option<AttemptEnd>, String>, Trouble> {
        let sums = match stripe.sums(&event.meter, &event.customer, event.day, event.day).await {
            Ok(sums) => sums,
            Err(why) => return Ok(Err(why)),
        };
        let sum = sums.get(&event.day).copied().unwrap_or_default();
        let same_day = self.store.meter_events_of_day(&event.customer, &event.meter, event.day).await?;
        Ok(match rules::compare(event, &same_day, sum, now) {
            Compared::There => Ok(Some(AttemptEnd::Found)),
            Compared::NotThere if rules::is_taken(event, now) => Ok(None),
            Compared::NotThere => Ok(Some(AttemptEnd::Expired)),
            Compared::Between => {
                let why = format!("it may have been counted: Stripe has {sum} for the day, which is neither with it nor without it");
                Ok(Some(AttemptEnd::Doubtful(why)))
            }
            Compared::TooEarly => Err("Stripe's sums must catch up first".to_owned()),
        })
    }

    async fn end(&self, event: &MeterEvent, end: AttemptEnd) -> Result<Tried, Trouble> {
        let state = self.store.end_attempt(event.id, end, Timestamp::now()).await?;
        if !matches!(state, MeterEventState::Sent) {
            tracing::error!(identifier = event.identifier, ?state, "a meter event was not sent");
        }
        Ok(Tried::Ended)
    }

    fn backoff(&self, round: u32) -> Duration {
        Duration::from_millis(self.settings.backoff_ms).saturating_mul(2_u32.saturating_pow(round)).min(LONGEST_BACKOFF)
    }
}
