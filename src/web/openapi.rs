//! The OpenAPI document: every operation with every status it can answer.
//!
//! Statuses that several operations share are named here once, and each operation lists the groups it belongs to. The groups
//! are types without values: they exist for the document alone.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, SchemaFormat,
        schema::Type,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::api::v1::{
    self,
    errors::{V1Error, V1ErrorBody},
};
use crate::{
    api::{
        billing::{events, sync, usage},
        truthscan::{assets, bulk, credits, detect, detect_url, health, help, presign, query, upload},
    },
    errors::{ErrorBody, InvalidBody, Problem},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Touchstone",
        description = "Tells camera images from AI-generated ones, and says why.\n\nThree steps: GET /get-presigned-url, PUT the file, POST /detect; then POST /query until `status` is `done` or `failed`. Or one: POST /detect-url with the public URL of an image. A ZIP of images goes the same way as an image, by POST /bulk-upload. Every refusal is an object with `error`, what was wrong, and `detail`, the way out."
    ),
    paths(
        presign::presign,
        upload::put,
        detect::detect,
        detect_url::detect_url,
        query::query,
        bulk::submit,
        bulk::query,
        assets::get_heatmap,
        assets::post_heatmap,
        assets::get_preview,
        assets::post_preview,
        credits::credits,
        usage::usage,
        sync::sync,
        events::take,
        health::health,
        health::metrics,
        help::help,
        v1::detect::detect,
        v1::batch::batch,
        v1::batch::in_background,
        v1::jobs::job,
        v1::detect::detection,
        v1::usage::usage,
        v1::health::health,
        v1::model::model,
        v1::receipts::receipt,
        v1::receipts::keys,
        v1::forensics::forensics,
        v1::c2pa::verify,
        v1::webhooks::create,
        v1::webhooks::list,
        v1::webhooks::show,
        v1::webhooks::change,
        v1::webhooks::delete,
        v1::webhooks::rotate,
        v1::webhooks::deliveries::test,
        v1::webhooks::deliveries::log,
        v1::webhooks::deliveries::replay,
    ),
    components(schemas(ErrorBody, InvalidBody, Problem, V1Error, V1ErrorBody)),
    modifiers(&Bearer),
    tags(
        (name = "Detection", description = "The three steps, and the answer."),
        (name = "Pictures", description = "Heatmaps and previews."),
        (name = "Account", description = "What an organisation has left."),
        (name = "Billing", description = "What an organisation used, and its way to Stripe."),
        (name = "Service", description = "How the server is."),
        (name = "v1", description = "The API of version 1: one call, one verdict. Keys go into `Authorization: Bearer …`; every refusal is `{\"error\": {code, message, param, request_id}}`; every answer carries `X-Request-Id` and `X-RateLimit-Limit`, `-Remaining` and `-Reset`."),
    )
)]
struct Document;

/// Adds how `/v1` is told who asks.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer =
            Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("An API key: `aidet_live_sk_…` or `aidet_test_sk_…`."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

/// The OpenAPI document as indented JSON.
///
/// # Errors
/// When it does not serialise, which a test excludes.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    Document::openapi().to_pretty_json()
}

/// A file's bytes: a body that is no JSON. A type without values, for the document alone.
pub(crate) enum File {}

impl PartialSchema for File {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).build().into()
    }
}

impl ToSchema for File {}

/// Declares a group of refusals.
macro_rules! group {
    ($(#[$doc:meta])* $name:ident: $(($status:literal, $schema:ident, $description:literal)),+ $(,)?) => {
        $(#[$doc])*
        pub(crate) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), refusal($status, stringify!($schema), $description)),)+])
            }
        }
    };
}

group!(
    /// The request makes no sense here.
    BadRequest: ("400", ErrorBody, "The request cannot be done as it is; `detail` says why")
);
group!(
    /// The link or URL is not honoured.
    Forbidden: ("403", ErrorBody, "Not allowed: the key, or the signature of the URL, is wrong or has expired, or the key is not for this")
);
group!(
    /// The operation needs the job secret.
    JobSecret: ("401", ErrorBody, "The job secret is wrong or missing, or the server has none")
);
group!(
    /// The operation needs a signature of Stripe's.
    Signed: ("401", ErrorBody, "It was not signed by Stripe just now, or the server does not know Stripe's secret")
);
group!(
    /// There is no such thing.
    NotFound: ("404", ErrorBody, "No such thing")
);
group!(
    /// It was here once.
    Gone: ("410", ErrorBody, "It was removed when its time was over, or erased")
);
group!(
    /// The path holds something that is no id.
    WrongPath: ("422", InvalidBody, "The request has not the right form")
);
group!(
    /// The operation needs a key.
    Keyed: ("403", ErrorBody, "The key is wrong, has expired, lacks the scope or is not used from its networks, or its organisation may not do this; `detail` says which"), ("422", InvalidBody, "The request has not the right form")
);
group!(
    /// The operation reads a JSON body.
    Bodied:
        ("408", ErrorBody, "The body did not arrive in time"),
        ("413", ErrorBody, "The body is too large"),
        ("422", InvalidBody, "The request has not the right form"),
);
group!(
    /// What can happen to every request.
    Everywhere:
        ("406", ErrorBody, "The client's Accept excludes what there is"),
        ("429", ErrorBody, "Too many requests; Retry-After says when to come back"),
        ("500", ErrorBody, "Our fault; `detail` holds a reference to quote"),
        ("503", ErrorBody, "No room, or shutting down; Retry-After says when to come back"),
);

group!(
    /// What can happen to every request under /v1.
    V1Everywhere:
        ("406", V1ErrorBody, "The client's Accept excludes what there is"),
        ("429", V1ErrorBody, "Too many requests; Retry-After says when to come back"),
        ("500", V1ErrorBody, "Our fault; `message` holds a reference to quote"),
        ("503", V1ErrorBody, "No room, or shutting down; Retry-After says when to come back, `message` where to read more"),
);
group!(
    /// The operation needs a Bearer key.
    V1Keyed:
        ("401", V1ErrorBody, "The key is missing, unknown, revoked or expired"),
        ("403", V1ErrorBody, "The key lacks the scope or is not used from its networks, or the plan does not allow this"),
);
group!(
    /// The operation reads a body.
    V1Bodied:
        ("400", V1ErrorBody, "The request has not the right form, or the image is too large or of no accepted format; `param` says which field"),
        ("408", V1ErrorBody, "The body did not arrive in time"),
        ("415", V1ErrorBody, "The body is of another content type"),
);
group!(
    /// The request makes no sense here, under /v1.
    V1BadRequest: ("400", V1ErrorBody, "The request cannot be done as it is; `message` says why")
);
group!(
    /// The operation judges.
    V1Judging:
        ("402", V1ErrorBody, "The credits do not cover it"),
        ("422", V1ErrorBody, "The URL did not return a valid image"),
);
group!(
    /// The operation fetches.
    V1Fetched: ("422", V1ErrorBody, "The URL did not return a valid image")
);
group!(
    /// The operation is about something that may not be there.
    V1NotFound: ("404", V1ErrorBody, "Nothing of yours has this id")
);

fn refusal(status: &str, schema: &str, description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    let mut response = ResponseBuilder::new().description(description).content("application/json", content);
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).build();
        let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait.")).build();
        response = response.header("Retry-After", header);
    }
    response.build().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi_json().expect("a document")).expect("JSON")
    }

    /// Every object of a JSON tree, with where it stands.
    fn objects<'a>(value: &'a Value, at: String, found: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(object) => {
                found.push((at.clone(), value));
                object.iter().for_each(|(name, inner)| objects(inner, format!("{at}/{name}"), found));
            }
            Value::Array(list) => list.iter().enumerate().for_each(|(n, inner)| objects(inner, format!("{at}/{n}"), found)),
            _ => {}
        }
    }

    #[test]
    fn no_schema_is_a_bare_object_and_every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        objects(&document, String::new(), &mut found);
        for (at, object) in found {
            if object["type"] == "object" {
                let told = object["properties"].is_object() || !object["additionalProperties"].is_null();
                assert!(told, "{at} is a bare object");
            }
            if let Some(reference) = object["$ref"].as_str() {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{at}: {reference} leads nowhere");
            }
        }
    }

    #[test]
    fn every_operation_says_what_can_happen_to_it() {
        let document = document();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let responses = operation["responses"].as_object().expect("responses");
                for status in ["2", "429", "500", "503"] {
                    assert!(responses.keys().any(|known| known.starts_with(status)), "{method} {path} lacks {status}");
                }
                for (status, response) in responses {
                    let (empty, content) = (path == "/blobs/uploads/{name}" && status == "200", &response["content"]);
                    assert!(empty || content.as_object().is_some_and(|content| !content.is_empty()), "{method} {path} {status}");
                }
                assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{method} {path}");
            }
        }
    }

    #[test]
    fn every_property_is_explained_or_speaks_for_itself() {
        let document = document();
        for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
            for (property, inner) in schema["properties"].as_object().into_iter().flatten() {
                let explained = inner["description"].is_string() || inner["oneOf"].is_array() || inner["$ref"].is_string();
                assert!(explained, "{name}.{property}");
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = document();
        let names: Vec<&str> = document["paths"]
            .as_object()
            .expect("paths")
            .values()
            .flat_map(|operations| operations.as_object().expect("operations").values())
            .filter_map(|operation| operation["operationId"].as_str())
            .collect();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    }
}
