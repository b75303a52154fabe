//! Secrets that must be read again are sealed: AES-256-GCM under a key that all nodes share. Moving one to another row unseals nothing.
//!
//! What this keeps from whoever sees rows without the `secret` table, as in a log, a query or a copy of one table, is the secrets.

use rand::{TryRngCore, rngs::OsRng};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{Store, StoreError};

/// The purpose under which the sealing keys are kept.
const PURPOSE: &str = "seals";

/// Bytes that name the key before the nonce.
const ORDINAL_LEN: usize = size_of::<i32>();

/// Seals and unseals. Made before a transaction begins: the first one ever writes its key.
pub(crate) struct Sealer(Vec<(i32, LessSafeKey)>);

impl Sealer {
    /// With the keys that all nodes share.
    pub(crate) async fn of(store: &Store) -> Result<Self, StoreError> {
        let keys = store.secrets(PURPOSE).await?;
        let key = |bytes: &[u8]| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("shared keys have 32 bytes"));
        Ok(Self(keys.iter().map(|secret| (secret.ordinal, key(secret.value.expose_secret()))).collect()))
    }

    /// What may be stored in this row: the key's number, the nonce, and what is sealed.
    pub(crate) fn seal(&self, plain: &[u8], row: Uuid) -> Result<Vec<u8>, StoreError> {
        let (ordinal, key) = self.0.first().expect("there is always a key");
        let mut nonce = [0; NONCE_LEN];
        OsRng.try_fill_bytes(&mut nonce)?;
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(row.as_bytes()), &mut sealed)
            .expect("a secret is far shorter than what one nonce may seal");
        Ok([&ordinal.to_be_bytes()[..], &nonce, &sealed].concat())
    }

    /// What was sealed for this row; `None`: it was not, or not with a key that there is.
    pub(crate) fn unseal(&self, stored: &[u8], row: Uuid) -> Option<Vec<u8>> {
        let (ordinal, rest) = stored.split_at_checked(ORDINAL_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let ordinal = i32::from_be_bytes(ordinal.try_into().ok()?);
        let (_, key) = self.0.iter().find(|(known, _)| *known == ordinal)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key.open_in_place(nonce, Aad::from(row.as_bytes()), &mut sealed).ok()?;
        Some(plain.to_vec())
    }
}
