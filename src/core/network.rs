//! Networks: the addresses that something is meant for. One notion for keys, trusted proxies and fetching.

use std::net::IpAddr;

use ipnet::IpNet;

/// How many bits of an IPv6 address say that it is an IPv4 one (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

/// A network such as `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address lies in it. An IPv4 address that is written as IPv6 counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| format!("\"{text}\" is no address such as 10.0.0.7 and no network such as 10.0.0.0/8"))?;
        Ok(Self(canonical(network).trunc()))
    }
}

/// A network of IPv4 addresses that are written as IPv6 is one of IPv4: addresses are looked up as what they are.
fn canonical(network: IpNet) -> IpNet {
    let (bits, address) = (network.prefix_len().checked_sub(MAPPED_BITS), network.addr().to_canonical());
    bits.filter(|_| network.addr().is_ipv6() && address.is_ipv4()).and_then(|bits| IpNet::new(address, bits).ok()).unwrap_or(network)
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().expect("a network").contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_holds_its_addresses_and_an_address_itself() {
        assert!(contains("10.0.0.0/8", "10.255.0.1") && contains("10.1.2.3/8", "10.9.9.9"));
        assert!(contains("10.0.0.7", "10.0.0.7") && !contains("10.0.0.7", "10.0.0.8"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1") && !contains("2001:db8::/32", "10.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1") && contains("::ffff:10.0.0.0/104", "10.1.1.1"));
        assert!(contains("::ffff:10.0.0.7", "10.0.0.7") && !contains("::ffff:10.0.0.7", "10.0.0.8"));
        assert!(!contains("0.0.0.0/0", "::1"));
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for (text, written) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.7", "10.0.0.7/32"),
            ("::1", "::1/128"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.7", "10.0.0.7/32"),
        ] {
            let network: Network = text.parse().expect("a network");
            assert_eq!(network.to_string(), written);
            assert_eq!(written.parse(), Ok(network));
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
