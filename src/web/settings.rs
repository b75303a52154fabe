//! The server's section of the configuration. `config.toml` is the manual: every key there, its default and one sentence.

use serde::Deserialize;

use crate::proxies::{NoNetwork, Proxies};

/// `[http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// Where clients reach the server; empty: `http://` and the address that is listened on.
    pub public_url: String,
    /// Threads that serve HTTP; 0: one for each core.
    pub workers: usize,
    /// Connections that may be open at once; more wait to be accepted.
    pub max_connections: usize,
    /// Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub trusted_proxies: Vec<String>,
    /// Most bytes of a JSON body.
    pub max_json_bytes: usize,
    /// Uploads through this server that may be under way at once; one more is refused with 503.
    pub concurrent_uploads: usize,
    /// Clients that wait for a verdict at once; one more is answered without waiting.
    pub concurrent_waits: usize,
    /// Seconds in which a request's head must have arrived.
    pub head_seconds: u64,
    /// Seconds that a body may stand still.
    pub stall_seconds: u64,
    /// Seconds in which a whole body must have arrived.
    pub body_seconds: u64,
    /// Requests a second of one organisation, lastingly; 0: no limit.
    pub organization_per_second: u32,
    /// Requests of one organisation at once.
    pub organization_burst: u32,
    /// Requests a second without a key of one client address, lastingly; 0: no limit.
    pub keyless_per_second: u32,
    /// Requests without a key of one client address at once.
    pub keyless_burst: u32,
    /// Whether `/` is the try-it page.
    pub try_it: TryIt,
    /// The organisation that pays for it.
    pub try_it_organization: String,
    /// Images a minute that one client address may try.
    pub try_it_per_minute: u32,
    /// Images a day that one client address may try: its cap of the organisation's credits.
    pub try_it_per_day: u32,
    /// Whether there is `/metrics` at all.
    pub metrics: bool,
    /// Whether it is also served where the public can reach it.
    pub metrics_on_public: bool,
    /// Seconds after a stop was asked for in which everybody is told 503, before the port closes.
    pub drain_notice_seconds: u64,
    /// Seconds that requests under way then have to finish.
    pub drain_seconds: u64,
}

impl Settings {
    /// Checks what only serving would find wrong.
    ///
    /// # Errors
    /// When `trusted_proxies` holds something that is no network.
    pub fn check(&self) -> Result<(), NoNetwork> {
        Proxies::parse(&self.trusted_proxies).map(drop)
    }
}

/// When the try-it page is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TryIt {
    /// Only where the public cannot reach it: listening on loopback, with no public URL elsewhere.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}
