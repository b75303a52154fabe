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
    /// `[jobs]`.
    pub jobs: Jobs,
    /// Where clients reach this server; links are built on it. No trailing slash in its path.
    pub public_url: Url,
    /// Hosts whose URLs name uploads of ours and are never fetched (row T3).
    pub known_hosts: Vec<String>,
    /// Foreign URLs that this node fetches at once (`fetch.concurrent`).
    pub concurrent_fetches: usize,
    /// Foreign URLs that this node fetches at once for one organisation.
    pub concurrent_fetches_per_organization: usize,
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
