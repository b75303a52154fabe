//! What goes wrong, in `/v1`'s words (row V9): one of eleven codes, a message for people, the parameter that it is about, and the
//! request's id. One function maps whatever the rest of the server refuses.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use touchstone_core::{
    day::Day,
    key::Denial,
    refusal::{Kind, Refusal, human_bytes},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{
    errors::{Failure, Problem},
    request_id::RequestId,
    site::Site,
};

/// What a handler under `/v1` fails with: what the rest of the server says, and which parameter it is about.
#[derive(Debug)]
pub(crate) struct V1Failure {
    failure: Failure,
    param: Option<String>,
}

impl V1Failure {
    /// A request of a wrong form: 400 `invalid_request`.
    pub(crate) fn invalid(param: &str, message: &str) -> Self {
        Failure::Invalid(vec![Problem::new("value_error", &["body", param], message, serde_json::Value::Null)]).into()
    }

    /// The same failure, about this parameter.
    pub(crate) fn about(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    /// Whether it is no fault of what was sent: then trying again later may do.
    pub(super) fn is_ours(&self) -> bool {
        let status = told(&self.failure).status;
        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
    }

    /// The same failure; where it is about the image, about the parameter that it came in.
    pub(crate) fn about_image(self, param: &str) -> Self {
        let of_image = matches!(
            self.failure,
            Failure::Refusal(
                Refusal::FileTooSmall { .. }
                    | Refusal::ImageTooLarge { .. }
                    | Refusal::UnknownFormat
                    | Refusal::Undecodable { .. }
                    | Refusal::Unfetchable { .. }
                    | Refusal::EmptyUrl
            )
        );
        if of_image { self.about(param) } else { self }
    }
}

impl From<Failure> for V1Failure {
    fn from(failure: Failure) -> Self {
        Self { failure, param: None }
    }
}

impl From<Refusal> for V1Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::from(refusal).into()
    }
}

impl std::fmt::Display for V1Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.failure.fmt(f)
    }
}

impl ResponseError for V1Failure {
    fn status_code(&self) -> StatusCode {
        told(&self.failure).status
    }
}

/// The body of every refusal under `/v1`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct V1ErrorBody {
    /// What was wrong.
    pub(crate) error: V1Error,
}

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct V1Error {
    /// One of `invalid_request`, `image_too_large`, `image_unsupported_format`, `unauthorized`, `payment_required`, `forbidden`,
    /// `not_found`, `image_unfetchable`, `rate_limited`, `internal_error`, `service_unavailable`. It never changes its meaning.
    #[schema(example = "image_too_large")]
    pub(crate) code: String,
    /// For people. It may change.
    #[schema(example = "Image exceeds 20 MB limit (got 24.3 MB)")]
    pub(crate) message: String,
    /// The parameter that it is about; null when it is about none.
    #[schema(example = "image_url")]
    pub(crate) param: Option<String>,
    /// The request's id, also in the header `X-Request-Id` and in the server's log.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    pub(crate) request_id: String,
}

/// A failure in this dialect, before it belongs to a request.
struct Told {
    status: StatusCode,
    code: &'static str,
    message: String,
    param: Option<String>,
    retry_after: Option<u64>,
}

/// The answer to a request that failed.
pub(super) fn answer(failure: &V1Failure, site: &Site, id: &RequestId) -> HttpResponse {
    respond(&failure.failure, failure.param.as_deref(), site, id)
}

/// The same for what knows nothing of this dialect.
pub(super) fn answer_plain(failure: &Failure, site: &Site, id: &RequestId) -> HttpResponse {
    respond(failure, None, site, id)
}

/// A failure as one result among others tells it.
pub(crate) fn object(failure: &V1Failure, site: &Site, id: &RequestId) -> V1Error {
    written(told(&failure.failure), failure.param.as_deref(), site, id)
}

fn respond(failure: &Failure, param: Option<&str>, site: &Site, id: &RequestId) -> HttpResponse {
    let told = told(failure);
    let mut response = HttpResponseBuilder::new(told.status);
    if let Some(seconds) = told.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    match failure {
        Failure::WrongMethod(allow) => drop(response.insert_header((header::ALLOW, *allow))),
        _ if told.status == StatusCode::UNAUTHORIZED => drop(response.insert_header((header::WWW_AUTHENTICATE, "Bearer"))),
        _ => {}
    }
    response.json(V1ErrorBody { error: written(told, param, site, id) })
}

fn written(told: Told, param: Option<&str>, site: &Site, id: &RequestId) -> V1Error {
    let message = match told.status {
        StatusCode::SERVICE_UNAVAILABLE => format!("{} Status: {}", told.message, site.status_page()),
        _ => told.message,
    };
    V1Error { code: told.code.to_owned(), message, param: param.map(str::to_owned).or(told.param), request_id: id.0.clone() }
}

/// THE mapping.
fn told(failure: &Failure) -> Told {
    match failure {
        Failure::Refusal(refusal) => refused(refusal),
        Failure::Invalid(problems) => {
            let first = problems.first();
            let message = first.map_or_else(|| "The request has not the right form.".to_owned(), |first| first.msg.clone());
            Told { param: first.and_then(param_of), ..invalid(StatusCode::BAD_REQUEST, message) }
        }
        Failure::NoSuchPath => {
            plain(StatusCode::NOT_FOUND, "not_found", "There is nothing under this path. GET /docs lists what there is.")
        }
        Failure::NoPreview | Failure::UndrawnPreview => plain(StatusCode::NOT_FOUND, "not_found", failure.to_string()),
        Failure::WrongMethod(allow) => invalid(StatusCode::METHOD_NOT_ALLOWED, format!("This path takes {allow}.")),
        Failure::NotAcceptable => {
            invalid(StatusCode::NOT_ACCEPTABLE, "The answer is JSON. Send Accept: application/json, or leave it out.")
        }
        Failure::BodyTooLarge(most) => plain(
            StatusCode::BAD_REQUEST,
            "image_too_large",
            format!("The request body may have at most {}. Send image URLs, which take no room in it.", human_bytes(*most as u64)),
        ),
        Failure::BodyTooSlow => invalid(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive in time. Send it again."),
        Failure::WrongMedia(expected) => invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The Content-Type must be {expected}.")),
    }
}

fn refused(refusal: &Refusal) -> Told {
    let told = |status, code| Told { retry_after: wait(refusal), ..plain(status, code, sentence(refusal)) };
    match refusal {
        Refusal::VerificationFailed | Refusal::KeyRefused(Denial::Revoked | Denial::Expired) => {
            told(StatusCode::UNAUTHORIZED, "unauthorized")
        }
        Refusal::NotEnoughCredits => told(StatusCode::PAYMENT_REQUIRED, "payment_required"),
        Refusal::TestsUsedUp { .. } => told(StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        Refusal::FileTooLarge { .. } | Refusal::ImageTooLarge { .. } => told(StatusCode::BAD_REQUEST, "image_too_large"),
        Refusal::InvalidFileType { .. } | Refusal::UnsupportedImageType { .. } | Refusal::UnknownFormat => {
            told(StatusCode::BAD_REQUEST, "image_unsupported_format")
        }
        Refusal::Unfetchable { .. } => {
            Told { param: Some("image_url".to_owned()), ..told(StatusCode::UNPROCESSABLE_ENTITY, "image_unfetchable") }
        }
        other => match other.kind() {
            Kind::Invalid => told(StatusCode::BAD_REQUEST, "invalid_request"),
            Kind::Unauthorized => told(StatusCode::UNAUTHORIZED, "unauthorized"),
            Kind::Forbidden => told(StatusCode::FORBIDDEN, "forbidden"),
            Kind::NotFound | Kind::Gone => told(StatusCode::NOT_FOUND, "not_found"),
            Kind::TooMany(_) => told(StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Kind::Unavailable(_) => told(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable"),
            Kind::Internal => told(StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        },
    }
}

/// The way out, where it does not lead through the other dialects.
fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::VerificationFailed => "The API key is missing or unknown. Send Authorization: Bearer <your key>.".into(),
        Refusal::NotEnoughCredits => {
            "The credits do not cover this. GET /v1/usage shows what is left; your operator can grant more, or wait for the next month."
                .into()
        }
        Refusal::EmptyUrl => "It is no http(s) URL.".into(),
        Refusal::NoSuchDocument => "Nothing of yours has this id.".into(),
        Refusal::Unfetchable { .. } => "The URL did not return a valid image.".into(),
        Refusal::ImageTooLarge { .. } => refusal.sentence(),
        _ => refusal.way_out(),
    }
}

/// Whole seconds after which to try again.
fn wait(refusal: &Refusal) -> Option<u64> {
    match (refusal, refusal.kind()) {
        (Refusal::TestsUsedUp { .. }, _) => {
            let now = Timestamp::now();
            Some((Day::of(now).end().seconds() - now.seconds()).max(1).unsigned_abs())
        }
        (_, Kind::TooMany(wait) | Kind::Unavailable(wait)) => Some(wait.as_secs().max(1)),
        _ => None,
    }
}

/// The field that a problem is about: `body.images.3.image_url` is told as `images.3.image_url`.
fn param_of(problem: &Problem) -> Option<String> {
    let path = problem.loc.get(1..).unwrap_or_default().join(".");
    (!path.is_empty()).then_some(path)
}

fn plain(status: StatusCode, code: &'static str, message: impl Into<String>) -> Told {
    Told { status, code, message: message.into(), param: None, retry_after: None }
}

fn invalid(status: StatusCode, message: impl Into<String>) -> Told {
    plain(status, "invalid_request", message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // V9
    #[test]
    fn every_refusal_has_one_of_the_eleven_codes_and_its_status() {
        let wait = Duration::from_secs(3);
        let elsewhere = Denial::Elsewhere { client: None };
        for (refusal, status, code) in [
            (Refusal::EmptyUrl, 400, "invalid_request"),
            (Refusal::ImageTooLarge { most: 20 << 20, got: None }, 400, "image_too_large"),
            (Refusal::UnknownFormat, 400, "image_unsupported_format"),
            (Refusal::VerificationFailed, 401, "unauthorized"),
            (Refusal::KeyRefused(Denial::Revoked), 401, "unauthorized"),
            (Refusal::KeyRefused(Denial::Expired), 401, "unauthorized"),
            (Refusal::NotEnoughCredits, 402, "payment_required"),
            (Refusal::KeyRefused(elsewhere), 403, "forbidden"),
            (Refusal::KeyRefused(Denial::OutOfScope { needed: None }), 403, "forbidden"),
            (Refusal::NoSuchDocument, 404, "not_found"),
            (Refusal::Removed, 404, "not_found"),
            (Refusal::Unfetchable { least: 1, most: 2 }, 422, "image_unfetchable"),
            (Refusal::TooManyRequests { retry_after: wait }, 429, "rate_limited"),
            (Refusal::TestsUsedUp { most: 1 }, 429, "rate_limited"),
            (Refusal::Internal { reference: "r".into() }, 500, "internal_error"),
            (Refusal::Draining { retry_after: wait }, 503, "service_unavailable"),
        ] {
            let told = told(&Failure::from(refusal.clone()));
            assert_eq!((told.status.as_u16(), told.code), (status, code), "{refusal}");
            assert_eq!(told.retry_after.is_some(), matches!(status, 429 | 503), "{refusal}");
            assert!(!told.message.is_empty() && !told.message.contains("/query"), "{}", told.message);
        }
    }

    // V9
    #[test]
    fn a_problem_names_the_field_and_a_handler_may_name_another() {
        let told = told(&Failure::problem("missing", &["body", "images", "3", "image_url"], "Field required", serde_json::Value::Null));
        assert_eq!((told.status.as_u16(), told.param.as_deref()), (400, Some("images.3.image_url")));
        assert_eq!(V1Failure::from(Refusal::UnknownFormat).about("image").param.as_deref(), Some("image"));
    }
}
