//! The two signatures of a delivery, on the same request: the bare one of the text (`X-Signature`), and the Standard Webhooks headers,
//! which also sign the id and the moment, so that a receiver can refuse what is repeated or old.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use crate::time::Timestamp;

/// How a shown secret begins.
pub const PREFIX: &str = "whsec_";

/// What one endpoint's deliveries are signed with: 32 random bytes. Shown once, as `whsec_` and their base64.
#[derive(Debug, Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// The secret of these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// As its owner sees it.
    #[must_use]
    pub fn shown(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(self.bytes())).into()
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// As the text's sample checks it: 64 lowercase hex digits, keyed by the whole secret as it is shown.
    fn bare(&self, body: &[u8]) -> String {
        hex::encode(mac(self.shown().expose_secret().as_bytes(), &[body]))
    }

    /// As Standard Webhooks checks it: keyed by what the base64 stands for.
    fn standard(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body].concat();
        format!("v1,{}", STANDARD.encode(mac(self.bytes(), &[&signed])))
    }
}

/// The secrets that hold now.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The one that was shown last.
    pub current: Secret,
    /// The one before, while the overlap of a rotation lasts.
    pub old: Option<Secret>,
}

impl Secrets {
    /// The headers that sign a body.
    ///
    /// Until an overlap ends the bare signature is the old secret's, for its receivers know one secret at a time; the other header has
    /// room for both.
    #[must_use]
    pub fn headers(&self, id: &str, at: Timestamp, body: &[u8]) -> [(&'static str, String); 4] {
        let both = [Some(&self.current), self.old.as_ref()];
        let standard: Vec<String> = both.into_iter().flatten().map(|secret| secret.standard(id, at.seconds(), body)).collect();
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", standard.join(" ")),
            ("x-signature", self.old.as_ref().unwrap_or(&self.current).bare(body)),
        ]
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    const PUBLISHED: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn headers(secrets: &Secrets) -> [(&'static str, String); 4] {
        secrets.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp::from_seconds(1_614_265_330), br#"{"test": 2432232314}"#)
    }

    fn published() -> Secret {
        Secret::of(STANDARD.decode(PUBLISHED).expect("base64"))
    }

    #[test]
    fn the_published_example_is_signed_as_published() {
        // V10
        let headers = headers(&Secrets { current: published(), old: None });
        assert_eq!(headers[0], ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".into()));
        assert_eq!(headers[1], ("webhook-timestamp", "1614265330".into()));
        assert_eq!(headers[2], ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into()));
    }

    #[test]
    fn the_bare_signature_is_keyed_by_the_whole_secret_as_it_is_shown() {
        // V10. Python: hmac.new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', "sha256").hexdigest()
        assert_eq!(published().shown().expose_secret(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let headers = headers(&Secrets { current: published(), old: None });
        assert_eq!(headers[3], ("x-signature", "80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c".into()));
    }

    #[test]
    fn during_an_overlap_the_old_secret_signs_bare_and_both_sign_by_the_standard() {
        // V10
        let (new, old) = (Secret::of(vec![7; 32]), published());
        let [alone_new, alone_old] = [&new, &old].map(|secret| headers(&Secrets { current: secret.clone(), old: None }));
        let both = headers(&Secrets { current: new, old: Some(old) });
        assert_eq!(both[2].1, format!("{} {}", alone_new[2].1, alone_old[2].1));
        assert_eq!(both[3], alone_old[3]);
        assert_ne!(alone_new[3], alone_old[3]);
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        // B1
        let secret = Secret::of(b"a secret that nobody may see !!!".to_vec());
        let shown = secret.shown().expose_secret().to_owned();
        let debug = format!("{secret:?}");
        assert!(!debug.contains("nobody") && !debug.contains(&shown[6..]) && !debug.contains("97, 32"), "{debug}");
    }
}
