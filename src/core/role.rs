//! Roles: what each member of an organisation may (row B1). The one table that every door asks.

use serde::{Deserialize, Serialize};

/// What somebody is in an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May everything. An organisation that had an owner keeps one.
    Owner,
    /// Runs it: members, projects, keys, settings.
    Admin,
    /// Looks at documents and decides about them.
    Moderator,
    /// Sees what is used and pays for it.
    Billing,
    /// Looks at documents.
    Viewer,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Look at documents and verdicts.
    SeeDocuments,
    /// Overrule verdicts, answer appeals, set rules.
    Moderate,
    /// Make and revoke keys, make and archive projects.
    ManageKeys,
    /// Invite members, change their roles, remove them; owners aside.
    ManageMembers,
    /// Change how the organisation is served.
    ManageOrganization,
    /// See credits, usage and what is owed (row T18).
    SeeUsage,
    /// Buy credits, change the plan.
    ManageBilling,
    /// Make somebody an owner, or end an owner's rights.
    ManageOwners,
}

impl Role {
    /// Every role, from the one that may most.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Moderator, Self::Billing, Self::Viewer];

    /// The name that the command line and the database use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Moderator => "moderator",
            Self::Billing => "billing",
            Self::Viewer => "viewer",
        }
    }

    /// Whether somebody of this role may do it.
    #[must_use]
    pub const fn may(self, act: Act) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => {
                matches!(act, Act::SeeDocuments | Act::Moderate | Act::ManageKeys | Act::ManageMembers | Act::ManageOrganization)
            }
            Self::Moderator => matches!(act, Act::SeeDocuments | Act::Moderate),
            Self::Billing => matches!(act, Act::SeeUsage | Act::ManageBilling),
            Self::Viewer => matches!(act, Act::SeeDocuments),
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is no role; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_table_says_and_nothing_else() {
        // B1, T18
        let table = [
            //                          owner, admin, moderator, billing, viewer
            (Act::SeeDocuments, [true, true, true, false, true]),
            (Act::Moderate, [true, true, true, false, false]),
            (Act::ManageKeys, [true, true, false, false, false]),
            (Act::ManageMembers, [true, true, false, false, false]),
            (Act::ManageOrganization, [true, true, false, false, false]),
            (Act::SeeUsage, [true, false, false, true, false]),
            (Act::ManageBilling, [true, false, false, true, false]),
            (Act::ManageOwners, [true, false, false, false, false]),
        ];
        for (act, may) in table {
            assert_eq!(Role::ALL.map(|role| role.may(act)), may, "{act:?}");
        }
    }

    #[test]
    fn a_role_is_known_by_its_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("king".parse::<Role>().is_err());
    }
}
