//! `touchstone admin project …`: groups of an organisation's keys.

use clap::Subcommand;
use serde_json::{Value, json};
use touchstone_core::ids::{OrganizationId, ProjectId};
use touchstone_store::{Project as Part, Store};

use super::{moment, org};

/// `touchstone admin project …`
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Make a project: a group of keys that end together, and whose documents remember it. It confines no reading: every key of the
    /// organisation reads all of its documents. Every organisation has one from the start.
    Create {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
        /// Its name, once in each organisation.
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        name: String,
    },
    /// List the projects of an organisation.
    List {
        /// The organisation's id.
        #[arg(long)]
        org: OrganizationId,
    },
    /// Archive a project: its keys are revoked at once, its documents stay.
    Archive {
        /// The project's id.
        #[arg(long)]
        id: ProjectId,
    },
}

/// Runs one of these commands.
///
/// # Errors
/// When the database fails, what was named does not exist, or the rules of accounts refuse it.
pub(super) async fn run(store: &Store, command: Project) -> anyhow::Result<Value> {
    match command {
        Project::Create { org, name } => {
            org::named(store, org).await?;
            Ok(described(&store.create_project(org, &name).await?))
        }
        Project::List { org } => {
            org::named(store, org).await?;
            let projects: Vec<Value> = store.projects(org).await?.iter().map(described).collect();
            Ok(json!({ "organization_id": org, "projects": projects }))
        }
        Project::Archive { id } => {
            let revoked = store.archive_project(id).await?;
            Ok(json!({ "project_id": id, "archived": true, "keys_revoked": revoked }))
        }
    }
}

fn described(project: &Part) -> Value {
    json!({
        "project_id": project.id, "organization_id": project.organization, "name": project.name,
        "created_at": moment::written(project.created_at), "archived_at": project.archived_at.map(moment::written),
    })
}
