//! What goes wrong, as HTTP (row T16): the status, and a body that is always an object `{"error": …, "detail": …}`.
//!
//! `error` is the contract's sentence and `detail` the way out. Requests of a wrong form get FastAPI's 422, whose `detail` is
//! a list that names each field. Nothing that is not in [`Failure`] ever reaches a client.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use serde_json::Value;
use touchstone_core::refusal::{Kind, Refusal, human_bytes};
use utoipa::ToSchema;

/// Everything that a client can be told instead of an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What core's closed table says.
    Refusal(Refusal),
    /// The request has not the form that the operation needs: one entry a field.
    Invalid(Vec<Problem>),
    /// No such path.
    NoSuchPath,
    /// The path does not take this method, but these.
    WrongMethod(&'static str),
    /// The client takes no JSON, and there is nothing else.
    NotAcceptable,
    /// The JSON body is larger than this many bytes.
    BodyTooLarge(usize),
    /// The body stood still or took too long.
    BodyTooSlow,
    /// The body is of another content type than this.
    WrongMedia(&'static str),
    /// The document has no preview: none was asked for, or the image could not be judged.
    NoPreview,
    /// The document's preview could not be drawn.
    UndrawnPreview,
}

/// One thing that is wrong with a request, in FastAPI's form.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A stable name, such as `missing` or `string_type`.
    #[schema(example = "missing")]
    pub(crate) r#type: &'static str,
    /// Where: `body`, `query`, `header` or `path`, then the field.
    #[schema(example = json!(["body", "url"]))]
    pub(crate) loc: Vec<String>,
    /// What is wrong, for people.
    #[schema(example = "Field required")]
    pub(crate) msg: String,
    /// What was sent; null when nothing was, or when it could be a secret.
    pub(crate) input: Value,
}

/// The body of every refusal but 422.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What was wrong, in the contract's words.
    #[schema(example = "User verification failed")]
    pub(crate) error: String,
    /// The same said fully, with the way out.
    #[schema(example = "The API key is unknown. Check it, or ask your operator for a new one.")]
    pub(crate) detail: String,
}

/// The body of 422.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvalidBody {
    /// The first problem, in one sentence.
    #[schema(example = "body.url: Field required")]
    pub(crate) error: String,
    /// Every problem, in FastAPI's form.
    pub(crate) detail: Vec<Problem>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl Failure {
    /// A 422 that names one field.
    pub(crate) fn problem(r#type: &'static str, loc: &[&str], msg: &str, input: Value) -> Self {
        Self::Invalid(vec![Problem::new(r#type, loc, msg, input)])
    }

    /// Something of ours broke: it is logged under a reference, and the client is told only that.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        let reference = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(reference, %error, "an internal error was answered by its reference");
        Self::Refusal(Refusal::Internal { reference })
    }

    /// What the framework itself refused, by its status: its own words are not for strangers.
    pub(crate) fn unread(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NoSuchPath,
            status if status.is_client_error() => Self::problem("value_error", &["request"], "The request could not be read.", Value::Null),
            status => Self::internal(&format!("the framework answered {status}")),
        }
    }

    fn told(&self) -> (String, String) {
        let (error, detail) = match self {
            Self::Refusal(refusal) => return (refusal.sentence(), refusal.way_out()),
            Self::Invalid(problems) => return (first_sentence(problems), String::new()),
            Self::BodyTooLarge(most) => {
                return ("Request body too large".into(), format!("The JSON body may have at most {}.", human_bytes(*most as u64)));
            }
            Self::WrongMedia(expected) => return ("Unsupported media type".into(), format!("The Content-Type must be {expected}.")),
            Self::WrongMethod(allow) => return ("Method not allowed".into(), format!("This path takes {allow}.")),
            Self::NoSuchPath => ("Not found", "There is nothing under this path. GET /docs lists what there is."),
            Self::NotAcceptable => ("Not acceptable", "The answer is JSON. Send Accept: application/json, or leave Accept out."),
            Self::BodyTooSlow => ("Request timeout", "The request body did not arrive in time. Send it again."),
            Self::NoPreview => {
                ("Preview not found", "None was made: generate_preview was false, or the image failed. POST /query says whether it failed.")
            }
            Self::UndrawnPreview => ("Preview not found", "It could not be drawn. POST /query gives the verdict, which stands without it."),
        };
        (error.into(), detail.into())
    }
}

impl Problem {
    /// One problem; `loc` as FastAPI writes it.
    pub(crate) fn new(r#type: &'static str, loc: &[&str], msg: &str, input: Value) -> Self {
        Self { r#type, loc: loc.iter().map(|part| (*part).to_owned()).collect(), msg: msg.to_owned(), input }
    }
}

fn first_sentence(problems: &[Problem]) -> String {
    problems.first().map_or_else(|| "Invalid request".to_owned(), |first| format!("{}: {}", first.loc.join("."), first.msg))
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (error, detail) = self.told();
        write!(f, "{error}: {detail}")
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Refusal(refusal) => match refusal.kind() {
                Kind::Invalid => StatusCode::BAD_REQUEST,
                Kind::Unauthorized => StatusCode::UNAUTHORIZED,
                Kind::Forbidden => StatusCode::FORBIDDEN,
                Kind::NotFound => StatusCode::NOT_FOUND,
                Kind::Gone => StatusCode::GONE,
                Kind::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                Kind::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchPath | Self::NoPreview | Self::UndrawnPreview => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::WrongMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        match self {
            Self::Refusal(refusal) => {
                if let Kind::TooMany(wait) | Kind::Unavailable(wait) = refusal.kind() {
                    response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
                }
            }
            Self::WrongMethod(allow) => {
                response.insert_header((header::ALLOW, *allow));
            }
            _ => {}
        }
        let (error, detail) = self.told();
        match self {
            Self::Invalid(problems) => response.json(InvalidBody { error, detail: problems.clone() }),
            _ => response.json(ErrorBody { error, detail }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::body::to_bytes;

    use super::*;

    async fn answer(failure: Failure) -> (u16, Value, HttpResponse<()>) {
        let (head, body) = failure.error_response().into_parts();
        let bytes = to_bytes(body).await.expect("a body");
        (head.status().as_u16(), serde_json::from_slice(&bytes).expect("JSON"), head)
    }

    #[actix_web::test]
    async fn every_refusal_has_its_status_and_an_object_with_two_sentences() {
        // T16
        let wait = Duration::from_millis(300);
        for (refusal, status) in [
            (Refusal::EmptyUrl, 400),
            (Refusal::FileMissing, 400),
            (Refusal::VerificationFailed, 403),
            (Refusal::NotEnoughCredits, 403),
            (Refusal::NoSuchDocument, 404),
            (Refusal::Removed, 410),
            (Refusal::TooManyRequests { retry_after: wait }, 429),
            (Refusal::Busy { retry_after: wait }, 503),
            (Refusal::Internal { reference: "r1".into() }, 500),
        ] {
            let (got, body, head) = answer(refusal.into()).await;
            assert_eq!(got, status, "{body}");
            assert!(body["error"].is_string() && body["detail"].is_string(), "{body}");
            assert_eq!(head.headers().contains_key("retry-after"), matches!(status, 429 | 503));
            assert_eq!(head.headers().get("content-type").expect("a type"), "application/json");
        }
    }

    #[actix_web::test]
    async fn a_wrong_form_is_answered_in_fastapis_list() {
        let (status, body, _) = answer(Failure::problem("missing", &["body", "url"], "Field required", Value::Null)).await;
        assert_eq!(status, 422);
        assert_eq!(body["error"], "body.url: Field required");
        assert_eq!(
            body["detail"],
            serde_json::json!([{"type": "missing", "loc": ["body", "url"], "msg": "Field required", "input": null}])
        );
    }

    #[actix_web::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let (status, _, head) = answer(Failure::WrongMethod("POST")).await;
        assert_eq!((status, head.headers().get("allow").expect("a header").as_bytes()), (405, b"POST".as_slice()));
    }
}
