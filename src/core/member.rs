//! Members: the people of an organisation (row B1). What each may, [`crate::role`] says.

use serde::Serialize;

use crate::{
    ids::{MemberId, OrganizationId},
    role::Role,
    time::Timestamp,
};

/// An e-mail address, in lower case: what tells the members of an organisation apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Longest address that mail knows.
    const LONGEST: usize = 254;

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Email {
    type Err = String;

    /// Only what nobody could write to is refused: whether an address works, mail alone can tell.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.trim().to_lowercase();
        let well_formed = address.rsplit_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && address.len() <= Self::LONGEST
            && !address.contains(|c: char| c.is_whitespace() || c.is_control());
        if well_formed { Ok(Self(address)) } else { Err(format!("\"{text}\" is no e-mail address")) }
    }
}

/// Somebody in an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their identifier.
    pub id: MemberId,
    /// Where they belong.
    pub organization: OrganizationId,
    /// Their address, once in each organisation.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_spelling_and_nonsense_has_none() {
        assert_eq!(" Ann@Example.ORG ".parse::<Email>().expect("an address").as_str(), "ann@example.org");
        let long = format!("{}@example.org", "a".repeat(250));
        for nonsense in ["", "ann", "@example.org", "ann@", "ann b@example.org", "ann@exam\nple.org", long.as_str()] {
            assert!(nonsense.parse::<Email>().is_err(), "{nonsense}");
        }
    }
}
