//! What happens to every request, whatever its route: it gets a name and a span, is turned away while the server drains,
//! is counted, and its answer gets the headers that all answers have.
//!
//! Neither paths nor queries are logged here: both can hold capabilities, such as a document's id. The route's pattern is. What goes wrong
//! with a document is logged where it does, by the document's id, for the operator to find it.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use tracing::{Instrument, field};

use crate::{
    api::v1,
    errors::Failure,
    metrics,
    request_id::{self, RequestId},
    site::Site,
};

/// Routes that answer while the server drains: they say so themselves.
const ALWAYS: [&str; 3] = ["/health", "/metrics", "/v1/health"];

/// Pages and the page's own door: other origins have no business with them.
const SAME_ORIGIN: [&str; 3] = ["/", "/try", "/metrics"];

/// The outermost layer.
pub(crate) async fn edge(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let span = tracing::info_span!("request", id = id.0, %method, key = field::Empty, test = field::Empty);
    let shared = !SAME_ORIGIN.contains(&request.path());
    let quiet = ALWAYS.contains(&request.path());
    let v1 = v1::edge::answers(request.path());
    let response = answer(request, next, shared, quiet).instrument(span.clone()).await?;
    let mut response = if v1 { span.in_scope(|| v1::edge::finish(response, &id)) } else { response };

    let status = response.status();
    let route = response.request().match_pattern().unwrap_or_else(|| "none".into());
    metrics::answered(&method, &route, status.as_u16(), started.elapsed());
    let ms = started.elapsed().as_millis() as u64;
    span.in_scope(|| match quiet {
        true => tracing::debug!(route, status = status.as_u16(), ms, "answered"),
        false => tracing::info!(route, status = status.as_u16(), ms, "answered"),
    });
    finish(response.headers_mut(), &id.0, shared);
    Ok(response)
}

async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    shared: bool,
    quiet: bool,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let draining = request.app_data::<Data<Site>>().and_then(|site| site.draining());
    if let Some(refusal) = draining.filter(|_| !quiet) {
        let mut response = HttpResponse::from_error(Failure::from(refusal));
        response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
        return Ok(request.into_response(response));
    }
    let asks_before = *request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if shared && asks_before {
        return Ok(request.into_response(preflight()));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// What a browser is told before it sends what it asks about. Keys travel in headers and bodies, never in cookies, so any
/// origin may ask.
fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "apikey, authorization, content-type, x-amz-acl, x-request-id"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// The headers that every answer has.
fn finish(headers: &mut HeaderMap, id: &str, shared: bool) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static(request_id::HEADER), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if shared {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let shown = HeaderValue::from_static(
            "X-Request-Id, Retry-After, X-Heatmap-Status, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
        );
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
}
