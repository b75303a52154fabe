//! The installed trust list (rows V5, X6): the certificates whose holders' Content Credentials count as proof.
//!
//! None is bundled: whom to trust is the operator's to say (`touchstone trust-list install FILE`). It is a file of PEM certificates with
//! one line of ours above them, which says when it was installed; a list put there by hand has the date of its file. Every certificate is
//! checked when the list is read, so that a broken one is found at the start and not when a picture depends on it.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::Serialize;
use sha2::{Digest, Sha256};
use touchstone_core::time::Timestamp;
use utoipa::ToSchema;
use x509_parser::{pem::Pem, prelude::X509Certificate};

/// Our line above the certificates.
const INSTALLED: &str = "# Installed by Touchstone: ";

/// A list that was read and whose every certificate can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustList {
    /// As answers tell it.
    pub facts: TrustListFacts,
    /// Whom it trusts, in the order of the file.
    pub anchors: Vec<Anchor>,
    pem: String,
}

/// Which list it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrustListFacts {
    /// When it was installed, RFC 3339.
    #[schema(example = "2026-11-21T23:50:00.000Z")]
    pub date: String,
    /// SHA-256 of the file that was installed, lower-case hex.
    pub sha256: String,
    /// How many certificates it holds.
    pub certificates: usize,
}

/// One certificate of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// Its subject, as certificates write names.
    pub subject: String,
    /// Until when it is valid, RFC 3339. A signature made before that stays trusted.
    pub not_after: String,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustListError {
    /// The file is there and cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// There is no certificate in it.
    #[error("it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// One of its certificates is none, or signs for nobody.
    #[error("its certificate {number} {reason}")]
    Certificate {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl TrustList {
    /// The list at this place; `None` when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`TrustList::parse`].
    pub fn read(path: &Path) -> Result<Option<Self>, TrustListError> {
        let read = || Ok((std::fs::read(path)?, std::fs::metadata(path)?.modified()?));
        match read() {
            Ok((bytes, modified)) => {
                let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                Self::parse(&bytes, Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or_default())).map(Some)
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a list, installed or not; `date` is what counts where its own line does not say.
    ///
    /// # Errors
    /// When it holds no certificate, or one that is broken or may not sign for others.
    pub fn parse(bytes: &[u8], date: Timestamp) -> Result<Self, TrustListError> {
        let (installed, source) = split(bytes);
        let blocks = || Pem::iter_from_buffer(source);
        let anchors = blocks().enumerate().map(|(index, block)| {
            let broken = |reason| TrustListError::Certificate { number: index + 1, reason };
            anchor(block.map_err(|error| error.to_string())).map_err(broken)
        });
        let anchors = anchors.collect::<Result<Vec<_>, _>>()?;
        if anchors.is_empty() {
            return Err(TrustListError::Empty);
        }
        let facts = TrustListFacts {
            date: installed.unwrap_or_else(|| date.rfc3339()),
            sha256: hex::encode(Sha256::digest(source)),
            certificates: anchors.len(),
        };
        Ok(Self { facts, anchors, pem: String::from_utf8_lossy(source).into_owned() })
    }

    /// The file to install for a list that was read: its certificates as they came, below our line.
    #[must_use]
    pub fn to_install(&self, now: Timestamp) -> String {
        format!("{INSTALLED}{}\n{}", now.rfc3339(), self.pem)
    }

    /// Its certificates.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What our line says, if it is there, and everything below it.
fn split(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let ours = bytes.strip_prefix(INSTALLED.as_bytes()).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        Some((String::from_utf8_lossy(&rest[..end]).trim().to_owned(), &rest[end + 1..]))
    });
    ours.map_or((None, bytes), |(date, source)| (Some(date), source))
}

fn anchor(block: Result<Pem, String>) -> Result<Anchor, String> {
    let block = block.map_err(|error| format!("is no PEM: {error}"))?;
    if block.label != "CERTIFICATE" {
        return Err(format!("is a \"{}\"; a list holds nothing but certificates", block.label));
    }
    let certificate: X509Certificate<'_> = block.parse_x509().map_err(|error| format!("is no X.509 certificate: {error}"))?;
    let subject = certificate.subject().to_string();
    if !certificate.is_ca() {
        return Err(format!("({subject}) may not sign for others, so it is no anchor of trust"));
    }
    let not_after = Timestamp::from_seconds(certificate.validity().not_after.timestamp()).rfc3339();
    Ok(Anchor { subject, not_after })
}

/// Why the pipeline cannot start with a list.
#[derive(Debug, thiserror::Error)]
#[error(
    "the trust list {path} cannot be used: {source}. Install another with `touchstone trust-list install FILE`, or remove the file to trust \
     nobody"
)]
pub struct Unusable {
    /// The list.
    pub path: PathBuf,
    /// What is wrong with it.
    pub source: TrustListError,
}

/// As [`TrustList::read`], with the place in the error.
///
/// # Errors
/// When there is a list and it cannot be used.
pub fn installed(path: &Path) -> Result<Option<TrustList>, Unusable> {
    TrustList::read(path).map_err(|source| Unusable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::authority::Authority;

    const LONG_AGO: Timestamp = Timestamp::from_seconds(1_000_000_000);

    // V5
    #[test]
    fn an_installed_list_remembers_when_and_from_what_it_came() {
        let source = [Authority::new("First").pem(), Authority::new("Second").pem()].concat();
        let list = TrustList::parse(source.as_bytes(), LONG_AGO).unwrap();
        assert_eq!((list.facts.certificates, list.facts.date.as_str()), (2, "2001-09-09T01:46:40.000Z"));
        assert!(list.anchors[1].subject.contains("Second"), "{:?}", list.anchors);
        let installed = TrustList::parse(list.to_install(Timestamp::from_seconds(1_795_000_000)).as_bytes(), LONG_AGO).unwrap();
        assert_eq!((&installed.facts.sha256, &installed.pem), (&hex::encode(Sha256::digest(&source)), &list.pem));
        assert_eq!(installed.facts.date, Timestamp::from_seconds(1_795_000_000).rfc3339());
        assert_eq!(installed.to_install(LONG_AGO).matches(INSTALLED).count(), 1, "installed again, it has one line of ours");
    }

    #[test]
    fn a_broken_list_is_refused_with_the_certificate_that_broke_it() {
        let authority = Authority::new("Root");
        let whole = authority.pem();
        let told = |text: String| TrustList::parse(text.as_bytes(), LONG_AGO).expect_err(&text).to_string();
        assert!(told("nothing here".to_owned()).contains("no certificate"));
        let cut = whole.replacen("MII", "!!!", 1);
        assert!(told([whole.clone(), cut].concat()).contains("certificate 2 is no PEM"));
        let other = whole.replace("CERTIFICATE", "PRIVATE KEY");
        assert!(told([whole.clone(), other].concat()).contains("certificate 2 is a \"PRIVATE KEY\""));
        let leaf = authority.signer("Somebody").certificates;
        assert!(told(leaf).contains("certificate 1 (CN=Somebody"), "a signer's own certificate is no anchor");
    }

    #[test]
    fn where_no_file_is_there_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        assert!(installed(&folder.path().join("none.pem")).unwrap().is_none());
        std::fs::write(folder.path().join("broken.pem"), "x").unwrap();
        let refused = installed(&folder.path().join("broken.pem")).unwrap_err().to_string();
        assert!(refused.contains("broken.pem") && refused.contains("trust-list install"), "{refused}");
    }
}
