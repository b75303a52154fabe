//! Everything that can be verified of a file's Content Credentials, for those who ask (row V5): integrity and trust are told apart, and
//! the standard's own codes say why.
//!
//! Names and texts of a manifest are its maker's: they are cut to a bounded length and told as data, never as our words.

use c2pa::{
    Ingredient, Manifest, Reader, SigningAlg,
    validation_status::{CLAIM_SIGNATURE_VALIDATED, SIGNING_CREDENTIAL_TRUSTED, ValidationStatus},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::trust_list::TrustListFacts;

/// Most characters of a text that are told.
const LONGEST: usize = 300;
/// Most entries of a list that are told.
const MOST: usize = 100;

/// The Content Credentials of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Credentials {
    /// Whether the file carries a manifest at all.
    pub manifest_present: bool,
    /// Whether the manifest and the file are as they were signed.
    pub integrity: Integrity,
    /// Whether the signer is on the installed trust list.
    pub trust: Trust,
    /// The list that was asked; null without one.
    #[schema(required)]
    pub trust_list: Option<TrustListFacts>,
    /// What the verification found, in the standard's codes (C2PA §15.2), of the active manifest and then of its ingredients.
    pub validation_codes: Vec<ValidationCode>,
    /// Who signed; null when there is nobody or the manifest cannot be read.
    #[schema(required)]
    pub signer: Option<Signer>,
    /// The program that wrote the manifest, as it names itself.
    #[schema(required, example = "Adobe_Firefly")]
    pub claim_generator: Option<String>,
    /// What was done with the picture, as the active manifest tells it.
    pub actions: Vec<Action>,
    /// What it was made from.
    pub ingredients: Vec<Part>,
    /// What sort of thing the picture is, as its creation names it: a term of IPTC's vocabulary.
    #[schema(required, example = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")]
    pub digital_source_type: Option<String>,
}

/// Whether a file is still the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Integrity {
    /// It is.
    Valid,
    /// It was changed, or its manifest cannot be read.
    Invalid,
    /// It carries no manifest.
    None,
}

/// What the installed trust list says of whoever signed, whatever became of the picture since: only together with [`Integrity::Valid`] is
/// it a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum Trust {
    /// On the list.
    #[serde(rename = "trusted")]
    Trusted,
    /// Not on it, or nobody signed.
    #[serde(rename = "untrusted")]
    Untrusted,
    /// There is no list to ask.
    #[serde(rename = "no list installed")]
    NoListInstalled,
}

/// One thing that the verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValidationCode {
    /// The standard's code.
    #[schema(example = "claimSignature.validated")]
    pub code: String,
    /// What it means for the manifest.
    pub outcome: Outcome,
    /// Whether it is about an ingredient and not about the picture itself.
    pub of_ingredient: bool,
    /// More about it, in the verifier's words.
    #[schema(required)]
    pub explanation: Option<String>,
}

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was checked and is as it should be.
    Success,
    /// Good to know.
    Informational,
    /// It was checked and is not as it should be.
    Failure,
}

/// Who signed the active manifest, as the certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Signer {
    /// The holder's common name.
    #[schema(required)]
    pub common_name: Option<String>,
    /// The organisation that the certificate was issued for.
    #[schema(required)]
    pub issuer: Option<String>,
    /// The certificate's serial number, decimal.
    #[schema(required)]
    pub serial: Option<String>,
    /// How it was signed.
    #[schema(required, example = "Es256")]
    pub algorithm: Option<String>,
    /// When, by a time-stamp authority, RFC 3339; null without a time stamp.
    #[schema(required)]
    pub time: Option<String>,
}

/// One step of the picture's making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Action {
    /// The standard's word, such as `c2pa.created`.
    pub action: String,
    /// The program that did it.
    #[schema(required)]
    pub software_agent: Option<String>,
    /// What came of it, a term of IPTC's vocabulary.
    #[schema(required)]
    pub digital_source_type: Option<String>,
    /// When, as the manifest says.
    #[schema(required)]
    pub when: Option<String>,
}

/// Something that the picture was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// Its name, as the manifest says.
    #[schema(required)]
    pub title: Option<String>,
    /// Its media type.
    #[schema(required)]
    pub format: Option<String>,
    /// `parentOf`, `componentOf` or `inputTo`.
    pub relationship: String,
    /// Whether it had Content Credentials of its own.
    pub manifest_present: bool,
}

impl Credentials {
    /// Those of a file without any.
    pub(super) fn none(trust_list: Option<TrustListFacts>) -> Self {
        Self {
            manifest_present: false,
            integrity: Integrity::None,
            trust: if trust_list.is_some() { Trust::Untrusted } else { Trust::NoListInstalled },
            trust_list,
            validation_codes: Vec::new(),
            signer: None,
            claim_generator: None,
            actions: Vec::new(),
            ingredients: Vec::new(),
            digital_source_type: None,
        }
    }

    /// Those of a file whose manifest cannot be read.
    pub(super) fn unreadable(trust_list: Option<TrustListFacts>, explanation: Option<String>) -> Self {
        let code = ValidationCode { code: "general.error".to_owned(), outcome: Outcome::Failure, of_ingredient: false, explanation };
        Self { manifest_present: true, integrity: Integrity::Invalid, validation_codes: vec![code], ..Self::none(trust_list) }
    }

    /// Those that were read.
    pub(super) fn of(reader: &Reader, intact: bool, trust_list: Option<TrustListFacts>) -> Self {
        let manifest = reader.active_manifest();
        let actions: Vec<Action> = manifest.into_iter().flat_map(actions).take(MOST).collect();
        let none = Self::none(trust_list);
        Self {
            manifest_present: true,
            integrity: if intact { Integrity::Valid } else { Integrity::Invalid },
            trust: if is_trusted(reader) { Trust::Trusted } else { none.trust },
            validation_codes: codes(reader).take(MOST).collect(),
            signer: manifest.and_then(signer),
            claim_generator: manifest.and_then(generator),
            digital_source_type: actions.iter().find_map(|action| action.digital_source_type.clone()),
            actions,
            ingredients: manifest.into_iter().flat_map(Manifest::ingredients).take(MOST).map(part).collect(),
            trust_list: none.trust_list,
        }
    }
}

/// The signature holds, and its certificate leads to one of the list.
fn is_trusted(reader: &Reader) -> bool {
    let active = reader.validation_results().and_then(|results| results.active_manifest());
    let found = |code: &str| active.is_some_and(|codes| codes.success().iter().any(|status| status.code() == code));
    found(CLAIM_SIGNATURE_VALIDATED) && found(SIGNING_CREDENTIAL_TRUSTED)
}

fn codes(reader: &Reader) -> impl Iterator<Item = ValidationCode> {
    let results = reader.validation_results();
    let own = results.and_then(|results| results.active_manifest()).into_iter().map(|codes| (codes, false));
    let deltas = results.and_then(|results| results.ingredient_deltas()).into_iter().flatten();
    let all = own.chain(deltas.map(|delta| (delta.validation_deltas(), true)));
    all.flat_map(|(codes, of_ingredient)| {
        let with = move |outcome| move |status: &ValidationStatus| code(status, outcome, of_ingredient);
        let failure = codes.failure().iter().map(with(Outcome::Failure));
        let informational = codes.informational().iter().map(with(Outcome::Informational));
        failure.chain(informational).chain(codes.success().iter().map(with(Outcome::Success))).collect::<Vec<_>>()
    })
}

fn code(status: &ValidationStatus, outcome: Outcome, of_ingredient: bool) -> ValidationCode {
    ValidationCode { code: cut(status.code()), outcome, of_ingredient, explanation: status.explanation().map(cut) }
}

fn signer(manifest: &Manifest) -> Option<Signer> {
    let info = manifest.signature_info()?;
    Some(Signer {
        common_name: info.common_name.as_deref().map(cut),
        issuer: info.issuer.as_deref().map(cut),
        serial: info.cert_serial_number.as_deref().map(cut),
        algorithm: info.alg.map(|alg: SigningAlg| alg.to_string()),
        time: info.time.as_deref().map(cut),
    })
}

/// The program's own name and version where it gives them, else the older line of text.
fn generator(manifest: &Manifest) -> Option<String> {
    let info = manifest.claim_generator_info.as_ref().and_then(|info| info.first());
    let named = info.map(|info| match &info.version {
        Some(version) => format!("{} {version}", info.name),
        None => info.name.clone(),
    });
    named.as_deref().or_else(|| manifest.claim_generator()).map(cut)
}

fn actions(manifest: &Manifest) -> impl Iterator<Item = Action> {
    let told = manifest.assertions().iter().filter(|assertion| assertion.label().starts_with("c2pa.actions"));
    told.filter_map(|assertion| assertion.value().ok()?.get("actions")?.as_array()).flatten().map(action)
}

fn action(action: &Value) -> Action {
    let text = |key: &str| action.get(key).and_then(Value::as_str).map(cut);
    let agent = action.get("softwareAgent");
    Action {
        action: text("action").unwrap_or_default(),
        software_agent: agent.and_then(|agent| agent.as_str().or_else(|| agent.get("name")?.as_str())).map(cut),
        digital_source_type: text("digitalSourceType"),
        when: text("when"),
    }
}

fn part(ingredient: &Ingredient) -> Part {
    Part {
        title: ingredient.title().map(cut),
        format: ingredient.format().map(cut),
        relationship: ingredient.relationship().as_str().to_owned(),
        manifest_present: ingredient.active_manifest().is_some(),
    }
}

/// The beginning of a text, as much as is told.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
