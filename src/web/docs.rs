//! `/openapi.json`, and `/docs`: the interactive page, served from this binary alone.

use std::sync::{Arc, LazyLock};

use actix_web::{HttpResponse, http::header, web::Path};
use utoipa_swagger_ui::Config;

use crate::{errors::Failure, openapi::openapi_json};

/// The page's own scripts, and nothing from elsewhere. Swagger UI writes its styles inline and its icons as data.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The OpenAPI document.
pub(crate) async fn openapi() -> Result<HttpResponse, Failure> {
    static DOCUMENT: LazyLock<Result<String, String>> = LazyLock::new(|| openapi_json().map_err(|error| error.to_string()));
    let document = DOCUMENT.as_ref().map_err(|error| Failure::internal(error))?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(document.as_str()))
}

/// The page's files are found relative to `/docs/`.
pub(crate) async fn slash() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The page and its files.
pub(crate) async fn page(file: Path<String>) -> Result<HttpResponse, Failure> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from("/openapi.json").try_it_out_enabled(true).validator_url("none")));
    let file = utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG)).map_err(|error| Failure::internal(&error))?;
    let file = file.ok_or(Failure::NoSuchPath)?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response
        .insert_header((header::CONTENT_TYPE, file.content_type))
        .insert_header((header::CACHE_CONTROL, "max-age=3600"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(file.bytes.into_owned()))
}
