//! Who is calling: the peer's address, or, when the peer is a proxy that the operator trusts, the one it names.
//!
//! `X-Forwarded-For` is read from the right and only as far as trusted proxies wrote it; anything further left could have
//! been written by the client itself.

use std::net::IpAddr;

use thiserror::Error;

/// Networks whose word about a client's address is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<Network>);

#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// An entry of `http.trusted_proxies` that is no address and no network.
#[derive(Debug, Error)]
#[error("http.trusted_proxies holds \"{0}\"; write an address such as 10.0.0.7 or a network such as 10.0.0.0/8")]
pub struct NoNetwork(String);

impl Proxies {
    /// Reads the setting.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, NoNetwork> {
        entries.iter().map(|entry| network(entry).ok_or_else(|| NoNetwork(entry.clone()))).collect::<Result<_, _>>().map(Self)
    }

    /// The client's address, given the peer's and the `X-Forwarded-For` headers joined by commas.
    pub(crate) fn client(&self, peer: IpAddr, forwarded: &str) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in forwarded.rsplit(',') {
            if !self.trusts(client) {
                break;
            }
            let Ok(named) = hop.trim().parse::<IpAddr>() else { break };
            client = named.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.address.is_ipv4() == address.is_ipv4() && masked(address, network.bits) == network.address)
    }
}

fn network(entry: &str) -> Option<Network> {
    let (address, bits) = entry.split_once('/').map_or((entry, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)?;
    Some(Network { address: masked(address, bits), bits })
}

/// The address with all but its first `bits` bits cleared.
pub(crate) fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &str) -> String {
        let proxies = Proxies::parse(&trusted.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).expect("networks");
        proxies.client(peer.parse().expect("an address"), forwarded).to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "1.2.3.4", "9.9.9.9"), "1.2.3.4");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_client_cannot_add_to_it() {
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "9.9.9.9"), "9.9.9.9");
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "6.6.6.6, 9.9.9.9, 10.2.2.2"), "9.9.9.9");
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", "nonsense"), "10.1.1.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.1.1.1", ""), "10.1.1.1");
        assert_eq!(client(&["::1", "fd00::/8"], "::1", "2001:db8::1, fd00::2"), "2001:db8::1");
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.1.1.1", "9.9.9.9"), "9.9.9.9");
    }

    #[test]
    fn entries_that_are_no_networks_are_refused() {
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(Proxies::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
