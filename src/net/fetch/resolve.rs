//! From a name to the addresses that a connection may go to. The HTTP client has no other way to an address, so what is
//! checked here is what is connected to: a name that answers differently the next time cannot slip in between.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::Addresses;

/// A resolver that answers only with addresses that may be fetched from.
pub(super) struct Guarded {
    /// `None`: the system's resolver, with its hosts file.
    resolver: Option<TokioResolver>,
    addresses: Addresses,
}

impl Guarded {
    /// Asks these name servers, or the system when there are none.
    pub(super) fn open(nameservers: &[String], addresses: Addresses) -> Result<Arc<Self>, String> {
        let resolver = if nameservers.is_empty() { None } else { Some(resolver(nameservers)?) };
        Ok(Arc::new(Self { resolver, addresses }))
    }
}

/// Looks every name up anew at these servers.
fn resolver(nameservers: &[String]) -> Result<TokioResolver, String> {
    let servers = nameservers.iter().map(|text| server(text)).collect::<Result<_, _>>()?;
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}

fn server(text: &str) -> Result<NameServerConfig, String> {
    let address: SocketAddr = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)))
        .map_err(|_| format!("holds \"{text}\", which is no address such as 192.0.2.1 or 192.0.2.1:53"))?;
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].into_iter().map(|mut connection| {
        connection.port = address.port();
        connection
    });
    Ok(NameServerConfig::new(address.ip(), true, connections.collect()))
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, addresses) = (self.resolver.clone(), self.addresses.clone());
        Box::pin(async move {
            let found = look_up(resolver, name.as_str()).await?;
            // One address inside spoils the name: whoever mixes them in is up to something.
            for address in &found {
                addresses.check(*address)?;
            }
            // Port 0 stands for the URL's own.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

async fn look_up(resolver: Option<TokioResolver>, name: &str) -> io::Result<Vec<IpAddr>> {
    match resolver {
        None => Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()),
        Some(resolver) => Ok(resolver.lookup_ip(name).await.map_err(io::Error::other)?.iter().collect()),
    }
}
