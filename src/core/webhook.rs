//! Webhooks as rules (row V10): which events there are, how a delivery is signed, when it is tried again, and when an endpoint rests.
//!
//! Pure: `store` keeps endpoints and deliveries, `net` sends, `moderation` renders bodies and runs deliveries. Chance is handed in.

mod health;
mod refused;
mod retries;
mod signature;

pub use health::{Disabled, Health};
pub use refused::Refused;
pub use retries::{Heard, Outcome, Retries, asked_to_wait};
pub use signature::{PREFIX, Secret, Secrets};

/// What an endpoint is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// An image was judged.
    DetectionCompleted,
    /// Every image of a batch has ended, and at least one was judged.
    BatchCompleted,
    /// Every image of a batch has ended, and none could be judged.
    BatchFailed,
    /// Somebody wants to see a delivery. Nobody subscribes to it: it goes to the endpoint that is tested.
    Test,
}

impl Event {
    /// What an endpoint may subscribe to.
    pub const SUBSCRIBABLE: [Self; 3] = [Self::DetectionCompleted, Self::BatchCompleted, Self::BatchFailed];

    /// The `type` of its deliveries; the database uses it too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DetectionCompleted => "detection.completed",
            Self::BatchCompleted => "batch.completed",
            Self::BatchFailed => "batch.failed",
            Self::Test => "webhook.test",
        }
    }

    /// The events that may be subscribed to, as refusals list them.
    #[must_use]
    pub fn choices() -> String {
        Self::SUBSCRIBABLE.map(Self::name).join(", ")
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::SUBSCRIBABLE.into_iter().chain([Self::Test]).find(|event| event.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is no event; there are {}", Self::choices()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_its_name() {
        // V10
        assert_eq!(Event::choices(), "detection.completed, batch.completed, batch.failed");
        for event in Event::SUBSCRIBABLE.into_iter().chain([Event::Test]) {
            assert_eq!(event.name().parse(), Ok(event));
        }
        assert!("detection.*".parse::<Event>().is_err());
    }
}
