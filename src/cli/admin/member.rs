//! `touchstone admin member …`: the people of an organisation and what each may.

use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_core::{
    ids::{MemberId, OrganizationId},
    member::{Email, Member as Person},
    role::Role,
};
use touchstone_store::Store;

use super::{moment, org};

/// `touchstone admin member …`
#[derive(Debug, Subcommand)]
pub(super) enum Member {
    /// Add somebody to an organisation.
    Add {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        /// Their e-mail address, once in each organisation.
        #[arg(long)]
        email: Email,
        /// What they are called.
        #[arg(long, default_value = "")]
        name: String,
        /// What they may: owner, admin, moderator, billing or viewer.
        #[arg(long)]
        role: Role,
    },
    /// Change somebody's role or name. What is not named stays.
    Set {
        /// The member's id.
        #[arg(long)]
        id: MemberId,
        /// What they may: owner, admin, moderator, billing or viewer.
        #[arg(long)]
        role: Option<Role>,
        /// What they are called.
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove somebody. An organisation's last owner stays.
    Remove {
        /// The member's id.
        #[arg(long)]
        id: MemberId,
    },
    /// List the members of an organisation.
    List {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
    },
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails, what was named does not exist, or the rules of accounts refuse it.
pub(super) async fn run(store: &Store, command: Member) -> anyhow::Result<Value> {
    match command {
        Member::Add { org, email, name, role } => {
            org::named(store, org).await?;
            Ok(described(&store.add_member(org, &email, &name, role).await?))
        }
        Member::Set { id, role, name } => Ok(described(&store.set_member(id, role, name).await?)),
        Member::Remove { id } => {
            let gone = store.remove_member(id).await?;
            Ok(json!({ "member_id": gone.id, "removed": true }))
        }
        Member::List { org } => {
            org::named(store, org).await?;
            let members: Vec<Value> = store.members(org).await?.iter().map(described).collect();
            Ok(json!({ "organization_id": org, "members": members }))
        }
    }
}

fn described(member: &Person) -> Value {
    json!({
        "member_id": member.id, "organization_id": member.organization, "email": member.email, "name": member.name, "role": member.role,
        "created_at": moment::written(member.created_at),
    })
}
