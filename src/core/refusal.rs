//! The closed table of what a caller may be told. Everything else that goes wrong is a log line and a reference id.
//!
//! A refusal says what was wrong (`sentence`, the contract's own words where clients look for them) and the way out
//! (`way_out`). Which HTTP status or chat reply carries it is for the edge to choose, from [`Refusal::kind`].

mod words;

use std::time::Duration;

use crate::{key::Denial, webhook};

/// What sort of refusal it is: the edge maps each sort to a status of its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// The caller has not shown who it is, where that is a secret of the operator's and no key.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// No such thing, or none that this caller may know of.
    NotFound,
    /// It was here and was removed by retention.
    Gone,
    /// Too many requests; try again after the given time.
    TooMany(Duration),
    /// No room or shutting down; try again after the given time.
    Unavailable(Duration),
    /// Our fault.
    Internal,
}

/// Everything that a caller may be told. Each variant documents when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The file name's extension is none of the accepted ones.
    UnsupportedImageType {
        /// What was sent.
        file_name: String,
    },
    /// The upload URL cannot be read as one of ours.
    InvalidPresignedUrl,
    /// The upload URL is expired, altered, for another name, or its object was already submitted.
    UploadRefused {
        /// Which of these, in one sentence.
        reason: &'static str,
    },
    /// The upload's content type is not the one of its extension.
    WrongContentType {
        /// The one that fits.
        expected: &'static str,
        /// What was sent.
        got: String,
    },
    /// The file has fewer bytes than an image can have.
    FileTooSmall {
        /// The least, in bytes.
        least: u64,
    },
    /// The file has more bytes than this deployment takes.
    FileTooLarge {
        /// The most, in bytes.
        most: u64,
    },
    /// An image has more bytes than the API that it was sent to takes.
    ImageTooLarge {
        /// The most, in bytes.
        most: u64,
        /// What it has, where that is known.
        got: Option<u64>,
    },
    /// The bytes are no image that is accepted, and no name says what they should be.
    UnknownFormat,
    /// The image was accepted by its first bytes, and could not be decoded.
    Undecodable {
        /// Why, in one sentence.
        reason: String,
    },
    /// The plan has no batches in the background.
    NoBackgroundBatches,
    /// As many batches of the project are under way as its plan allows.
    TooManyBatches {
        /// How many these are.
        most: u32,
    },
    /// The verdict takes longer than the client may wait for; the document goes on.
    NotYet {
        /// Where it will be told.
        id: crate::ids::DocumentId,
        /// When to ask there.
        retry_after: Duration,
    },
    /// The bytes are not what the extension says.
    InvalidFileType {
        /// What the bytes look like, if like anything.
        found: Option<&'static str>,
        /// What the extension stands for.
        expected: &'static str,
    },
    /// The body's `url` is empty or unparseable.
    EmptyUrl,
    /// The body's `url` is not allowed, or no image could be fetched from it: one answer for all of it, so that nobody maps a network.
    Unfetchable {
        /// The least that an image may have, in bytes.
        least: u64,
        /// The most.
        most: u64,
    },
    /// No such upload, or none of this organisation's: one answer for both, so that keys cannot be probed.
    FileMissing,
    /// `/bulk-upload` got something that is no ZIP archive of ours.
    NotAZip {
        /// What is wrong with it, in one sentence.
        reason: String,
    },
    /// The archive, its directory or its content is larger than this deployment takes.
    ZipTooLarge {
        /// Which of these, in one sentence.
        reason: String,
    },
    /// The archive holds more images or entries than this deployment takes.
    TooManyFiles {
        /// Which of these, in one sentence.
        reason: String,
    },
    /// Every file of the archive was skipped.
    NoValidImages {
        /// Why, in one sentence.
        reason: String,
    },
    /// The id is a document's, but no batch's.
    NotABatch,
    /// The body's `email` is there and blank.
    EmptyEmail,
    /// The chosen id belongs to something else.
    IdTaken,
    /// The model route names no instance of this deployment.
    UnknownInstance {
        /// What was sent.
        instance: String,
    },
    /// No such model.
    UnknownModel {
        /// What was sent.
        model: String,
        /// The ones there are.
        valid: &'static str,
    },
    /// The key is unknown.
    VerificationFailed,
    /// The key is known, and may not do this: its holder is told why.
    KeyRefused(Denial),
    /// A key in the body and another in the header.
    KeysDisagree,
    /// The organisation's credits do not cover it.
    NotEnoughCredits,
    /// The organisation's test keys have submitted as many documents today as they may.
    TestsUsedUp {
        /// How many that is.
        most: u64,
    },
    /// The organisation has more unsubmitted uploads than its quota.
    TooManyUploads {
        /// How many it may have.
        most: u64,
    },
    /// The caller asks too often.
    TooManyRequests {
        /// When to ask again.
        retry_after: Duration,
    },
    /// Every place in a bounded queue is taken.
    Busy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The server is shutting down.
    Draining {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The document is not known.
    NoSuchDocument,
    /// The caller's organisation does not own it.
    NotYours,
    /// A link's signature is wrong or it has expired.
    BadLink,
    /// The asset was removed by retention.
    Removed,
    /// The job secret is wrong, missing, or none is set.
    WrongJobSecret,
    /// What was posted in Stripe's name was not signed by it just now, or no secret is set.
    BadSignature,
    /// No organisation has this id. Only for those who hold the job secret.
    NoSuchOrganization,
    /// The key is another organisation's.
    NotYourOrganization,
    /// The organisation is not billed by use.
    NotMetered,
    /// Nobody pays for the organisation's use.
    NoStripeCustomer,
    /// The range of days makes no sense.
    WrongPeriod {
        /// Why, in one sentence.
        reason: String,
    },
    /// The call's name was used for another range.
    IdempotencyReused {
        /// The first day of that range.
        first: String,
        /// Its last day.
        last: String,
    },
    /// Usage waits: Stripe did not take it now.
    UsageWaits {
        /// Why, and what waits.
        reason: String,
    },
    /// Stripe refused some usage, or nobody can tell whether it counted it.
    UsageInQuestion {
        /// What was sent and what was not.
        reason: String,
    },
    /// Stripe, or the settings for it, did not let anything be asked.
    StripeUnasked {
        /// Why.
        reason: String,
    },
    /// Something about webhooks.
    Webhook(webhook::Refused),
    /// Something of ours failed; the log has it under this reference.
    Internal {
        /// What to quote to the operator.
        reference: String,
    },
}

/// Bytes as whole or halved megabytes, the way limits are told to people: `10 MB`, `1 KB`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    const KB: u64 = 1024;
    const MB: u64 = 1024 * KB;
    match bytes {
        b if b >= MB && b % MB == 0 => format!("{} MB", b / MB),
        b if b >= MB => format!("{:.1} MB", b as f64 / MB as f64),
        b if b >= KB && b % KB == 0 => format!("{} KB", b / KB),
        b => format!("{b} bytes"),
    }
}

impl Refusal {
    /// Which sort it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::UploadRefused { .. }
            | Self::VerificationFailed
            | Self::KeyRefused(_)
            | Self::KeysDisagree
            | Self::NotEnoughCredits
            | Self::TestsUsedUp { .. }
            | Self::NotYours
            | Self::NotYourOrganization
            | Self::NoBackgroundBatches
            | Self::BadLink => Kind::Forbidden,
            Self::WrongJobSecret | Self::BadSignature => Kind::Unauthorized,
            Self::Webhook(refused) => refused.kind(),
            Self::NoSuchDocument | Self::NoSuchOrganization => Kind::NotFound,
            Self::Removed => Kind::Gone,
            Self::TooManyRequests { retry_after } => Kind::TooMany(*retry_after),
            Self::TooManyUploads { .. } | Self::TooManyBatches { .. } => Kind::TooMany(Duration::from_secs(60)),
            Self::Busy { retry_after } | Self::Draining { retry_after } | Self::NotYet { retry_after, .. } => {
                Kind::Unavailable(*retry_after)
            }
            Self::UsageWaits { .. } | Self::UsageInQuestion { .. } | Self::StripeUnasked { .. } | Self::Internal { .. } => Kind::Internal,
            _ => Kind::Invalid,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.sentence(), self.way_out())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_the_unit_people_use() {
        assert_eq!(human_bytes(10 * 1024 * 1024), "10 MB");
        assert_eq!(human_bytes(1024), "1 KB");
        assert_eq!(human_bytes(1_572_864), "1.5 MB");
        assert_eq!(Refusal::FileTooLarge { most: 10 << 20 }.sentence(), "File size exceeds limit of 10 MB");
    }

    #[test]
    fn every_refusal_tells_a_way_out_that_is_more_than_the_sentence() {
        for refusal in [
            Refusal::FileMissing,
            Refusal::NotEnoughCredits,
            Refusal::Unfetchable { least: 1, most: 2 },
            Refusal::Internal { reference: "r1".into() },
        ] {
            assert!(refusal.way_out().len() > refusal.sentence().len(), "{refusal}");
        }
    }
}
