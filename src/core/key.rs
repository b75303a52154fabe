//! API keys as rules: what a key may do, and why one is refused. `store` keeps the keys, `web` says which scope each route needs.

use std::{collections::BTreeSet, net::IpAddr};

use crate::{
    ids::{KeyId, OrganizationId, ProjectId},
    network::Network,
    time::Timestamp,
};

/// A part of the API that a key may be confined to (row V7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Upload and submit.
    Detect,
    /// Read verdicts.
    Query,
    /// Fetch heatmaps and previews.
    Assets,
    /// See what is left to spend.
    Credits,
    /// See what was used.
    Usage,
    /// Manage the endpoints that are told of verdicts.
    Webhooks,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [Self::Detect, Self::Query, Self::Assets, Self::Credits, Self::Usage, Self::Webhooks];

    /// The name that the command line and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Query => "query",
            Self::Assets => "assets",
            Self::Credits => "credits",
            Self::Usage => "usage",
            Self::Webhooks => "webhooks",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is no scope; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What confines a key beside its organisation. By default nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// The parts of the API that it opens; `None`: all.
    pub scopes: Option<BTreeSet<Scope>>,
    /// The networks that it is used from; none: from everywhere.
    pub networks: Vec<Network>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Limits {
    /// Whether the key opens anything now, for a client at this address; one at an unknown address is in no network.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, now: Timestamp, client: Option<IpAddr>) -> Result<(), Denial> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Denial::Expired);
        }
        let within = |client| self.networks.iter().any(|network| network.contains(client));
        let elsewhere = !self.networks.is_empty() && !client.is_some_and(within);
        if elsewhere { Err(Denial::Elsewhere { client }) } else { Ok(()) }
    }
}

/// A key as people administer it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier; safe to log.
    pub id: KeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// What its people call it; may be empty.
    pub name: String,
    /// How its secret begins, so that people tell their keys apart.
    pub prefix: String,
    /// A test key: its documents are marked and cost nothing.
    pub test: bool,
    /// What confines it.
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended by hand.
    pub revoked_at: Option<Timestamp>,
    /// The newest key that was made in its place.
    pub replaced_by: Option<KeyId>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it still opens something for somebody.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.limits.expires_at.is_none_or(|end| end > now)
    }
}

/// Why a known key is refused. Only whoever sent the whole secret is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// It is not used from this address.
    Elsewhere {
        /// The address that the server saw; `None`: a proxy named none.
        client: Option<IpAddr>,
    },
    /// It is confined to other parts of the API.
    OutOfScope {
        /// The scope that it lacks; `None`: only a key without scopes may do this.
        needed: Option<Scope>,
    },
}

impl Denial {
    /// What is wrong with the key, and the way out.
    #[must_use]
    pub fn way_out(&self) -> String {
        match self {
            Self::Revoked => "This key was revoked. Ask your operator for a new one.".into(),
            Self::Expired => "This key has expired. Ask your operator for a new one.".into(),
            Self::Elsewhere { client: None } => {
                "This key is accepted only from certain addresses, and the proxy before this server did not tell yours. Ask your operator."
                    .into()
            }
            Self::Elsewhere { client: Some(client) } => {
                format!("This key is not accepted from {client}. Ask your operator to allow that address.")
            }
            Self::OutOfScope { needed: Some(scope) } => {
                format!("This key lacks the scope \"{scope}\". Use one that has it, or ask your operator.")
            }
            Self::OutOfScope { needed: None } => "This takes a key that is not confined to scopes. Ask your operator for one.".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn check(limits: &Limits, client: &str) -> Result<(), Denial> {
        limits.check(NOW, Some(client.parse().expect("an address")))
    }

    #[test]
    fn a_key_without_limits_is_good_everywhere_and_for_ever() {
        assert_eq!(check(&Limits::default(), "203.0.113.9"), Ok(()));
    }

    #[test]
    fn a_key_ends_at_its_moment() {
        // V7
        for (end, outcome) in [(999, Err(Denial::Expired)), (1_000, Err(Denial::Expired)), (1_001, Ok(()))] {
            let limits = Limits { expires_at: Some(Timestamp(end)), ..Limits::default() };
            assert_eq!(check(&limits, "203.0.113.9"), outcome, "{end}");
        }
    }

    #[test]
    fn a_key_is_good_in_any_of_its_networks_and_nowhere_else() {
        // V7
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().expect("a network")).to_vec();
        let limits = Limits { networks, ..Limits::default() };
        assert_eq!((check(&limits, "10.1.1.1"), check(&limits, "2001:db8::7")), (Ok(()), Ok(())));
        for client in [Some("203.0.113.9".parse().expect("an address")), None] {
            assert_eq!(limits.check(NOW, client), Err(Denial::Elsewhere { client }));
        }
        assert_eq!(Limits::default().check(NOW, None), Ok(()), "without networks nobody asks");
    }

    #[test]
    fn a_scope_is_known_by_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        assert!("admin".parse::<Scope>().is_err());
    }
}
