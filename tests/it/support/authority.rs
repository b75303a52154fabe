//! A certificate authority of the tests' own making, and pictures that carry Content Credentials signed in its name. Shared with the
//! pipeline's own tests.

use std::io::Cursor;

use c2pa::{Builder, Context, Settings, SigningAlg, create_signer};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// What the manifest of [`Signer::sign`] says of its picture.
pub(crate) const GENERATED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// Signs for signers.
pub(crate) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Signs pictures.
pub(crate) struct Signer {
    /// Its own certificate, in PEM.
    pub(crate) certificates: String,
    key: String,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are fine names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, format!("{name} Ltd"));
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("randomness");
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a root").pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// What a trust list holds.
    pub(crate) fn pem(&self) -> String {
        self.certificate.clone()
    }

    pub(crate) fn signer(&self, name: &str) -> Signer {
        let key = KeyPair::generate().expect("randomness");
        let mut params = named(name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        let certificate = params.signed_by(&key, &self.issuer).expect("a leaf");
        Signer { certificates: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Signer {
    /// The picture with a manifest that says that a generator made it.
    pub(crate) fn sign(&self, content_type: &str, picture: &[u8]) -> Vec<u8> {
        let definition = format!(
            r#"{{"title": "A picture", "claim_generator_info": [{{"name": "Test Generator", "version": "1.2"}}],
                "assertions": [{{"label": "c2pa.actions.v2", "data": {{"actions": [{{"action": "c2pa.created",
                "digitalSourceType": "{GENERATED}", "softwareAgent": {{"name": "Test Generator"}}}}]}}}}]}}"#
        );
        let settings = Settings::default().with_value("verify.verify_after_sign", false).expect("a setting of c2pa");
        let context = Context::new().with_settings(settings).expect("settings of c2pa").into_shared();
        let signer = create_signer::from_keys(self.certificates.as_bytes(), self.key.as_bytes(), SigningAlg::Es256, None);
        let mut builder = Builder::from_shared_context(&context).with_definition(definition.as_str()).expect("a manifest");
        let mut signed = Cursor::new(Vec::new());
        let signer = signer.expect("a signer");
        builder.sign(signer.as_ref(), content_type, &mut Cursor::new(picture), &mut signed).expect("a signed picture");
        signed.into_inner()
    }
}
