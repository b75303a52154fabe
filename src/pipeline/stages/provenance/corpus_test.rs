//! Over the published C2PA test files: claims are read, tampering is seen, nobody is trusted without a list.

use std::{fs, time::Instant};

use touchstone_core::finding::{Finding, Look as Looked};

use super::*;
use crate::{corpus, picture::tests::LIMITS};

fn looked(path: &str) -> Finding {
    let bytes = fs::read(corpus::root().join(path)).unwrap();
    Provenance::new(None).look(&Picture::decode(bytes.into(), &LIMITS).unwrap())
}

#[test]
fn published_manifests_are_read_and_verified() {
    let Some(rows) = corpus::table("formats.csv") else { return };
    let named = |name: &str| rows.iter().map(|row| row["path"].as_str()).find(|path| path.contains(name)).map(looked).unwrap();

    let firefly = named("Firefly_tabby_cat.jpg");
    let claim = &firefly.signals[0];
    assert_eq!((claim.code.as_str(), claim.source.as_deref(), claim.decisive), ("c2pa_claim", Some("Adobe Firefly"), true));
    assert!(claim.unsigned_claim, "no trust list is installed: {claim:?}");

    for broken in ["E-dat-CA.jpg", "E-sig-CA.jpg", "E-uri-CA.jpg", "E-clm-CAICAI.jpg", "XCA.jpg"] {
        let signal = named(broken).signals.remove(0);
        assert_eq!((signal.code.as_str(), signal.decisive, signal.score), ("c2pa_invalid", false, None), "{broken}");
    }
    for intact in ["20220124-C.jpg", "20220124-CA.jpg", "CIE-sig-CA.jpg"] {
        let signal = named(intact).signals.remove(0);
        assert!(
            signal.code != "c2pa_invalid" && !signal.decisive && signal.unsigned_claim && signal.score.is_none(),
            "{intact}: {signal:?}"
        );
    }
    let none = named("20220124-A.jpg");
    assert!(none.signals.is_empty() && none.look == Looked::Looked);
}

// V5
#[test]
fn published_manifests_are_taken_apart() {
    let Some(rows) = corpus::table("formats.csv") else { return };
    let verified = |name: &str| {
        let path = rows.iter().map(|row| row["path"].as_str()).find(|path| path.contains(name)).unwrap();
        let bytes = fs::read(corpus::root().join(path)).unwrap();
        Provenance::new(None).verify(&Picture::decode(bytes.into(), &LIMITS).unwrap())
    };
    for (name, integrity) in [
        ("Firefly_tabby_cat.jpg", Integrity::Valid),
        ("20220124-C.jpg", Integrity::Valid),
        ("20220124-CA.jpg", Integrity::Valid),
        // A broken signature of an ingredient is told, and breaks nothing of the picture's own.
        ("CIE-sig-CA.jpg", Integrity::Valid),
        ("E-dat-CA.jpg", Integrity::Invalid),
        ("E-sig-CA.jpg", Integrity::Invalid),
        ("E-uri-CA.jpg", Integrity::Invalid),
        ("E-clm-CAICAI.jpg", Integrity::Invalid),
        ("XCA.jpg", Integrity::Invalid),
        ("20220124-A.jpg", Integrity::None),
    ] {
        let told = verified(name);
        assert_eq!((told.integrity, told.trust), (integrity, Trust::NoListInstalled), "{name}: {:?}", told.validation_codes);
        assert_eq!(told.manifest_present, integrity != Integrity::None, "{name}");
        let failed =
            told.validation_codes.iter().any(|code| code.outcome == Outcome::Failure && !code.code.starts_with("signingCredential"));
        assert!(failed || integrity != Integrity::Invalid, "{name} says why: {:?}", told.validation_codes);
    }
    let firefly = verified("Firefly_tabby_cat.jpg");
    assert!(firefly.digital_source_type.is_some_and(|kind| kind.ends_with("trainedAlgorithmicMedia")));
    assert!(firefly.claim_generator.is_some_and(|name| name.contains("Firefly")), "the program names itself");
    assert!(!verified("20220124-CA.jpg").ingredients.is_empty(), "it was made from another picture");
}

#[test]
fn a_file_without_a_manifest_costs_next_to_nothing() {
    let pixels = image::DynamicImage::ImageRgb8(image::RgbImage::from_fn(1024, 1024, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8])));
    let file = crate::picture::tests::encoded(&pixels, image::ImageFormat::Jpeg);
    let picture = Picture::decode(file.into(), &LIMITS).unwrap();
    let stage = Provenance::new(None);
    let start = Instant::now();
    let finding = stage.look(&picture);
    assert!(start.elapsed().as_millis() < 5, "{:?}", start.elapsed());
    assert_eq!(finding, Finding::looked(Stage::Provenance));
}

#[test]
fn threads_agree() {
    let Some(rows) = corpus::table("formats.csv") else { return };
    let path = rows.iter().map(|row| row["path"].clone()).find(|path| path.contains("20220124-CA.jpg")).unwrap();
    let expected = looked(&path);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn({
                let path = path.clone();
                move || looked(&path)
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
}
