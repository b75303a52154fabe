//! What every answer under `/v1` gets, whoever gave it: the shape of its error (row V9) and the headers of its limit (row V8).

use actix_web::{
    HttpMessage, HttpResponse,
    body::BoxBody,
    dev::ServiceResponse,
    http::header::{HeaderName, HeaderValue, RETRY_AFTER},
    web::Data,
};

use super::errors::{self, V1Failure};
use crate::{errors::Failure, extract::asker, limit::Standing, request_id::RequestId, site::Site};

/// Whether this dialect answers at this path.
pub(crate) fn answers(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// Gives an answer its dialect's shape.
pub(crate) fn finish(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let Some(site) = response.request().app_data::<Data<Site>>().cloned() else { return response };
    let told = told(&response, &site, id);
    let mut response = match told {
        Some(told) => response.into_response(told),
        None => response,
    };
    let counted = response.request().extensions().get::<Standing>().copied();
    // Who was not counted stands where strangers do, and takes nothing by being told so.
    let standing = counted.unwrap_or_else(|| site.limits.keyless.look(&asker(&site, response.request())));
    for (name, value) in standing.headers() {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    response
}

/// The dialect's answer in place of one that went wrong; `None` for one that did not.
fn told(response: &ServiceResponse<BoxBody>, site: &Site, id: &RequestId) -> Option<HttpResponse> {
    let error = response.response().error()?;
    if let Some(failure) = error.as_error::<V1Failure>() {
        return Some(errors::answer(failure, site, id));
    }
    if let Some(failure) = error.as_error::<Failure>() {
        return Some(errors::answer_plain(failure, site, id));
    }
    // The framework's own: a path or a header that it could not read. Its words are not for strangers.
    let mut answer = errors::answer_plain(&Failure::unread(response.status()), site, id);
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        answer.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    Some(answer)
}
