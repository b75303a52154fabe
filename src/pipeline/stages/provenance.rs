//! Content Credentials (C2PA, row X6): what a file's signed manifest claims, whether it is intact, and whether its signer is trusted.
//!
//! Three answers are kept apart. The claim is what the maker wrote. Integrity says that the file is still the one it was written
//! for: a broken manifest decides nothing. Trust says who signed: anybody can make a certificate, so a claim whose signer is on no
//! installed list is unsigned for all that matters. A manifest that claims no generation, a camera's for instance, proves nothing.
//! Nothing is fetched. A certificate's expiry concerns trust alone.

mod claims;
mod find;
mod report;

#[cfg(test)]
mod corpus_test;
#[cfg(test)]
mod trust_test;

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use c2pa::{Context, Reader, ValidationState, settings::Settings};
use touchstone_core::finding::{Edit, Finding, Signal, Stage};

pub use self::report::{Action, Credentials, Integrity, Outcome, Part, Signer, Trust, ValidationCode};
use super::metadata::Claim;
use crate::{
    picture::{Picture, one_line},
    stage::Look,
    trust_list::{TrustList, TrustListFacts},
};

/// The stage that reads Content Credentials. Cheap to clone.
#[derive(Clone)]
pub struct Provenance {
    /// Given to every reader, so that neither the library's thread-local settings nor the environment have a say.
    context: Arc<Context>,
    trust_list: Option<TrustListFacts>,
}

fn context(list: Option<&TrustList>) -> c2pa::Result<Context> {
    let settings = Settings::default().with_value("verify.verify_trust", true)?;
    let settings = settings.with_value("verify.ocsp_fetch", false)?.with_value("verify.remote_manifest_fetch", false)?;
    let settings = settings.with_value("core.decode_identity_assertions", false)?;
    Context::new().with_settings(match list {
        Some(list) => settings.with_value("trust.trust_anchors", list.pem())?,
        None => settings,
    })
}

/// What stands in the way of integrity or trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The manifest or the picture was changed after signing.
    Broken,
    /// Intact; the signer is on no installed trust list.
    Intact,
    /// Intact, and signed by somebody on an installed trust list.
    Trusted,
}

impl Provenance {
    /// The stage, trusting the signers that this list vouches for; nobody without one.
    #[must_use]
    pub fn new(list: Option<&TrustList>) -> Self {
        let context = context(list).expect("these keys are in the pinned version's own settings, and the list's certificates were read");
        Self { context: context.into_shared(), trust_list: list.map(|list| list.facts.clone()) }
    }

    /// The installed list.
    #[must_use]
    pub const fn trust_list(&self) -> Option<&TrustListFacts> {
        self.trust_list.as_ref()
    }

    /// Everything that can be verified of a picture's Content Credentials.
    #[must_use]
    pub fn verify(&self, picture: &Picture) -> Credentials {
        let list = self.trust_list.clone();
        if !find::has_manifest(&picture.bytes, picture.facts.format) {
            return Credentials::none(list);
        }
        // As when looking: a panic on hostile bytes is the parser's to have and ours to contain.
        match catch_unwind(AssertUnwindSafe(|| self.read(picture))) {
            Ok(Ok(reader)) => Credentials::of(&reader, standing(&reader) != Standing::Broken, list),
            Ok(Err(error)) => Credentials::unreadable(list, Some(one_line(&error))),
            Err(_) => Credentials::unreadable(list, None),
        }
    }

    fn read(&self, picture: &Picture) -> c2pa::Result<Reader> {
        let stream = Cursor::new(picture.bytes.clone());
        Reader::from_shared_context(&self.context).with_stream(picture.facts.format.content_type(), stream)
    }

    fn signal(&self, picture: &Picture) -> Signal {
        self.read(picture).map_or_else(
            |error| {
                tracing::debug!(%error, "Content Credentials that cannot be read");
                Signal::new(
                    Stage::Provenance,
                    "c2pa_invalid",
                    "The file's Content Credentials cannot be read, so what they claim is not used.",
                )
            },
            |reader| signal(&reader),
        )
    }
}

impl Look for Provenance {
    fn stage(&self) -> Stage {
        Stage::Provenance
    }

    fn look(&self, picture: &Picture) -> Finding {
        let mut finding = Finding::looked(Stage::Provenance);
        if !find::has_manifest(&picture.bytes, picture.facts.format) {
            return finding;
        }
        // The parser is other people's and the bytes are hostile: a panic is its to have and ours to contain.
        let signal = catch_unwind(AssertUnwindSafe(|| self.signal(picture)));
        let Ok(signal) = signal else {
            return Finding::could_not_look(Stage::Provenance, "the file's Content Credentials are malformed");
        };
        finding.signals.push(signal);
        finding
    }
}

fn signal(reader: &Reader) -> Signal {
    let standing = standing(reader);
    let mut signal = match (standing, claims::strongest(reader)) {
        (Standing::Broken, _) => Signal::new(
            Stage::Provenance,
            "c2pa_invalid",
            "The file's Content Credentials are broken (changed after signing), so what they claim is not used.",
        ),
        (_, Some(made)) => claimed(standing, &made),
        (_, None) => Signal::new(
            Stage::Provenance,
            "c2pa_manifest",
            format!("The file carries intact Content Credentials without any claim of generation ({}).", standing.trust()),
        ),
    };
    signal.unsigned_claim = standing != Standing::Trusted;
    signal
}

fn claimed(standing: Standing, made: &claims::Made) -> Signal {
    let (what, score, edit) = match made.claim {
        Claim::Generated => ("a generator made it", Some(99.0), None),
        Claim::PartlyGenerated => ("a generator made part of it", Some(90.0), Some(Edit::Ai)),
        Claim::PartlySynthetic => ("part of it is synthetic", Some(70.0), Some(Edit::Ai)),
        Claim::Edited => ("it was edited", None, Some(Edit::Digital)),
    };
    let by = made.source.as_deref().map(|source| format!(", naming {source}")).unwrap_or_default();
    let summary = format!("The file's Content Credentials say that {what}{by}; they are intact, {}.", standing.trust());
    let mut signal = Signal::new(Stage::Provenance, "c2pa_claim", summary);
    signal.decisive = matches!(made.claim, Claim::Generated | Claim::PartlyGenerated);
    signal.source.clone_from(&made.source);
    (signal.score, signal.edit) = (score, edit);
    signal
}

impl Standing {
    const fn trust(self) -> &'static str {
        match self {
            Self::Trusted => "their signer is trusted",
            Self::Intact | Self::Broken => "their signer is on no installed trust list",
        }
    }
}

fn standing(reader: &Reader) -> Standing {
    if reader.validation_state() == ValidationState::Trusted {
        return Standing::Trusted;
    }
    let about_the_signer = |code: &str| matches!(code, "signingCredential.untrusted" | "signingCredential.expired");
    let active = reader.validation_results().and_then(|results| results.active_manifest());
    let broken = active.is_none_or(|codes| codes.failure().iter().any(|status| !about_the_signer(status.code())));
    if broken { Standing::Broken } else { Standing::Intact }
}
