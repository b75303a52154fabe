//! `touchstone admin erase …` and `touchstone admin sweep`: what is to be gone, at once or because its time is over.

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use touchstone_core::ids::{DocumentId, MemberId, OrganizationId};
use touchstone_moderation::{Erasure, Keeper};

/// `touchstone admin erase …`
#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    what: What,
    /// Do it. Without this, only what there is to erase is told.
    #[arg(long)]
    yes: bool,
}

/// Whose data is to go.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// One document; of a batch, all of its images.
    #[arg(long, value_name = "ID")]
    document: Option<DocumentId>,
    /// A member of an organisation.
    #[arg(long, value_name = "ID")]
    member: Option<MemberId>,
    /// A whole organisation: its images, verdicts, keys and members. Ids and amounts stay in its ledger.
    #[arg(long, value_name = "ID")]
    org: Option<OrganizationId>,
}

impl What {
    fn erasure(&self) -> Option<Erasure> {
        let document = self.document.map(Erasure::Document);
        document.or(self.member.map(Erasure::Member)).or(self.org.map(Erasure::Organization))
    }
}

/// Erases, or tells what there is to erase.
///
/// # Errors
/// When the database or the object store fails, what was named does not exist, or a document is being judged all the while.
pub(super) async fn run(keeper: &Keeper, command: Erase) -> anyhow::Result<Value> {
    let what = command.what.erasure().context("say what to erase: --document, --member or --org")?;
    let found = keeper.found(what).await?.context("nothing has this id")?;
    if !command.yes {
        return Ok(json!({ "would_erase": found }));
    }
    keeper.erase(what).await?;
    Ok(json!({ "erased": found }))
}

/// Lets go of everything whose time is over, as the server does every few minutes.
///
/// # Errors
/// When the database or the object store fails; the next sweep goes on.
pub(super) async fn sweep(keeper: &Keeper) -> anyhow::Result<Value> {
    Ok(json!({ "swept": keeper.sweep().await? }))
}
