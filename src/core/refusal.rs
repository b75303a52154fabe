//! The closed table of what a caller may be told. Everything else that goes wrong is a log line and a reference id.
//!
//! A refusal says what was wrong (`sentence`, the contract's own words where clients look for them) and the way out
//! (`way_out`). Which HTTP status or chat reply carries it is for the edge to choose, from [`Refusal::kind`].

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
    /// The document has no verdict that a receipt could be of.
    NoReceipt,
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
            Self::NoSuchDocument | Self::NoReceipt | Self::NoSuchOrganization => Kind::NotFound,
            Self::Webhook(refused) => refused.kind(),
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

    /// What was wrong: the contract's words where clients look for them.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::UnsupportedImageType { .. } => "Unsupported image type".into(),
            Self::InvalidPresignedUrl => "Invalid pre-signed URL".into(),
            Self::UploadRefused { .. } | Self::WrongContentType { .. } => "Image upload failed".into(),
            Self::FileTooSmall { .. } => "File size is too small".into(),
            Self::FileTooLarge { most } => format!("File size exceeds limit of {}", human_bytes(*most)),
            Self::ImageTooLarge { most, got: None } => format!("Image exceeds {} limit", human_bytes(*most)),
            Self::ImageTooLarge { most, got: Some(got) } => {
                format!("Image exceeds {} limit (got {})", human_bytes(*most), human_bytes(*got))
            }
            Self::UnknownFormat => "Unsupported image format".into(),
            Self::Undecodable { .. } => "The image could not be decoded".into(),
            Self::NoBackgroundBatches => "Access denied".into(),
            Self::InvalidFileType { .. } => "Invalid file type".into(),
            Self::EmptyUrl => "Input URL cannot be empty".into(),
            Self::Unfetchable { .. } => "Input URL could not be fetched".into(),
            Self::FileMissing => "File metadata could not be fetched".into(),
            Self::NotAZip { .. } => "URL must point to a ZIP file".into(),
            Self::ZipTooLarge { .. } => "ZIP file too large".into(),
            Self::TooManyFiles { .. } => "Too many files".into(),
            Self::NoValidImages { .. } => "No valid images found in ZIP".into(),
            Self::NotABatch => "Document is not a bulk upload (image-zip) result".into(),
            Self::EmptyEmail => "Input email is empty".into(),
            Self::IdTaken => "id already exists".into(),
            Self::UnknownInstance { .. } => "Invalid instance_id".into(),
            Self::UnknownModel { .. } => "Unknown model".into(),
            Self::VerificationFailed | Self::KeyRefused(_) | Self::KeysDisagree => "User verification failed".into(),
            Self::NotEnoughCredits | Self::TestsUsedUp { .. } => "Not enough credits".into(),
            Self::TooManyUploads { .. } | Self::TooManyRequests { .. } | Self::TooManyBatches { .. } => "Too many requests".into(),
            Self::Busy { .. } | Self::Draining { .. } | Self::NotYet { .. } => "Service temporarily unavailable".into(),
            Self::NoSuchDocument => "Document not found".into(),
            Self::NoReceipt => "Receipt not found".into(),
            Self::NotYours | Self::NotYourOrganization => "Access denied".into(),
            Self::BadLink => "Invalid or expired link".into(),
            Self::Removed => "Asset removed".into(),
            Self::WrongJobSecret => "Invalid job secret".into(),
            Self::BadSignature => "Invalid signature".into(),
            Self::NoSuchOrganization => "Organization not found".into(),
            Self::NotMetered => "Organization is not metered".into(),
            Self::NoStripeCustomer => "Organization has no Stripe customer".into(),
            Self::WrongPeriod { .. } => "Invalid date range".into(),
            Self::IdempotencyReused { .. } => "idempotency_id already used".into(),
            Self::UsageWaits { .. } | Self::UsageInQuestion { .. } => "Usage could not be sent to Stripe".into(),
            Self::StripeUnasked { .. } => "Stripe could not be asked".into(),
            Self::Webhook(refused) => refused.sentence().into(),
            Self::Internal { .. } => "Internal server error".into(),
        }
    }

    /// The same, said fully, with the way out.
    #[must_use]
    pub fn way_out(&self) -> String {
        match self {
            Self::UnsupportedImageType { file_name } if file_name.to_ascii_lowercase().ends_with(".zip") => {
                "This is one image's door: a ZIP archive of images goes to POST /bulk-upload.".into()
            }
            Self::UnsupportedImageType { file_name } => {
                format!(
                    "\"{file_name}\" has no accepted extension. Accepted are {}, and zip for batches.",
                    crate::media::accepted_extensions()
                )
            }
            Self::InvalidPresignedUrl => {
                "This is not an upload URL of this server. Ask GET /get-presigned-url for one and use it unchanged.".into()
            }
            Self::UploadRefused { reason } => format!("{reason} Ask GET /get-presigned-url for a new URL."),
            Self::WrongContentType { expected, got } => {
                format!("The Content-Type was \"{got}\"; for this file name it must be exactly \"{expected}\".")
            }
            Self::FileTooSmall { least } => format!("The file must have at least {}. Was the upload cut off?", human_bytes(*least)),
            Self::FileTooLarge { most } => format!("The file may have at most {}. Compress it or send a smaller copy.", human_bytes(*most)),
            Self::ImageTooLarge { most, .. } => {
                format!("An image may have at most {}. Compress it or send a smaller copy.", human_bytes(*most))
            }
            Self::UnknownFormat => format!("The bytes are no image that is accepted: {}.", crate::media::accepted_extensions()),
            Self::Undecodable { reason } => format!("The image could not be decoded: {reason}"),
            Self::NoBackgroundBatches => "The plan free has no asynchronous batches. POST /v1/detect/batch waits for its verdicts.".into(),
            Self::TooManyBatches { most } => {
                format!("{most} batches of this project are under way, as many as its plan allows. Send the next when one has ended.")
            }
            Self::NotYet { id, .. } => format!("The verdict takes longer. GET /v1/detections/{id} will tell it."),
            Self::InvalidFileType { found, expected } => format!(
                "The name says {expected}, but the bytes look like {}. Name the file after its content, or export it again.",
                found.unwrap_or("no image that is accepted")
            ),
            Self::EmptyUrl => {
                "Send \"url\": your storage host or this server's address, followed by \"/\" and the file_path of GET /get-presigned-url; or the public URL of an image."
                    .into()
            }
            Self::Unfetchable { least, most } => format!(
                "The URL must be public (http or https, a usual port, no credentials) and soon answer with an image of {} to {}. \
                 Or upload the file instead.",
                human_bytes(*least),
                human_bytes(*most)
            ),
            Self::FileMissing => {
                "No uploaded file of yours is stored under this path. Upload it first with the presigned URL, or check the file_path."
                    .into()
            }
            Self::NotAZip { reason } => format!(
                "{reason} Ask GET /get-presigned-url for a name that ends in .zip, PUT the archive there, and send its file_path in \"url\"."
            ),
            Self::ZipTooLarge { reason } => format!("{reason} Leave files out, or split it into several archives."),
            Self::TooManyFiles { reason } => format!("{reason} Split it into several archives."),
            Self::NoValidImages { reason } => format!("{reason} Accepted are images of the types of /detect, PDF aside."),
            Self::NotABatch => "Ids of single images are read with POST /query; batches come from POST /bulk-upload.".into(),
            Self::EmptyEmail => "Leave \"email\" out, or send an address.".into(),
            Self::IdTaken => "This id belongs to another submission. Leave \"id\" out, or send a fresh UUID.".into(),
            Self::UnknownInstance { instance } => format!("This server has no instance \"{instance}\". Send \"model\": \"generic\", or ask your operator for the name."),
            Self::UnknownModel { model, valid } => format!("There is no model \"{model}\". Valid: {valid}."),
            Self::VerificationFailed => "The API key is unknown. Check it, or ask your operator for a new one.".into(),
            Self::KeyRefused(denial) => denial.way_out(),
            Self::KeysDisagree => "The key in the body and the one in the apikey header differ. Send one of them.".into(),
            Self::NotEnoughCredits => {
                "The organisation's credits do not cover this. GET /check-user-credits shows what is left; your operator can grant more."
                    .into()
            }
            Self::TestsUsedUp { most } => format!(
                "The organisation's test keys may submit {most} documents a day (UTC), and today's are used up. A live key has no such cap."
            ),
            Self::TooManyUploads { most } => format!(
                "{most} uploads wait to be submitted, which is the quota. Submit some with POST /detect; the rest expire on their own."
            ),
            Self::TooManyRequests { retry_after } => format!("Slow down, and try again in {} s.", retry_after.as_secs().max(1)),
            Self::Busy { retry_after } => format!("Every place in the queue is taken. Try again in {} s.", retry_after.as_secs().max(1)),
            Self::Draining { retry_after } => format!("This server is restarting. Try again in {} s.", retry_after.as_secs().max(1)),
            Self::NoSuchDocument => "No document has this id. Ids come from POST /detect, /detect-url and /bulk-upload.".into(),
            Self::NoReceipt => "A receipt is of a verdict: this one is not there yet, or the image could not be judged.".into(),
            Self::NotYours => "The document belongs to another organisation.".into(),
            Self::BadLink => "Links live for minutes. POST /query gives fresh ones, in an organisation with secure assets only with its key; or POST here with that key.".into(),
            Self::Removed => "It was deleted, because its time was over or somebody asked for it. Submit the image again.".into(),
            Self::WrongJobSecret => "Send the server's security.job_secret (JOB_SECRET) in the header x-job-secret. Where none is set, nobody may.".into(),
            Self::BadSignature => "It must carry Stripe's signature of this moment. Is stripe.webhook_secret this endpoint's, and the clock right?".into(),
            Self::NoSuchOrganization => "No organisation has this id; `touchstone admin org list` shows them.".into(),
            Self::NotYourOrganization => "The key belongs to another organisation.".into(),
            Self::NotMetered => "Its use is paid with credits, so there is nothing to bill.".into(),
            Self::NoStripeCustomer => "Nobody pays for its use: set the organisation's Stripe customer first.".into(),
            Self::WrongPeriod { reason } => format!("{reason} Dates are UTC days, both included."),
            Self::IdempotencyReused { first, last } => {
                format!("It was used for {first} to {last}, and is answered for that range only. Send another one, or none.")
            }
            Self::UsageWaits { reason } => format!("{}. Nothing is lost or sent twice: call again.", reason.trim_end_matches('.')),
            Self::UsageInQuestion { reason } => format!(
                "{}. To call again does not help: `touchstone admin usage reconcile` shows what is in question, and `touchstone admin usage \
                 decide` settles it.",
                reason.trim_end_matches('.')
            ),
            Self::StripeUnasked { reason } => {
                format!("{}. Look at [stripe] in the settings, or try again later.", reason.trim_end_matches('.'))
            }
            Self::Webhook(refused) => refused.way_out(),
            Self::Internal { reference } => {
                format!("It is our fault and is logged as {reference}. Try again, and quote the reference if it stays.")
            }
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
