//! What may stand in a URL that is fetched, checked before every request, the ones after redirects included.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::{FetchError, address::Addresses};

/// Longest URL that is asked for, in bytes: what most servers take.
const LONGEST: usize = 8192;

/// What a URL must be.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The ports that it may name; `None`: any.
    pub(super) ports: Option<Vec<u16>>,
    /// The addresses that it may hold as its host.
    pub(super) addresses: Addresses,
    /// Hosts that are never fetched, in lower case.
    pub(super) never: Vec<String>,
    /// A proxy resolves the names, so that what is wrong with them must be seen here.
    pub(super) proxied: bool,
}

impl Rules {
    /// Checks everything that can be checked without asking anybody.
    ///
    /// # Errors
    /// Which rule the URL breaks.
    pub(crate) fn check(&self, url: &Url) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Scheme);
        }
        if url.as_str().len() > LONGEST {
            return Err(FetchError::Long);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if self.ports.as_ref().is_some_and(|ports| !ports.contains(&port)) {
            return Err(FetchError::Port(port));
        }
        if url.host_str().is_some_and(|host| self.never.iter().any(|never| never == host.trim_end_matches('.'))) {
            return Err(FetchError::Ours);
        }
        // A connection to an address asks no resolver, so the address is checked here. The parser knows all its spellings.
        literal(url, self.proxied).map_or(Ok(()), |address| Ok(self.addresses.check(address)?))
    }
}

/// The address that the URL names without a resolver. For a proxy's resolver, localhost is one.
fn literal(url: &Url, proxied: bool) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            (proxied && (name == "localhost" || name.ends_with(".localhost"))).then_some(Ipv4Addr::LOCALHOST.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(proxied: bool) -> Rules {
        Rules { ports: Some(vec![80, 443]), addresses: Addresses::default(), never: vec!["uploads.example.org".into()], proxied }
    }

    fn refused(url: &str) -> Option<String> {
        rules(false).check(&Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))).err().map(|error| error.to_string())
    }

    #[test]
    fn ordinary_urls_are_fine() {
        for url in [
            "https://example.com/a.jpg?x=1#y",
            "http://example.com:80",
            "http://8.8.8.8/",
            "https://[2606:4700::1]/",
            "http://bücher.example/",
        ] {
            assert_eq!(refused(url), None, "{url}");
        }
    }

    #[test]
    fn an_address_is_recognised_in_every_spelling() {
        // X9
        let inside = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0x7f000001",
            "0X7F.0.0.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "１２７.０.０.１",
            "127。0。0。1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
            "10.0.0.1",
            "10.1",
            "192.168.1.1",
            "100.100.100.200",
            "%31%32%37.0.0.1",
            "①②⑦.0.0.1",
        ];
        for host in inside {
            let why = refused(&format!("http://{host}/")).unwrap_or_else(|| panic!("{host} was let through"));
            assert!(why.ends_with("is not public"), "{host}: {why}");
        }
    }

    #[test]
    fn anything_but_plain_web_addresses_is_refused() {
        // X9
        for url in
            ["ftp://example.com/a.jpg", "file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://example.com", "blob:https://x/y"]
        {
            assert_eq!(refused(url).as_deref(), Some("the scheme is neither http nor https"), "{url}");
        }
        for url in ["http://user@example.com/", "http://:pw@example.com/", "https://user:pw@127.0.0.1/"] {
            assert_eq!(refused(url).as_deref(), Some("there are credentials in the URL"), "{url}");
        }
        for (url, port) in [("http://example.com:22/", 22), ("https://example.com:8443/", 8443), ("http://example.com:0/", 0)] {
            assert_eq!(refused(url), Some(format!("port {port} is not allowed")), "{url}");
        }
        assert!(refused(&format!("http://example.com/{}", "x".repeat(LONGEST))).is_some());
        for url in ["https://uploads.example.org/x.jpg", "https://UPLOADS.example.org./x.jpg"] {
            assert_eq!(refused(url).as_deref(), Some("the host is one that is never fetched"), "{url}");
        }
    }

    #[test]
    fn a_proxy_is_not_asked_for_this_machine() {
        for url in ["http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://127.0.0.1/"] {
            assert!(rules(true).check(&Url::parse(url).expect("a URL")).is_err(), "{url}");
        }
        assert!(rules(true).check(&Url::parse("http://localhost.example/").expect("a URL")).is_ok());
    }
}
