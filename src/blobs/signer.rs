//! Signatures over links: a URL of ours that carries one lets its holder do one thing to one object until it expires.
//!
//! HMAC-SHA256. Every part is signed with its length before it, so no two lists of parts can sign alike. The newest key
//! signs and every key verifies, so that keys can rotate without breaking links that are out.

use std::sync::{Arc, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use touchstone_core::time::Timestamp;

use crate::error::SignError;

/// Signs and verifies links. A clone shares the keys: a rotation reaches all clones.
#[derive(Clone)]
pub struct Signer(Arc<RwLock<Vec<Hmac<Sha256>>>>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// A signer with these keys, newest first: the first signs, all verify.
    ///
    /// # Panics
    /// When there is no key at all: a server without one must not start.
    #[must_use]
    pub fn new(keys: &[SecretSlice<u8>]) -> Self {
        Self(Arc::new(RwLock::new(macs(keys))))
    }

    /// Takes other keys into use at once, newest first.
    ///
    /// # Panics
    /// When there is no key at all.
    pub fn swap(&self, keys: &[SecretSlice<u8>]) {
        let keys = macs(keys);
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = keys;
    }

    /// The signature over these parts (the purpose first) and the moment at which it ends, as lower-case hex.
    #[must_use]
    pub fn sign(&self, parts: &[&str], expires: Timestamp) -> String {
        hex::encode(signature(&self.keys()[0], parts, expires))
    }

    /// Whether `signature` is ours over these parts and its time is not over. Takes as long for a wrong one as for a right one.
    ///
    /// # Errors
    /// [`SignError::Wrong`] when it is not ours, [`SignError::Expired`] when it was and `now` is not before `expires`.
    pub fn verify(&self, parts: &[&str], expires: Timestamp, signature: &str, now: Timestamp) -> Result<(), SignError> {
        let given = hex::decode(signature).map_err(|_| SignError::Wrong)?;
        let matches = |key| self::signature(key, parts, expires).ct_eq(&given);
        let ours = self.keys().iter().map(matches).fold(Choice::from(0), |any, one| any | one);
        match (bool::from(ours), now < expires) {
            (true, true) => Ok(()),
            (true, false) => Err(SignError::Expired),
            (false, _) => Err(SignError::Wrong),
        }
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Vec<Hmac<Sha256>>> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn macs(keys: &[SecretSlice<u8>]) -> Vec<Hmac<Sha256>> {
    assert!(!keys.is_empty(), "links cannot be signed without a key");
    keys.iter().map(|key| Hmac::new_from_slice(key.expose_secret()).expect("HMAC takes keys of any length")).collect()
}

fn signature(key: &Hmac<Sha256>, parts: &[&str], expires: Timestamp) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.update(&expires.0.to_be_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Timestamp = Timestamp(2_000);
    const NOW: Timestamp = Timestamp(1_000);

    fn key(byte: u8) -> SecretSlice<u8> {
        vec![byte; 32].into()
    }

    #[test]
    fn a_signature_holds_for_its_parts_and_its_time_alone() {
        let signer = Signer::new(&[key(1)]);
        let signature = signer.sign(&["put", "uploads/a.jpg"], SOON);
        assert_eq!(signature.len(), 64);
        assert_eq!(signer.verify(&["put", "uploads/a.jpg"], SOON, &signature, NOW), Ok(()));
        assert_eq!(signer.verify(&["put", "uploads/a.jpg"], SOON, &signature, SOON), Err(SignError::Expired));
        assert_eq!(signer.verify(&["put", "uploads/b.jpg"], SOON, &signature, NOW), Err(SignError::Wrong));
        assert_eq!(signer.verify(&["get", "uploads/a.jpg"], SOON, &signature, NOW), Err(SignError::Wrong));
        assert_eq!(signer.verify(&["put", "uploads/a.jpg"], Timestamp(9_000), &signature, NOW), Err(SignError::Wrong));
        for wrong in ["", "zz", &signature[..62], &"0".repeat(64)] {
            assert_eq!(signer.verify(&["put", "uploads/a.jpg"], SOON, wrong, NOW), Err(SignError::Wrong));
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let signer = Signer::new(&[key(1)]);
        let signature = signer.sign(&["put", "ab", "c"], SOON);
        assert_eq!(signer.verify(&["put", "a", "bc"], SOON, &signature, NOW), Err(SignError::Wrong));
        assert_eq!(signer.verify(&["put", "abc"], SOON, &signature, NOW), Err(SignError::Wrong));
    }

    #[test]
    fn links_survive_one_rotation_and_end_with_their_key() {
        let signer = Signer::new(&[key(1)]);
        let clone = signer.clone();
        let old = signer.sign(&["put"], SOON);
        signer.swap(&[key(2), key(1)]);
        assert_eq!(clone.verify(&["put"], SOON, &old, NOW), Ok(()));
        assert_ne!(clone.sign(&["put"], SOON), old);
        signer.swap(&[key(3), key(2)]);
        assert_eq!(clone.verify(&["put"], SOON, &old, NOW), Err(SignError::Wrong));
    }
}
