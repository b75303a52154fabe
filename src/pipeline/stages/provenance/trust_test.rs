//! Trust, with an authority of our own: a signer on the installed list proves a claim, the same signer without the list does not.

use touchstone_core::time::Timestamp;

use super::*;
use crate::{
    delivery,
    picture::tests::LIMITS,
    testing::authority::{Authority, GENERATED},
};

fn picture(bytes: Vec<u8>) -> Picture {
    Picture::decode(bytes.into(), &LIMITS).unwrap()
}

fn plain() -> Vec<u8> {
    delivery::jpeg(&image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 90])), 90).unwrap()
}

fn trusting(authority: &Authority) -> Provenance {
    let list = TrustList::parse(authority.pem().as_bytes(), Timestamp::from_seconds(0)).unwrap();
    Provenance::new(Some(&list))
}

// V5, X6
#[test]
fn a_signer_of_the_installed_list_proves_what_it_claims() {
    let authority = Authority::new("Camera Maker");
    let signed = picture(authority.signer("Holder").sign("image/jpeg", &plain()));

    let signal = trusting(&authority).look(&signed).signals.remove(0);
    assert_eq!((signal.code.as_str(), signal.decisive, signal.unsigned_claim), ("c2pa_claim", true, false), "{signal:?}");
    let told = trusting(&authority).verify(&signed);
    assert_eq!((told.integrity, told.trust), (Integrity::Valid, Trust::Trusted), "{:?}", told.validation_codes);
    let signer = told.signer.expect("somebody signed");
    assert_eq!((signer.common_name.as_deref(), signer.issuer.as_deref()), (Some("Holder"), Some("Holder Ltd")));
    assert_eq!((signer.algorithm.as_deref(), signer.serial.is_some(), signer.time), (Some("es256"), true, None));
    assert_eq!(told.claim_generator.as_deref(), Some("Test Generator 1.2"));
    assert_eq!(told.digital_source_type.as_deref(), Some(GENERATED));
    assert_eq!((told.actions[0].action.as_str(), told.actions[0].software_agent.as_deref()), ("c2pa.created", Some("Test Generator")));
    assert_eq!(told.trust_list.map(|list| list.certificates), Some(1));
}

// V5, X6: anybody can make a certificate.
#[test]
fn a_signer_of_no_installed_list_proves_nothing() {
    let (known, stranger) = (Authority::new("Known"), Authority::new("Stranger"));
    let signed = picture(stranger.signer("Holder").sign("image/jpeg", &plain()));
    for (stage, trust) in [(Provenance::new(None), Trust::NoListInstalled), (trusting(&known), Trust::Untrusted)] {
        let signal = stage.look(&signed).signals.remove(0);
        assert_eq!((signal.code.as_str(), signal.decisive, signal.unsigned_claim), ("c2pa_claim", true, true), "{signal:?}");
        let told = stage.verify(&signed);
        assert_eq!((told.integrity, told.trust), (Integrity::Valid, trust), "{:?}", told.validation_codes);
    }
}

// V5
#[test]
fn a_picture_changed_after_signing_is_invalid_whoever_signed() {
    let authority = Authority::new("Known");
    let mut bytes = authority.signer("Holder").sign("image/jpeg", &plain());
    let scan = bytes.windows(2).rposition(|marker| marker == [0xFF, 0xDA]).expect("a scan");
    bytes[scan + 40] ^= 1;
    let changed = picture(bytes);
    let told = trusting(&authority).verify(&changed);
    assert_eq!((told.integrity, told.trust), (Integrity::Invalid, Trust::Trusted), "{:?}", told.validation_codes);
    assert!(told.validation_codes.iter().any(|code| code.outcome == Outcome::Failure && code.code.contains("mismatch")));
    let signal = trusting(&authority).look(&changed).signals.remove(0);
    assert_eq!((signal.code.as_str(), signal.decisive, signal.unsigned_claim), ("c2pa_invalid", false, true));
}

#[test]
fn a_picture_without_a_manifest_has_nothing_to_verify() {
    let told = Provenance::new(None).verify(&picture(plain()));
    assert_eq!((told.manifest_present, told.integrity, told.trust), (false, Integrity::None, Trust::NoListInstalled));
    assert_eq!((told.signer, told.validation_codes.len()), (None, 0));
}
