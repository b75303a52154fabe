//! The server as the composition root sees it: bound first, run later, stopped politely.

use std::{
    net::{IpAddr, TcpListener},
    pin::pin,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::Server, middleware::from_fn, web::Data};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use touchstone_billing::Billing;
use touchstone_moderation::Road;
use url::{Host, Url};

use crate::{
    console::model::Card,
    edge::edge,
    metrics,
    proxies::NoNetwork,
    routes,
    settings::Settings,
    site::{ModelFacts, Site},
};

/// How long an idle connection is kept for its next request, in seconds: longer than proxies usually do.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client that is still sending is listened to after its answer was written: closing at once would cut the answer.
const LINGER: Duration = Duration::from_secs(10);

/// Why the server could not be set up.
#[derive(Debug, Error)]
pub enum BindError {
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] NoNetwork),
    /// The listener cannot be used.
    #[error("the listener cannot be used")]
    Listener(#[from] std::io::Error),
}

/// A server that is bound and accepts no connection before [`Bound::run_until`].
pub struct Bound {
    server: Server,
    site: Data<Site>,
}

/// Builds the server on a listener that is bound already. `model` is what judges here, if anything does, and
/// `card` is what is told of it. Must be called on the runtime that is to run the road.
///
/// # Errors
/// When a setting makes no sense or the listener cannot be used.
pub fn bind(
    listener: TcpListener,
    settings: &Settings,
    road: Road,
    billing: Billing,
    model: Option<ModelFacts>,
    card: Option<Card>,
) -> Result<Bound, BindError> {
    let public = is_public(listener.local_addr()?.ip(), road.public_url());
    let recorder = if settings.metrics { metrics::install() } else { None };
    let site = Data::new(Site::new(road, billing, settings, public, (model, card), recorder)?);
    let shared = site.clone();
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).wrap(from_fn(edge)).configure(routes::table))
        .workers(workers)
        .max_connections(settings.max_connections.div_ceil(workers))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::from_secs(settings.head_seconds))
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(settings.drain_seconds)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(Bound { server, site })
}

impl Bound {
    /// Serves until `stop` is cancelled. Then everybody who asks is told 503 for `drain_notice_seconds`, so that a load
    /// balancer notices; then the port closes and what is under way has `drain_seconds` to finish.
    ///
    /// # Errors
    /// When the server ends by itself.
    pub async fn run_until(self, stop: CancellationToken) -> std::io::Result<()> {
        let Self { server, site } = self;
        let handle = server.handle();
        let mut server = pin!(server);
        tokio::select! {
            ended = &mut server => return ended,
            () = upkeep(&site) => {}
            () = stop.cancelled() => {}
        }
        site.drain();
        let notice = Duration::from_secs(site.settings.drain_notice_seconds);
        tokio::select! {
            ended = &mut server => return ended,
            () = tokio::time::sleep(notice) => {}
        }
        let ((), ended) = tokio::join!(handle.stop(true), server);
        ended
    }
}

/// Keeps the metrics' memory bounded. Never ends.
async fn upkeep(site: &Site) {
    loop {
        tokio::time::sleep(metrics::UPKEEP).await;
        site.upkeep();
    }
}

/// Whether the public can reach the listener: it is not on loopback, or a public URL says that a proxy stands before it.
fn is_public(listens_on: IpAddr, public_url: &str) -> bool {
    let named = Url::parse(public_url).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    let elsewhere = match named {
        Some(Host::Ipv4(address)) => !address.is_loopback(),
        Some(Host::Ipv6(address)) => !address.is_loopback(),
        Some(Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        None => false,
    };
    !listens_on.is_loopback() || elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_listener_behind_a_public_name_is_public() {
        let cases = [
            ("127.0.0.1", "http://127.0.0.1:8080", false),
            ("::1", "http://[::1]:8080", false),
            ("127.0.0.1", "http://localhost:8080", false),
            ("127.0.0.1", "https://detect.example.org", true),
            ("0.0.0.0", "http://127.0.0.1:8080", true),
        ];
        for (address, url, public) in cases {
            assert_eq!(is_public(address.parse().expect("an address"), url), public, "{address} {url}");
        }
    }
}
