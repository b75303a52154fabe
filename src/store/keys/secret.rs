//! What a key looks like: 256 random bits behind a readable mark, and a checksum that tells typing errors from strangers. Keys of
//! other systems are known by their hash alone.

use rand::{TryRngCore, rngs::OsRng};
use sha2::{Digest, Sha256};

use crate::StoreError;

const LIVE: &str = "aidet_live_sk_";
const TEST: &str = "aidet_test_sk_";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 digits of 62 are 256 bits.
const BODY: usize = 43;
const CHECKSUM: usize = 6;
/// How much of a key is kept readable, so that people tell their keys apart: the mark and four digits, or of another system's the
/// first four characters.
const READABLE: usize = 4;

/// A fresh key.
pub(super) fn fresh(test: bool) -> Result<String, StoreError> {
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

/// Says "no" to typing errors and to what is no key at all without asking the database.
pub(super) fn may_be_a_key(secret: &str) -> bool {
    body(secret).map_or_else(|| is_foreign(secret), |_| is_ours(secret))
}

/// Whether it may be another system's key: long enough not to be guessed, printable, and never to be mistaken for one of ours.
pub(super) fn is_foreign(secret: &str) -> bool {
    (16..=200).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic()) && body(secret).is_none()
}

/// The part of a key that may be shown.
pub(super) fn readable(secret: &str) -> String {
    let mark = secret.len() - body(secret).unwrap_or(secret).len();
    secret.chars().take(mark + READABLE).collect()
}

/// What is stored of a key.
pub(super) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// What follows our mark.
fn body(secret: &str) -> Option<&str> {
    secret.strip_prefix(LIVE).or_else(|| secret.strip_prefix(TEST))
}

fn is_ours(secret: &str) -> bool {
    let right_size = body(secret).is_some_and(|body| body.len() == BODY + CHECKSUM && body.is_ascii());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_what_it_is_and_a_typing_error_is_seen() {
        let secret = fresh(true).expect("the system has random bytes");
        assert!(secret.starts_with(TEST) && secret.len() == TEST.len() + BODY + CHECKSUM);
        assert!(may_be_a_key(&secret));
        let mut typo = secret.clone();
        typo.replace_range(20..21, if &secret[20..21] == "x" { "y" } else { "x" });
        assert!(!may_be_a_key(&typo));
        for stranger in ["", "aidet_live_sk_", "sk-1234", "aidet_live_sk_ä"] {
            assert!(!may_be_a_key(stranger), "{stranger}");
        }
        assert_ne!(secret, fresh(true).expect("the system has random bytes"));
    }

    #[test]
    fn the_key_of_another_system_is_taken_unless_it_could_be_ours_or_guessed() {
        // B1: moving customers keep theirs.
        let long = "k".repeat(201);
        for (secret, taken) in [
            ("581d47c7-3ef4-42af-88d9-6dab6bf69389", true),
            ("0123456789abcdef", true),
            (&long[..200], true),
            (&long, false),
            ("0123456789abcde", false),
            ("0123456789abcde f", false),
            ("0123456789abcdé", false),
            ("aidet_live_sk_0123456789", false),
        ] {
            assert_eq!(is_foreign(secret), taken, "{secret}");
        }
    }

    #[test]
    fn little_of_a_key_is_readable() {
        let secret = fresh(false).expect("the system has random bytes");
        assert_eq!(readable(&secret), secret[..LIVE.len() + 4]);
        assert_eq!(readable("581d47c7-3ef4-42af-88d9-6dab6bf69389"), "581d");
    }
}
