//! Stripe's signature over what it posts: `t=<seconds>,v1=<HMAC-SHA256 over "t.body" as hex>`, with several `v1` while a secret rotates.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use touchstone_core::time::Timestamp;

/// How old or how far ahead a signature may be: an old one may be a stranger's copy.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Whether the holder of `secret` signed this body just now. An empty secret is nobody's.
pub(crate) fn is_genuine(header: &str, body: &[u8], secret: &SecretString, now: Timestamp) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let Some(time) = parts().find_map(|(name, value)| (name == "t").then_some(value)) else { return false };
    let Ok(signed_at) = time.parse().map(Timestamp::from_seconds) else { return false };
    if secret.expose_secret().is_empty() || signed_at < now - TOLERANCE || signed_at > now + TOLERANCE {
        return false;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of every length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let expected = mac.finalize().into_bytes();
    let given = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| hex::decode(value).ok());
    given.map(|given| expected.as_slice().ct_eq(&given)).fold(Choice::from(0), |any, one| any | one).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python: `hmac.new(b"whsec_test", b'1700000000.{"id":"evt_1"}', "sha256").hexdigest()`.
    const SIGNATURE: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn genuine(header: &str, body: &[u8], secret: &str, seconds: i64) -> bool {
        is_genuine(header, body, &secret.to_owned().into(), Timestamp::from_seconds(seconds))
    }

    #[test]
    fn only_the_holder_of_the_secret_signs_and_only_just_now() {
        let header = format!("t=1700000000,v1={SIGNATURE},v0=abc");
        assert!(genuine(&header, BODY, "whsec_test", 1_700_000_100));
        assert!(genuine(&format!("t=1700000000, v1=00ff, v1={SIGNATURE}"), BODY, "whsec_test", 1_699_999_900), "a secret rotates");
        assert!(!genuine(&header, br#"{"id":"evt_2"}"#, "whsec_test", 1_700_000_100), "another body");
        assert!(!genuine(&header, BODY, "whsec_other", 1_700_000_100), "another secret");
        assert!(!genuine(&header, BODY, "", 1_700_000_100), "no secret");
        assert!(!genuine(&header, BODY, "whsec_test", 1_700_000_301), "too old");
        assert!(!genuine(&header, BODY, "whsec_test", 1_699_999_699), "too early");
        for header in ["", "t=1700000000", "v1=00", "t=soon,v1=00", "t=1700000000,v1=", "t=1700000000,v1=zz"] {
            assert!(!genuine(header, BODY, "whsec_test", 1_700_000_000), "{header}");
        }
    }
}
