//! API keys. The secret is shown once and kept only as its SHA-256; a checksum in the text tells typing errors from strangers.

use std::time::Duration;

use rand::{TryRngCore, rngs::OsRng};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use touchstone_core::{
    ids::{KeyId, OrganizationId},
    organization::Caller,
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    entities::{api_key, organization},
    organizations,
};

const LIVE: &str = "aidet_live_sk_";
const TEST: &str = "aidet_test_sk_";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 digits of 62 are 256 bits.
const BODY: usize = 43;
const CHECKSUM: usize = 6;
/// How much of a key is kept readable, so that people tell their keys apart: the mark and four digits.
const READABLE: usize = LIVE.len() + 4;
/// `last_used_at` is for people: a write a minute is enough.
const USE_IS_NOTED_EVERY: Duration = Duration::from_secs(60);

impl Store {
    /// Makes a key of 256 random bits: `aidet_live_sk_…` or, for tests, `aidet_test_sk_…`. The secret cannot be read again.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn create_key(&self, organization: OrganizationId, test: bool) -> Result<(KeyId, SecretString), StoreError> {
        if self.organization(organization).await?.is_none() {
            return Err(StoreError::NoOrganization(organization));
        }
        let (id, secret) = (KeyId::random(), new_secret(test)?);
        let row = api_key::ActiveModel {
            id: Set(id.0),
            organization_id: Set(organization.0),
            prefix: Set(secret[..READABLE].to_owned()),
            hash: Set(hash(&secret)),
            test: Set(test),
            created_at: Set(Timestamp::now().0),
            revoked_at: Set(None),
            expires_at: Set(None),
            last_used_at: Set(None),
        };
        let write = self.write().await?;
        api_key::Entity::insert(row).exec_without_returning(&*write).await?;
        write.commit().await?;
        Ok((id, secret.into()))
    }

    /// Who holds this secret; `None` when nobody does, or the key is revoked or expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caller(&self, secret: &str) -> Result<Option<Caller>, StoreError> {
        if !is_well_formed(secret) {
            return Ok(None);
        }
        let now = Timestamp::now();
        let found = api_key::Entity::find()
            .filter(api_key::Column::Hash.eq(hash(secret)))
            .filter(api_key::Column::RevokedAt.is_null())
            .filter(Condition::any().add(api_key::Column::ExpiresAt.is_null()).add(api_key::Column::ExpiresAt.gt(now.0)))
            .find_also_related(organization::Entity)
            .one(self.reader())
            .await?;
        let Some((key, Some(organization))) = found else { return Ok(None) };
        let (id, test, last_used) = (KeyId(key.id), key.test, key.last_used_at);
        if last_used.is_none_or(|at| at < (now - USE_IS_NOTED_EVERY).0) {
            self.note_use(id, now).await?;
        }
        Ok(Some(Caller { organization: organizations::read(organization)?, key: id, test }))
    }

    /// Ends a key at once. Says whether there was a live one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let revoked = api_key::Entity::update_many()
            .col_expr(api_key::Column::RevokedAt, Expr::value(Timestamp::now().0))
            .filter(api_key::Column::Id.eq(key.0).and(api_key::Column::RevokedAt.is_null()))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(revoked.rows_affected > 0)
    }

    /// Nobody is refused because the note could not be taken for want of a place: the next call takes it.
    async fn note_use(&self, key: KeyId, now: Timestamp) -> Result<(), StoreError> {
        let write = match self.write_at_door().await {
            Err(StoreError::Busy) => return Ok(()),
            write => write?,
        };
        api_key::Entity::update_many()
            .col_expr(api_key::Column::LastUsedAt, Expr::value(now.0))
            .filter(api_key::Column::Id.eq(key.0))
            .exec(&*write)
            .await?;
        write.commit().await
    }
}

fn new_secret(test: bool) -> Result<String, StoreError> {
    let mut secret = if test { TEST } else { LIVE }.to_owned();
    let whole = secret.len() + BODY;
    while secret.len() < whole {
        let mut bytes = [0; BODY];
        OsRng.try_fill_bytes(&mut bytes)?;
        // Bytes from 248 up would make the first eight digits likelier than the rest.
        let digits = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
        secret.extend(digits.take(whole - secret.len()));
    }
    let checksum = checksum(&secret);
    Ok(secret + &checksum)
}

/// Says "no" to typing errors and strangers without asking the database.
fn is_well_formed(secret: &str) -> bool {
    let body = secret.strip_prefix(LIVE).or_else(|| secret.strip_prefix(TEST));
    let right_size = body.is_some_and(|body| body.len() == BODY + CHECKSUM && body.is_ascii());
    right_size && secret.split_at_checked(secret.len() - CHECKSUM).is_some_and(|(text, sum)| checksum(text) == sum)
}

fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.map(char::from).iter().collect()
}

fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_what_it_is_and_a_typing_error_is_seen() {
        let secret = new_secret(true).expect("the system has random bytes");
        assert!(secret.starts_with(TEST) && secret.len() == TEST.len() + BODY + CHECKSUM);
        assert!(is_well_formed(&secret));
        let typo = secret.replacen(&secret[20..21], if &secret[20..21] == "x" { "y" } else { "x" }, 1);
        assert!(!is_well_formed(&typo));
        for stranger in ["", "aidet_live_sk_", "sk-1234", "aidet_live_sk_ä"] {
            assert!(!is_well_formed(stranger), "{stranger}");
        }
        assert_ne!(secret, new_secret(true).expect("the system has random bytes"));
    }
}
