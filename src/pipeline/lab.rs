//! What can be said of a picture without a model: its forensics and its Content Credentials (rows V4, V5). So a node that judges nothing
//! can still tell them.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Settings,
    decoder::{Children, Undecoded},
    forensics::{self, Maps, Report},
    open::OpenError,
    picture::Picture,
    settings::Limits,
    stages::provenance::{Credentials, Provenance},
    trust_list::{self, TrustListFacts},
};

/// A decoder within limits, and whom to trust. Cheap to clone; clones share the decoder's places.
#[derive(Clone)]
pub struct Lab {
    limits: Limits,
    children: Arc<Children>,
    provenance: Provenance,
    at_once: usize,
}

impl Lab {
    /// Reads the trust list, if one is installed.
    ///
    /// # Errors
    /// When there is one and it cannot be used.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let list = trust_list::installed(&settings.provenance.trust_list)?;
        let at_once = settings.inference.sessions();
        // As many as there are pictures in work, and one, so that a slow file does not keep the model waiting.
        let children = Arc::new(Children::new(&settings.decoder, at_once + 1));
        Ok(Self { limits: settings.limits, children, provenance: Provenance::new(list.as_ref()), at_once })
    }

    /// Decodes a file of any accepted format; some formats in a child process.
    ///
    /// # Errors
    /// When the file cannot be read, and when the child cannot be run.
    pub fn decode(&self, bytes: Bytes) -> Result<Picture, Undecoded> {
        Picture::decode_with(bytes, &self.limits, &*self.children)
    }

    /// A file's forensics, in figures and in maps.
    ///
    /// # Errors
    /// As [`Lab::decode`].
    pub fn examine(&self, bytes: Bytes) -> Result<(Report, Maps), Undecoded> {
        Ok(forensics::examine(&self.decode(bytes)?))
    }

    /// A file's Content Credentials. The picture is decoded first, so that the manifest's parser meets no file that the limits refuse.
    ///
    /// # Errors
    /// As [`Lab::decode`].
    pub fn verify(&self, bytes: Bytes) -> Result<Credentials, Undecoded> {
        Ok(self.provenance.verify(&self.decode(bytes)?))
    }

    /// The installed trust list.
    #[must_use]
    pub const fn trust_list(&self) -> Option<&TrustListFacts> {
        self.provenance.trust_list()
    }

    /// The stage that reads Content Credentials.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// What decoding may cost.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many pictures this machine works on side by side.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.at_once
    }
}
