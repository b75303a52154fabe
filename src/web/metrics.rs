//! What is counted about HTTP, and how it is shown (row O4). Labels are routes, never paths: a path can hold a capability.

use std::{sync::OnceLock, time::Duration};

use actix_web::http::Method;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "touchstone_http_requests_total";
const SECONDS: &str = "touchstone_http_request_seconds";

/// Bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How often what was measured is folded into the histograms, so that memory stays bounded when nobody scrapes.
pub(crate) const UPKEEP: Duration = Duration::from_secs(15);

/// Makes this process' metrics readable; `None`, with a log line, when something else in the process took them first.
pub(crate) fn install() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| build().inspect_err(|error| tracing::warn!(%error, "there will be no /metrics")).ok()).clone()
}

fn build() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let handle = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?.install_recorder()?;
    metrics::describe_counter!(REQUESTS, "HTTP requests answered, by method, route and status");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "Time to the first byte of an answer, by route");
    Ok(handle)
}

/// Counts one answered request.
pub(crate) fn answered(method: &Method, route: &str, status: u16, took: Duration) {
    let labels = [("method", known(method).to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(SECONDS, "route" => route.to_owned()).record(took.as_secs_f64());
}

/// Anybody can invent methods; labels must stay few.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
