//! The `[fetch]` section of the configuration. `config.toml` is the manual.

use secrecy::SecretString;
use serde::Deserialize;
use touchstone_core::list::{numbers, strings};

/// `[fetch]`: which foreign URLs are fetched, and how patiently.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Networks (`10.1.0.0/16`) and addresses that may be fetched from although they are not public.
    #[serde(deserialize_with = "strings")]
    pub allow: Vec<String>,
    /// Ports that a URL may name.
    #[serde(deserialize_with = "numbers")]
    pub ports: Vec<u16>,
    /// Seconds that one fetch may take, redirects included.
    pub seconds: u64,
    /// Seconds that one connection may take to be made.
    pub connect_seconds: u64,
    /// Fetches that one node has under way at once.
    pub concurrent: usize,
    /// Fetches that one organisation has under way at once on one node.
    pub concurrent_per_organization: usize,
    /// Name servers, `address` or `address:port`; empty: the system's resolver.
    #[serde(deserialize_with = "strings")]
    pub nameservers: Vec<String>,
    /// The proxy through which everything is fetched; empty: none, whatever the environment says.
    pub proxy: SecretString,
    /// A PEM file with root certificates that are trusted beside the system's; empty: none.
    pub ca_file: String,
}
