//! Which addresses are public: a host that everybody can reach, and not something that only answers because we stand inside.
//!
//! For IPv4 the special blocks are listed and the rest is public; for IPv6 only what is handed out to the public
//! (2000::/3) is, less the special blocks within. An address that carries an IPv4 address inside counts as that one.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::{Ipv4Net, Ipv6Net};
use thiserror::Error;
use touchstone_core::network::Network;

/// The IPv4 blocks of the IANA special-purpose registry, and the one public address behind which a cloud keeps its metadata.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),        // this network
    v4([10, 0, 0, 0], 8),       // private
    v4([100, 64, 0, 0], 10),    // behind a carrier's NAT; Alibaba's metadata
    v4([127, 0, 0, 0], 8),      // loopback
    v4([168, 63, 129, 16], 32), // Azure's metadata
    v4([169, 254, 0, 0], 16),   // link-local; everybody's metadata
    v4([172, 16, 0, 0], 12),    // private
    v4([192, 0, 0, 0], 24),     // protocol assignments; Oracle's metadata
    v4([192, 0, 2, 0], 24),     // documentation
    v4([192, 88, 99, 0], 24),   // 6to4 relays
    v4([192, 168, 0, 0], 16),   // private
    v4([198, 18, 0, 0], 15),    // benchmarks
    v4([198, 51, 100, 0], 24),  // documentation
    v4([203, 0, 113, 0], 24),   // documentation
    v4([224, 0, 0, 0], 4),      // multicast
    v4([240, 0, 0, 0], 4),      // reserved, and broadcast
];

/// What is handed out to the public. Loopback, link-local, private (fc00::/7, with fd00:ec2::254), multicast lie outside.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// The special blocks within.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0], 23),     // protocol assignments: Teredo, ORCHID, benchmarks
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x2002, 0, 0], 16),     // 6to4: an IPv4 address inside, and a relay that nobody knows
    v6([0x3fff, 0, 0], 20),     // documentation
];

/// NAT64: the last four bytes are the IPv4 address that is reached.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c]: [u16; 3], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// An address that is not fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not public")]
pub struct NotPublic(pub(super) IpAddr);

/// The addresses that may be fetched from: the public ones, and those that the operator allows.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    allowed: Arc<[Network]>,
}

impl Addresses {
    /// Reads networks (`10.1.0.0/16`) and single addresses.
    pub(super) fn parse(allowed: &[String]) -> Result<Self, String> {
        Ok(Self {
            allowed: allowed
                .iter()
                .map(|text| text.parse().map_err(|wrong| format!("is wrong: {wrong}")))
                .collect::<Result<_, String>>()?,
        })
    }

    /// The address, if it may be fetched from.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), NotPublic> {
        let reached = reached(address);
        let may = is_public(reached) || self.allowed.iter().any(|network| network.contains(reached));
        if may { Ok(()) } else { Err(NotPublic(address)) }
    }
}

/// The address at which a connection really ends.
fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::from([a, b, c, d])
        }
        canonical => canonical,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|special| special.contains(&v4)),
        IpAddr::V6(v6) => PUBLIC_V6.contains(&v6) && !SPECIAL_V6.iter().any(|special| special.contains(&v6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], address: &str) -> bool {
        let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
        Addresses::parse(&allowed).expect("networks").check(address.parse().expect("an address")).is_ok()
    }

    /// The first and the last address of every block that is not public.
    const INSIDE: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "100.100.100.200",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.1",
        "192.0.2.255",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        // IPv6: unspecified, loopback, discard, private, metadata, link-local, site-local, multicast, documentation, not handed out.
        "::",
        "::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "2001:db8:ffff::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        // IPv4 inside IPv6: mapped, compatible, NAT64 (its own and local use), 6to4, Teredo.
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ];

    /// The neighbours of those blocks, and well-known hosts.
    const OUTSIDE: &[&str] = &[
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2001:200::1",
        "2001:db7::1",
        "2001:db9::1",
        "2003::1",
        "2a00::1",
        "3ffe::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ];

    #[test]
    fn what_is_inside_is_not_public_in_any_block() {
        // X9
        for address in INSIDE {
            assert!(!check(&[], address), "{address} must not be fetched from");
        }
    }

    #[test]
    fn what_is_outside_is_public_right_up_to_the_blocks() {
        for address in OUTSIDE {
            assert!(check(&[], address), "{address} is public");
        }
    }

    #[test]
    fn the_operator_opens_networks_and_nothing_beside_them() {
        // X9: fetch.allow
        let allowed = ["10.1.0.0/16", "192.168.7.7", "fd12::/16"];
        for address in ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "192.168.7.7", "fd12::1", "8.8.8.8"] {
            assert!(check(&allowed, address), "{address} is allowed");
        }
        for address in ["10.0.255.255", "10.2.0.0", "192.168.7.8", "127.0.0.1", "fd13::1", "::1"] {
            assert!(!check(&allowed, address), "{address} is not allowed");
        }
        assert_eq!(
            Addresses::parse(&["10.0.0.0/40".to_owned()]).expect_err("no network"),
            "is wrong: \"10.0.0.0/40\" is no address such as 10.0.0.7 and no network such as 10.0.0.0/8"
        );
    }
}
