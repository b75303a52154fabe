//! Typed identifiers. A document id can never be passed where an organisation id is meant.
//!
//! All are random version-4 UUIDs: a document id is a capability (row T5), so it must not be guessable.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh, unguessable identifier.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// One tenant: the owner of keys, credits, uploads and documents.
    OrganizationId
);
id!(
    /// One project of an organisation: what keys belong to. An organisation's default project has the organisation's own id.
    ProjectId
);
id!(
    /// One person in one organisation.
    MemberId
);
id!(
    /// One API key. Not the secret itself.
    KeyId
);
id!(
    /// One judged image. Whoever knows it may read the verdict (row T5), unless the organisation asks for a key.
    DocumentId
);
id!(
    /// One unit of background work.
    JobId
);

id!(
    /// One place that webhooks are sent to.
    WebhookId
);
id!(
    /// One thing that happened, and that webhooks tell of.
    EventId
);
id!(
    /// One event on its way to one webhook.
    DeliveryId
);

impl EventId {
    /// As receivers see it (`webhook-id`): the same for every try and every replay, so that they can tell a repeat.
    #[must_use]
    pub fn shown(self) -> String {
        format!("evt_{}", self.0.simple())
    }
}

impl ProjectId {
    /// The project that an organisation has from the start.
    #[must_use]
    pub const fn default_of(organization: OrganizationId) -> Self {
        Self(organization.0)
    }
}
