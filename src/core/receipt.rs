//! Decision receipts (row X3): what was judged, by which rules and with what outcome, signed, so that it can be shown to somebody who trusts
//! neither side's database.
//!
//! A receipt is a JSON Web Signature (RFC 7515, flattened JSON, EdDSA with Ed25519), so that any JOSE library verifies it. Its key's id is
//! the key's own thumbprint (RFC 7638). The key travels along, which proves that the receipt was not altered; that it is a certain
//! server's key is proven by comparing it with the set which that server publishes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    finding::{Signal, Stage},
    submission::Profile,
    verdict::{ImageFacts, Label, ModelName, Rules},
};

/// The form of [`Receipt`] that is written now.
pub const VERSION: u8 = 1;

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which form of receipt this is: [`VERSION`].
    pub version: u8,
    /// The document's id.
    pub document: Uuid,
    /// The organisation that submitted it.
    pub organization: Uuid,
    /// The project whose key did; null where no key did, and for keys of before there were projects.
    pub project: Option<Uuid>,
    /// What was judged; its `sha256` is the file's.
    pub image: ImageFacts,
    /// Which model judged; the sum of its weights is among the rules.
    pub model: ModelName,
    /// Whose thresholds …
    pub profile: Profile,
    /// … and which; null for verdicts of before they were kept.
    pub rules: Option<Rules>,
    /// The answer in one of four words.
    pub label: Label,
    /// Likelihood of AI, 0–100.
    pub ai_likelihood: f64,
    /// How sure the label is, 0–100.
    pub confidence: f64,
    /// The verdict lies too near the threshold to lean on.
    pub unsure: bool,
    /// The stage that settled it.
    pub decided_by: Stage,
    /// Everything that it rests on.
    pub signals: Vec<Signal>,
    /// When it was submitted, RFC 3339.
    pub submitted_at: String,
    /// When it was judged, RFC 3339.
    pub judged_at: String,
    /// A test key submitted it.
    pub test: bool,
    /// What whoever submitted it was answered by the /v1 API; null for other dialects, which answer the label.
    pub asked: Option<Told>,
}

/// The answer of the /v1 API, which follows from a threshold of the client's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// From this likelihood of AI on, 0–1, the verdict is `ai_generated`.
    pub model_threshold: f64,
    /// `ai_generated` or `authentic`.
    pub verdict: String,
}

/// A signed receipt: a JSON Web Signature in its flattened form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The receipt, base64url of its JSON.
    pub payload: String,
    /// Algorithm and key, base64url of their JSON.
    pub protected: String,
    /// Base64url of the signature over both.
    pub signature: String,
}

/// A public key, as JSON Web Keys are written (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// Base64url of its 32 bytes.
    pub x: String,
    /// Its thumbprint.
    #[serde(default)]
    pub kid: String,
}

/// Published keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// The newest first.
    pub keys: Vec<PublicKey>,
}

#[derive(Serialize, Deserialize)]
struct Protected {
    alg: String,
    kid: String,
    typ: String,
    jwk: PublicKey,
}

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "touchstone-receipt";

/// Signs receipts.
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

/// A receipt whose signature holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it says.
    pub receipt: Receipt,
    /// Which key signed.
    pub kid: String,
    /// Whether that is one of the keys that were known to be the server's.
    pub known: bool,
}

/// Why a receipt is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A signing key has 32 bytes.
    #[error("the key has not 32 bytes")]
    Key,
    /// It is not what [`Signed`] says.
    #[error("it is no receipt of this form")]
    Form,
    /// The keys do not hold the one that signed.
    #[error("it was signed with a key that is not among the given ones")]
    UnknownKey,
    /// Something in it was changed.
    #[error("its signature does not hold: it was altered, or signed by somebody else")]
    Signature,
}

impl SigningKey {
    /// The key of a secret of 32 bytes.
    ///
    /// # Errors
    /// When it has another length.
    pub fn from_seed(seed: &[u8]) -> Result<Self, ReceiptError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(|pair| Self { pair }).map_err(|_| ReceiptError::Key)
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let key =
            PublicKey { kty: "OKP".to_owned(), crv: "Ed25519".to_owned(), x: BASE64.encode(self.pair.public_key()), kid: String::new() };
        PublicKey { kid: key.thumbprint(), ..key }
    }

    /// Signs a receipt.
    #[must_use]
    pub fn sign(&self, receipt: &Receipt) -> Signed {
        let jwk = self.public();
        let protected = Protected { alg: ALGORITHM.to_owned(), kid: jwk.kid.clone(), typ: TYPE.to_owned(), jwk };
        let (payload, protected) = (encoded(receipt), encoded(&protected));
        let signature = BASE64.encode(self.pair.sign(format!("{protected}.{payload}").as_bytes()));
        Signed { payload, protected, signature }
    }
}

impl PublicKey {
    /// SHA-256 of the key's required members in their order (RFC 7638), base64url.
    fn thumbprint(&self) -> String {
        let Self { kty, crv, x, .. } = self;
        BASE64.encode(Sha256::digest(format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"}}"#)))
    }
}

impl Signed {
    /// Checks the signature; with `known` keys, also that one of them made it.
    ///
    /// # Errors
    /// Why it is no valid receipt.
    pub fn verify(&self, known: Option<&KeySet>) -> Result<Verified, ReceiptError> {
        let Protected { alg, kid, typ, jwk } = decoded(&self.protected)?;
        if alg != ALGORITHM || typ != TYPE || jwk.crv != "Ed25519" || jwk.kty != "OKP" || jwk.thumbprint() != kid {
            return Err(ReceiptError::Form);
        }
        if known.is_some_and(|known| known.keys.iter().all(|key| key.x != jwk.x || key.crv != jwk.crv)) {
            return Err(ReceiptError::UnknownKey);
        }
        let key = BASE64.decode(&jwk.x).map_err(|_| ReceiptError::Form)?;
        let signature = BASE64.decode(&self.signature).map_err(|_| ReceiptError::Signature)?;
        let signed = format!("{}.{}", self.protected, self.payload);
        let holds = UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature);
        holds.map_err(|_| ReceiptError::Signature)?;
        let receipt: Receipt = decoded(&self.payload)?;
        if receipt.version != VERSION {
            return Err(ReceiptError::Form);
        }
        Ok(Verified { receipt, kid, known: known.is_some() })
    }
}

fn encoded(value: &impl Serialize) -> String {
    BASE64.encode(serde_json::to_vec(value).expect("texts, numbers and lists have a JSON form"))
}

fn decoded<T: DeserializeOwned>(text: &str) -> Result<T, ReceiptError> {
    let bytes = BASE64.decode(text).map_err(|_| ReceiptError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| ReceiptError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Format;

    fn receipt() -> Receipt {
        let (width, height, frames, bytes) = (640, 480, 1, 12_345);
        Receipt {
            version: VERSION,
            document: Uuid::from_u128(1),
            organization: Uuid::from_u128(2),
            project: Some(Uuid::from_u128(3)),
            image: ImageFacts { format: Format::Jpeg, width, height, frames, bytes, sha256: "ab".repeat(32) },
            model: ModelName { name: "m".into(), version: "1".into() },
            profile: Profile::Generic,
            rules: Some(Rules {
                weights: "cd".repeat(32),
                pipeline: "0.1.0".into(),
                ai: 0.5,
                unsure_low: 0.4,
                unsure_high: 0.6,
                trust_list: None,
            }),
            label: Label::AiGenerated,
            ai_likelihood: 97.8,
            confidence: 97.8,
            unsure: false,
            decided_by: Stage::Classifier,
            signals: vec![Signal::new(Stage::Classifier, "model", "It looks generated.")],
            submitted_at: "2026-11-21T23:50:00Z".into(),
            judged_at: "2026-11-21T23:50:01Z".into(),
            test: false,
            asked: Some(Told { model_threshold: 0.99, verdict: "authentic".into() }),
        }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32]).unwrap()
    }

    // X3
    #[test]
    fn a_receipt_holds_until_a_letter_of_it_changes() {
        let signed = key(1).sign(&receipt());
        let verified = signed.verify(None).unwrap();
        assert_eq!((verified.receipt, verified.known), (receipt(), false));

        let changed = Signed { payload: encoded(&Receipt { label: Label::Real, ..receipt() }), ..signed.clone() };
        assert_eq!(changed.verify(None), Err(ReceiptError::Signature));
        let another = Signed { signature: key(2).sign(&receipt()).signature, ..signed.clone() };
        assert_eq!(another.verify(None), Err(ReceiptError::Signature));
        assert_eq!(Signed { protected: "e30".into(), ..signed }.verify(None), Err(ReceiptError::Form));
        let later = key(1).sign(&Receipt { version: VERSION + 1, ..receipt() });
        assert_eq!(later.verify(None), Err(ReceiptError::Form), "it may mean something else");
    }

    // X3: anybody can sign; a known key cannot be borrowed.
    #[test]
    fn only_one_of_the_known_keys_counts_as_the_servers() {
        let signed = key(1).sign(&receipt());
        let set = |keys: &[u8]| KeySet { keys: keys.iter().map(|seed| key(*seed).public()).collect() };
        assert!(signed.verify(Some(&set(&[2, 1]))).unwrap().known, "old keys stay good");
        assert_eq!(signed.verify(Some(&set(&[2]))), Err(ReceiptError::UnknownKey));
        // The known key's id over a stranger's key.
        let stranger = key(3).public();
        let protected = Protected { alg: ALGORITHM.into(), kid: key(1).public().kid, typ: TYPE.into(), jwk: stranger };
        assert_eq!(Signed { protected: encoded(&protected), ..signed }.verify(Some(&set(&[1]))), Err(ReceiptError::Form));
    }

    // X3: RFC 8037, appendix A, gives a key and its thumbprint.
    #[test]
    fn keys_and_their_ids_are_those_of_the_standard() {
        let seed = BASE64.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let public = SigningKey::from_seed(&seed).unwrap().public();
        assert_eq!(public.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(SigningKey::from_seed(&[1; 31]).is_err());
    }
}
