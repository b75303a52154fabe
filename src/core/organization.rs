//! What a tenant is, and which settings of its own change what its clients see.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{KeyId, OrganizationId, ProjectId},
    key::Scope,
    plan::Plan,
};

/// Whose clients an organisation's keys are used with (row U2): it chooses defaults where the vendors' texts differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The newer text: previews are made unless refused.
    #[default]
    Truthscan,
    /// The older text: previews are made only when asked for.
    Undetectable,
}

impl Dialect {
    /// Both dialects, by the name that the command line and the database use.
    pub const ALL: [(&str, Self); 2] = [("truthscan", Self::Truthscan), ("undetectable", Self::Undetectable)];

    /// The name that the command line and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truthscan => "truthscan",
            Self::Undetectable => "undetectable",
        }
    }

    /// Whether a submission that does not say so gets a preview.
    #[must_use]
    pub const fn previews_by_default(self) -> bool {
        matches!(self, Self::Truthscan)
    }
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, dialect)| *dialect)
            .ok_or_else(|| format!("\"{text}\" is no dialect; write truthscan or undetectable"))
    }
}

/// How long an organisation's images and their pictures are kept (row V12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retention {
    /// As long as the server's settings say.
    #[default]
    Standard,
    /// Nothing is kept but the verdict.
    Zero,
}

impl Retention {
    /// The name that the command line and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Zero => "zero",
        }
    }
}

impl std::str::FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = [Self::Standard, Self::Zero].into_iter().find(|retention| retention.name() == text);
        named.ok_or_else(|| format!("\"{text}\" is no retention; write standard or zero"))
    }
}

/// A tenant with the settings that change how it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// The name its people gave it.
    pub name: String,
    /// Which vendor's defaults its clients expect.
    pub dialect: Dialect,
    /// What it subscribed to.
    pub plan: Plan,
    /// Metered organisations have no credit limit; their usage is counted and billed afterwards.
    pub metered: bool,
    /// `/query` answers only to the organisation's own key (row T5).
    pub private_queries: bool,
    /// Heatmaps are drawn for "Real" verdicts as well (row T7).
    pub heatmap_for_real: bool,
    /// Heatmaps and previews open only with the organisation's key, or with a link that its key was given (row T10).
    pub secure_assets: bool,
    /// Who it is at Stripe (row B3).
    pub stripe_customer_id: Option<String>,
    /// How long its images are kept.
    pub retention: Retention,
}

impl Organization {
    /// Whether nothing of its images is kept but the verdict.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        self.retention == Retention::Zero
    }
}

/// Who is calling: a key that was checked, and the organisation it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organisation that the key belongs to.
    pub organization: Organization,
    /// The key itself, by id; safe to log.
    pub key: KeyId,
    /// The project of the key; `None` for the try-it page, which has none.
    pub project: Option<ProjectId>,
    /// A test key: its documents are marked and cost nothing.
    pub test: bool,
    /// The parts of the API that the key opens; `None`: all.
    pub scopes: Option<BTreeSet<Scope>>,
}

impl Caller {
    /// Whether the key opens this part of the API.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }
}
