//! What whoever administers webhooks may be told instead.

use crate::refusal::Kind;

/// Why something about webhooks is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The project has no such webhook, or the webhook no such delivery: one answer, so that ids cannot be probed.
    Unknown,
    /// The project has as many webhooks as it may.
    TooMany {
        /// How many that is.
        most: u64,
    },
    /// Nothing may be sent to this URL.
    Url {
        /// Why, as the end of a sentence.
        reason: String,
    },
    /// The webhook gets nothing before it is enabled.
    Disabled,
    /// Its secret was rotated a short while ago, and the one before still signs.
    JustRotated {
        /// Until when, as RFC 3339.
        until: String,
    },
}

impl Refused {
    /// Which sort it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        if matches!(self, Self::Unknown) { Kind::NotFound } else { Kind::Invalid }
    }

    /// What was wrong.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::Unknown => "Webhook not found",
            Self::TooMany { .. } => "Too many webhooks",
            Self::Url { .. } => "Invalid webhook URL",
            Self::Disabled => "Webhook is disabled",
            Self::JustRotated { .. } => "Secret was just rotated",
        }
    }

    /// The same, said fully, with the way out.
    #[must_use]
    pub fn way_out(&self) -> String {
        match self {
            Self::Unknown => "This project has none of this id. GET /v1/webhooks lists what there is.".into(),
            Self::TooMany { most } => format!("A project may have {most} webhooks. Delete one, or change its url or events."),
            Self::Url { reason } => format!("Nothing is sent there: {reason}. Send the https:// URL of a public server."),
            Self::JustRotated { until } => format!(
                "Until {until} the secret before signs as well; another rotation would end it at once. If your receivers have the new one, or \
                 nobody shall have the old one, send ?force=true."
            ),
            Self::Disabled => "Nothing is sent to a webhook that is disabled. Enable it first: PATCH {\"enabled\": true}.".into(),
        }
    }
}
