//! The road's sections of the configuration. `config.toml` is the manual.

use serde::Deserialize;
use url::Url;

/// `[uploads]`: what may be sent in, and for how long an upload may wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    /// Fewest bytes of an image.
    pub min_bytes: u64,
    /// Most bytes of an image.
    pub max_bytes: u64,
    /// Most bytes of a ZIP archive.
    pub max_zip_bytes: u64,
    /// Uploads of one organisation that may wait to be submitted.
    pub quota: u64,
    /// Hours after its URL expired at which an upload that nobody submitted is deleted.
    pub keep_unsubmitted_hours: u64,
}

/// `[batches]`: what an archive of images may hold. Its own size and that of each image are `[uploads]`'.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batches {
    /// Most images of one archive.
    pub max_images: usize,
    /// Most entries of any kind.
    pub max_entries: u64,
    /// Most bytes of the archive's directory.
    pub max_directory_bytes: u64,
    /// How many times larger than its data in the archive an image may be.
    pub max_ratio: u64,
    /// Most bytes that all images together may have.
    pub max_inflated_bytes: u64,
}

/// `[jobs]`: how work is handed out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that one node runs at once; 0: one for each core, and one more.
    pub concurrency: usize,
    /// Jobs that may wait in all; a submission beyond is refused with 503.
    pub backlog: u64,
    /// Seconds that a job belongs to a worker that does not report back.
    pub lease_seconds: u64,
    /// Seconds within which a repeated submission answers the first id (row T17).
    pub replay_seconds: u64,
    /// Credits that one judged image costs.
    pub credits_per_image: i64,
}

/// All that the road needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[uploads]`.
    pub uploads: Uploads,
    /// `[batches]`.
    pub batches: Batches,
    /// `[jobs]`.
    pub jobs: Jobs,
    /// Where clients reach this server; links are built on it. No trailing slash in its path.
    pub public_url: Url,
    /// Hosts whose URLs name uploads of ours and are never fetched (row T3).
    pub known_hosts: Vec<String>,
    /// Seconds that a link to a heatmap or preview lives.
    pub link_seconds: u64,
    /// The organisation that pays for the try-it page.
    pub try_it_organization: String,
}

impl Uploads {
    /// The most bytes that an upload of this kind may have.
    #[must_use]
    pub const fn most(&self, kind: touchstone_core::media::UploadKind) -> u64 {
        match kind {
            touchstone_core::media::UploadKind::Image(_) => self.max_bytes,
            touchstone_core::media::UploadKind::Zip => self.max_zip_bytes,
        }
    }
}
