//! What can go wrong with the state. Nothing here is for users: the road turns it into a refusal.

use std::path::PathBuf;

use touchstone_core::{
    credit::Credits,
    ids::{KeyId, MemberId, OrganizationId, ProjectId},
};

/// Why the state could not be read or changed. When it is returned, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, is gone, or took too long.
    #[error("the database failed: {0}")]
    Database(#[from] sea_orm::DbErr),
    /// Every place in the bounded queue of writers is taken; try again soon.
    #[error("every place in the queue of writers is taken")]
    Busy,
    /// The URL names neither database.
    #[error("database.url must start with sqlite:/// or postgres://, not \"{0}\"")]
    UnknownUrl(String),
    /// The folder of the SQLite file, its lock or its copy could not be made.
    #[error("{path}: {source}")]
    File {
        /// What could not be made or locked.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer Touchstone has changed the schema; this one would damage it.
    #[error("the database was migrated by a newer Touchstone ({}); run that version, or restore the copy made before", .0.join(", "))]
    NewerSchema(Vec<String>),
    /// A row holds what no version of this code writes: somebody else changed it.
    #[error("the row {row} holds an unreadable {what}")]
    Unreadable {
        /// Which row.
        row: String,
        /// Which of its columns.
        what: &'static str,
    },
    /// An upload was to be taken that is on its way out, or gone.
    #[error("the upload {0} is gone")]
    UploadGone(String),
    /// A value did not turn into JSON.
    #[error("not representable as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No organisation has this id.
    #[error("no organisation has the id {0}")]
    NoOrganization(OrganizationId),
    /// A correction would leave less than nothing of one kind of credits.
    #[error("there are only {} base and {} boost credits to take from", .0.base, .0.boost)]
    BelowNothing(Credits),
    /// What the rules of accounts refuse.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Randomness(#[from] rand::rand_core::OsError),
}

/// What the rules of members, projects and keys refuse. Whoever administers them is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No key with this id opens anything.
    #[error("there is no live key {0}")]
    NoKey(KeyId),
    /// Whoever rotates it again would end up with a key that ends when its overlap does.
    #[error("the key {key} was rotated already, into {newer}: rotate that one, or say with --expires when another shall end")]
    Rotated {
        /// The key that was to be rotated.
        key: KeyId,
        /// The newest that was made in its place.
        newer: KeyId,
    },
    /// This secret is a key already, if perhaps a revoked one.
    #[error("this key is known already")]
    KeyTaken,
    /// It cannot be imported.
    #[error("a key of another system has 16 to 200 visible ASCII characters, no spaces, and does not begin as ours do")]
    NotForeign,
    /// The organisation has no such project.
    #[error("the organisation has no project {0}")]
    NoProject(ProjectId),
    /// The project was archived.
    #[error("the project {0} is archived")]
    Archived(ProjectId),
    /// Keys that name no project belong to it.
    #[error("the default project cannot be archived")]
    DefaultProject,
    /// Two projects of one name would be mistaken for one another.
    #[error("the organisation has a project of this name already")]
    ProjectTaken,
    /// Nobody has this id.
    #[error("there is no member {0}")]
    NoMember(MemberId),
    /// The address is what tells members apart.
    #[error("somebody in the organisation has this e-mail address already")]
    EmailTaken,
    /// Somebody must be able to let others in.
    #[error("this is the organisation's last owner; make somebody else an owner first")]
    LastOwner,
}

impl StoreError {
    /// Whether it was only a want of room: every place in the queue or every connection was taken.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy | Self::Database(sea_orm::DbErr::ConnectionAcquire(_)))
    }
}
