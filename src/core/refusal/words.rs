//! What each refusal says: what was wrong, and the way out. Nothing else decides what a caller reads.

use super::{Refusal, human_bytes};

impl Refusal {
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
            Self::NotYours => "The document belongs to another organisation.".into(),
            Self::BadLink => "Links live for minutes. POST /query gives fresh ones, in an organisation with secure assets only with its key; or POST here with that key.".into(),
            Self::Removed => "It was deleted when its time was over. Submit the image again.".into(),
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
