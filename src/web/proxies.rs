//! Who is calling: the peer's address, or, when the peer is a proxy that the operator trusts, the one it names.
//!
//! `X-Forwarded-For` is read from the right and only as far as trusted proxies wrote it; anything further left could have
//! been written by the client itself. A trusted proxy that names nobody, or somebody unreadable, leaves the client unknown: it
//! never counts as the proxy, whose address may open more than its own.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use touchstone_core::network::Network;

/// Networks whose word about a client's address is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<Network>);

/// An entry of `http.trusted_proxies` that is no address and no network.
#[derive(Debug, Error)]
#[error("http.trusted_proxies: {0}")]
pub struct NoNetwork(String);

impl Proxies {
    /// Reads the setting.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, NoNetwork> {
        entries.iter().map(|entry| entry.parse().map_err(NoNetwork)).collect::<Result<_, _>>().map(Self)
    }

    /// The client's address, given the peer's and the `X-Forwarded-For` headers joined by commas; `None`: nobody knows it.
    pub(crate) fn client(&self, peer: IpAddr, forwarded: &str) -> Option<IpAddr> {
        let mut client = peer.to_canonical();
        for hop in forwarded.rsplit(',') {
            if !self.trusts(client) {
                break;
            }
            client = named(hop.trim())?.to_canonical();
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// An address as proxies write it: with a port or without, an IPv6 one in brackets or bare.
fn named(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &str) -> String {
        let proxies = Proxies::parse(&trusted.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).expect("networks");
        let client = proxies.client(peer.parse().expect("an address"), forwarded);
        client.map_or_else(|| "unknown".into(), |client| client.to_string())
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "1.2.3.4", "9.9.9.9"), "1.2.3.4");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_client_cannot_add_to_it() {
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "9.9.9.9"), "9.9.9.9");
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "6.6.6.6, 9.9.9.9, 10.2.2.2"), "9.9.9.9");
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "10.2.2.2"), "10.2.2.2");
        assert_eq!(client(&["::1", "fd00::/8"], "::1", "2001:db8::1, fd00::2"), "2001:db8::1");
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.1.1.1", "9.9.9.9"), "9.9.9.9");
    }

    // V7
    #[test]
    fn a_client_that_a_trusted_proxy_does_not_name_is_unknown_and_never_the_proxy() {
        for forwarded in ["", "unknown", "nonsense", "9.9.9.9, \u{fffd}", "9.9.9.9, \u{fffd}, 10.2.2.2", "9.9.9.9,", "_hidden", "[9.9.9.9"]
        {
            assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", forwarded), "unknown", "{forwarded}");
        }
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "\u{fffd}, 9.9.9.9"), "9.9.9.9", "further left the client itself wrote");
    }

    #[test]
    fn proxies_may_write_ports_and_brackets() {
        for (forwarded, named) in [
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ] {
            assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", forwarded), named);
        }
    }

    #[test]
    fn entries_that_are_no_networks_are_refused() {
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(Proxies::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
