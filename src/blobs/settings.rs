//! Storage's section of the configuration. `config.toml` is the manual: every key there, its default and one sentence.

use secrecy::SecretString;
use serde::Deserialize;

/// `[blobs]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where objects live: `file:///absolute/folder`, or `s3://bucket` or `s3://bucket/prefix`.
    pub url: String,
    /// Hosts whose URLs name uploads of ours, beside this server's own: clients hard-code their vendor's bucket (row T3).
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub known_hosts: Vec<String>,
    /// How to reach S3; unused for a folder.
    pub s3: S3,
}

/// `[blobs.s3]`: any store that speaks the S3 protocol. An empty string means "not set".
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The store's address, such as `https://nyc3.digitaloceanspaces.com`; empty: AWS itself.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The key's public half; empty: taken from the `AWS_…` environment or the machine's role.
    pub access_key_id: String,
    /// The key's secret half.
    pub secret_access_key: SecretString,
    /// `true`: `bucket.host/key`; `false`: `host/bucket/key`.
    pub virtual_host: bool,
}
