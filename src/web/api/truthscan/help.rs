//! `/help`: how to use the server, for people and, with `?format=json`, for agents. Made from the OpenAPI document, so that
//! it cannot tell of an operation that does not exist.

use std::{fmt::Write, sync::LazyLock};

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{errors::Failure, fields::Params, openapi::Everywhere, openapi::openapi_json};

/// No script at all, and styles from the page alone.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What a reader should know that no single operation says.
const NOTES: [&str; 12] = [
    "Three steps: GET /get-presigned-url with your key, PUT the file to presigned_url with the Content-Type of its extension, POST /detect with your key and a url that ends in file_path.",
    "Accepted are JPG, JPEG, JFIF, PNG, WebP, HEIC, HEIF, AVIF, BMP, TIFF, TIF, GIF, SVG and PDF. Of several frames or pages the first is judged, and a warning says so. An SVG is drawn; of a PDF the first picture on its first 20 pages is judged, or page 1 when there is none.",
    "Then POST /query with the id until status is done or failed; twice a second is fine.",
    "An image that is on the web needs one step: POST /detect-url with your key and its public http(s) url waits for the verdict; /detect takes such a url as well.",
    "A ZIP of images goes the same way, with POST /bulk-upload in place of /detect: each image is judged and paid by itself, and what cannot be judged is listed in skipped with the reason.",
    "result is the likelihood of AI, 0 to 100, and the core verdict; unsure says when it lies too near the threshold to lean on.",
    "The heatmap is drawn after the verdict: poll on until heatmap_status is ready. analysis_results puts the verdict into words: poll on while analysis_results_status is analyzing; it ends as ready, or as skipped when its time is over.",
    "model is generic, or sheerid for documents and identity cards; an operator may run instances of either, named before a slash. Both answer with the profile that judged.",
    "Where an organisation's pictures are secure, POST /query gives links to them only with the owner's key; POST /heatmap/{id} and /preview/{id} always take that key.",
    "A key may be confined to scopes (detect, query, assets, credits, usage, webhooks) and to networks, and may expire: a 403 then tells its holder which it was.",
    "Under /v1 one call gives one verdict: POST /v1/detect with Authorization: Bearer and your key, and an image as image_url, as image_base64 or as a file in a form. Every refusal there is an object error with code, message, param and request_id.",
    "signals holds everything that the verdict rests on, and how much each weighed.",
];

/// How to use the server.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct HelpAnswer {
    /// The service's name.
    #[schema(example = "Touchstone")]
    service: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// What a reader should know.
    notes: Vec<&'static str>,
    /// Every operation.
    endpoints: Vec<Endpoint>,
}

/// One operation.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    /// The method.
    #[schema(example = "POST")]
    method: String,
    /// The path.
    #[schema(example = "/query")]
    path: String,
    /// What it does.
    #[schema(example = "Read a document's verdict, as far as it has come.")]
    summary: String,
}

/// Read how to use the server.
#[utoipa::path(
    get,
    path = "/help",
    tag = "Service",
    operation_id = "help",
    params(("format" = Option<String>, Query, nullable = false, description = "`json` for JSON; a page when left out.", example = "json")),
    responses((status = 200, description = "The help", content((HelpAnswer = "application/json"), (String = "text/html"))), Everywhere)
)]
pub(crate) async fn help(request: HttpRequest) -> Result<HttpResponse, Failure> {
    static HELP: LazyLock<Result<HelpAnswer, String>> = LazyLock::new(|| read_document().map_err(|error| error.to_string()));
    let help = HELP.as_ref().map_err(|error| Failure::internal(error))?;
    if Params::of(request.query_string()).get("format") == Some("json") {
        return Ok(HttpResponse::Ok().json(help));
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(page(help)))
}

fn read_document() -> Result<HelpAnswer, serde_json::Error> {
    let document: Value = serde_json::from_str(&openapi_json()?)?;
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| methods.as_object().into_iter().flatten().map(move |method| (path, method)));
    let endpoints = operations.map(|(path, (method, operation))| Endpoint {
        method: method.to_uppercase(),
        path: path.clone(),
        summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
    });
    Ok(HelpAnswer { service: "Touchstone", version: env!("CARGO_PKG_VERSION"), notes: NOTES.to_vec(), endpoints: endpoints.collect() })
}

/// The page. Everything on it is ours: nothing that a client sent is ever in it.
fn page(help: &HelpAnswer) -> String {
    let notes: String = help.notes.iter().map(|note| format!("<li>{note}</li>")).collect();
    let rows = help.endpoints.iter().fold(String::new(), |mut rows, Endpoint { method, path, summary }| {
        write!(rows, "<tr><td>{method}</td><td><code>{path}</code></td><td>{summary}</td></tr>").expect("a string takes everything");
        rows
    });
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Touchstone: help</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1d2126;background:#fbfaf7}}\
         td{{padding:.2rem .8rem .2rem 0;vertical-align:top}}</style>\
         <h1>Touchstone</h1><ol>{notes}</ol><table>{rows}</table>\
         <p><a href=/docs/>Interactive documentation</a> · <a href=/openapi.json>OpenAPI</a> · <a href=\"/help?format=json\">this page as JSON</a></p></html>"
    )
}
