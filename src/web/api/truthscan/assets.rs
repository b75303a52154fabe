//! Heatmaps and previews: by signed link, or by POST with the owner's key (rows T7, T8, T10).

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    web::{Data, Path, Payload},
};
use secrecy::SecretString;
use serde::Serialize;
use touchstone_core::{ids::DocumentId, refusal::Refusal};
use touchstone_moderation::{Asset, AssetState};
use utoipa::ToSchema;

use super::schema::PictureStatus;
use crate::{
    errors::Failure,
    extract::{asker, header_key, json, require_either_key},
    fields::{Fields, Params, path_uuid},
    openapi::{Bodied, Everywhere, File, Forbidden, Gone, Keyed, NotFound, WrongPath},
    site::Site,
};

/// The header that says how far a heatmap has come.
const HEATMAP_STATUS: &str = "X-Heatmap-Status";

/// A picture needs nothing and may do nothing, also when it is opened as a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

/// Who asks.
#[derive(ToSchema)]
#[schema(as = AssetRequest)]
pub(crate) struct AssetBody {
    /// Your API key; may come in the `apikey` header instead.
    #[schema(value_type = Option<String>)]
    key: Option<SecretString>,
}

/// There is no picture, or none yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoPicture {
    /// The document.
    id: uuid::Uuid,
    /// How far the heatmap has come; null when none is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    heatmap_status: Option<Option<PictureStatus>>,
    /// How far the preview has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_status: Option<PictureStatus>,
    /// The same in a sentence.
    message: &'static str,
}

/// Fetch a heatmap by its link.
#[utoipa::path(
    get,
    path = "/heatmap/{id}",
    tag = "Pictures",
    operation_id = "getHeatmap",
    params(
        ("id" = uuid::Uuid, Path, description = "The document."),
        ("expires" = i64, Query, description = "As in heatmap_url."),
        ("signature" = String, Query, description = "As in heatmap_url."),
    ),
    responses(
        (status = 200, description = "The heatmap; JSON when none is made, or when it could not be drawn", content((inline(File) = "image/png"), (inline(File) = "image/jpeg"), (NoPicture = "application/json"))),
        (status = 202, description = "It is being drawn", body = NoPicture, content_type = "application/json"),
        Forbidden, NotFound, Gone, WrongPath, Everywhere
    )
)]
pub(crate) async fn get_heatmap(site: Data<Site>, request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Failure> {
    by_link(&site, &request, &path, Asset::Heatmap).await
}

/// Fetch a preview by its link.
#[utoipa::path(
    get,
    path = "/preview/{id}",
    tag = "Pictures",
    operation_id = "getPreview",
    params(
        ("id" = uuid::Uuid, Path, description = "The document."),
        ("expires" = i64, Query, description = "As in preview_url."),
        ("signature" = String, Query, description = "As in preview_url."),
    ),
    responses(
        (status = 200, description = "The preview", content((inline(File) = "image/jpeg"), (inline(File) = "image/png"), (inline(File) = "image/webp"))),
        (status = 202, description = "It is being drawn", body = NoPicture, content_type = "application/json"),
        Forbidden, NotFound, Gone, WrongPath, Everywhere
    )
)]
pub(crate) async fn get_preview(site: Data<Site>, request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Failure> {
    by_link(&site, &request, &path, Asset::Preview).await
}

/// Fetch a heatmap with a key.
#[utoipa::path(
    post,
    path = "/heatmap/{id}",
    tag = "Pictures",
    operation_id = "postHeatmap",
    params(
        ("id" = uuid::Uuid, Path, description = "The document."),
        ("apikey" = Option<String>, Header, nullable = false, description = "Your API key, when it is not in the body."),
    ),
    request_body = Option<AssetBody>,
    responses(
        (status = 200, description = "The heatmap; JSON when none is made, or when it could not be drawn", content((inline(File) = "image/png"), (inline(File) = "image/jpeg"), (NoPicture = "application/json"))),
        (status = 202, description = "It is being drawn", body = NoPicture, content_type = "application/json"),
        Keyed, NotFound, Gone, Bodied, Everywhere
    )
)]
pub(crate) async fn post_heatmap(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    by_key(&site, &request, &path, payload, Asset::Heatmap).await
}

/// Fetch a preview with a key.
#[utoipa::path(
    post,
    path = "/preview/{id}",
    tag = "Pictures",
    operation_id = "postPreview",
    params(
        ("id" = uuid::Uuid, Path, description = "The document."),
        ("apikey" = Option<String>, Header, nullable = false, description = "Your API key, when it is not in the body."),
    ),
    request_body = Option<AssetBody>,
    responses(
        (status = 200, description = "The preview", content((inline(File) = "image/jpeg"), (inline(File) = "image/png"), (inline(File) = "image/webp"))),
        (status = 202, description = "It is being drawn", body = NoPicture, content_type = "application/json"),
        Keyed, NotFound, Gone, Bodied, Everywhere
    )
)]
pub(crate) async fn post_preview(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    by_key(&site, &request, &path, payload, Asset::Preview).await
}

async fn by_link(site: &Site, request: &HttpRequest, path: &str, asset: Asset) -> Result<HttpResponse, Failure> {
    site.limits.keyless.ask(&asker(site, request))?;
    let id = DocumentId(path_uuid("id", path)?);
    let params = Params::of(request.query_string());
    let expires = params.get("expires").and_then(|text| text.parse().ok()).ok_or(Refusal::BadLink)?;
    site.pure_road().check_asset_link(id, asset, expires, params.get("signature").unwrap_or_default())?;
    serve(site, id, asset).await
}

async fn by_key(site: &Site, request: &HttpRequest, path: &str, payload: Payload, asset: Asset) -> Result<HttpResponse, Failure> {
    let id = DocumentId(path_uuid("id", path)?);
    let body = read(json(site, payload).await?)?;
    let key = require_either_key(body.key, header_key(request))?;
    let caller = site.caller(key, request).await?;
    let document = site.road(|road| async move { road.document(id).await }).await?.ok_or(Refusal::NoSuchDocument)?;
    if document.organization.id != caller.organization.id {
        return Err(Refusal::NotYours.into());
    }
    serve(site, id, asset).await
}

fn read(mut fields: Fields) -> Result<AssetBody, Failure> {
    let body = AssetBody { key: fields.secret() };
    fields.done().map(|()| body)
}

async fn serve(site: &Site, id: DocumentId, asset: Asset) -> Result<HttpResponse, Failure> {
    match site.road(|road| async move { road.asset(id, asset).await }).await? {
        AssetState::Ready { bytes, content_type } => Ok(picture(id, asset, bytes, &content_type)),
        AssetState::Pending => {
            Ok(no_picture(StatusCode::ACCEPTED, id, asset, Some(PictureStatus::Pending), "It is being drawn. Ask again."))
        }
        AssetState::Lost => Err(Failure::internal(&format!("the object store has lost {} of {id}", name(asset)))),
        AssetState::None => without(id, asset),
        AssetState::Failed => undrawn(id, asset),
    }
}

/// None was asked for, or the verdict needs none.
fn without(id: DocumentId, asset: Asset) -> Result<HttpResponse, Failure> {
    match asset {
        Asset::Heatmap => Ok(no_picture(StatusCode::OK, id, asset, None, "No heatmap is made for this document.")),
        Asset::Preview => Err(Failure::NoPreview),
    }
}

/// It was wanted, and drawing it went wrong.
fn undrawn(id: DocumentId, asset: Asset) -> Result<HttpResponse, Failure> {
    match asset {
        Asset::Heatmap => Ok(no_picture(StatusCode::OK, id, asset, Some(PictureStatus::Failed), "The heatmap could not be drawn.")),
        Asset::Preview => Err(Failure::UndrawnPreview),
    }
}

/// What we draw: type, extension, and whether a browser may show it.
const DRAWN: [(&str, &str, &str); 3] = [("image/png", "png", "inline"), ("image/jpeg", "jpg", "inline"), ("image/webp", "webp", "inline")];

/// What we never draw: whatever the record calls it, it is handed over as bytes to be saved, never as a page or an SVG.
const UNKNOWN: (&str, &str, &str) = ("application/octet-stream", "bin", "attachment");

/// The bytes, so that no browser does anything with them but show them.
fn picture(id: DocumentId, asset: Asset, bytes: bytes::Bytes, content_type: &str) -> HttpResponse {
    let known = DRAWN.into_iter().find(|(drawn, ..)| *drawn == content_type);
    let (content_type, extension, disposition) = known.unwrap_or(UNKNOWN);
    let mut response = HttpResponse::Ok();
    if asset == Asset::Heatmap {
        response.insert_header((HEATMAP_STATUS, "ready"));
    }
    response
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CONTENT_DISPOSITION, format!("{disposition}; filename=\"{}-{id}.{extension}\"", name(asset))))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::CACHE_CONTROL, "private, max-age=600"))
        .body(bytes)
}

fn no_picture(status: StatusCode, id: DocumentId, asset: Asset, progress: Option<PictureStatus>, message: &'static str) -> HttpResponse {
    let mut response = HttpResponseBuilder::new(status);
    let (heatmap_status, preview_status) = match asset {
        Asset::Heatmap => (Some(progress), None),
        Asset::Preview => (None, progress),
    };
    if let Some(Some(progress)) = heatmap_status {
        response.insert_header((HEATMAP_STATUS, if progress == PictureStatus::Pending { "pending" } else { "failed" }));
    }
    response.json(NoPicture { id: id.0, heatmap_status, preview_status, message })
}

const fn name(asset: Asset) -> &'static str {
    match asset {
        Asset::Heatmap => "heatmap",
        Asset::Preview => "preview",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError, body::to_bytes};
    use serde_json::{Value, json};

    use super::*;

    async fn told(outcome: Result<HttpResponse, Failure>) -> (u16, Option<String>, Value) {
        let response = outcome.unwrap_or_else(|failure| failure.error_response());
        let status = response.status().as_u16();
        let header = response.headers().get(HEATMAP_STATUS).map(|value| value.to_str().expect("text").to_owned());
        let bytes = to_bytes(response.into_body()).await.expect("a body");
        (status, header, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[actix_web::test]
    async fn a_heatmap_that_is_not_made_differs_from_one_that_could_not_be_drawn() {
        // T7, T10
        let id = DocumentId::random();
        let (status, header, body) = told(without(id, Asset::Heatmap)).await;
        assert_eq!((status, header), (200, None));
        assert_eq!(body, json!({"id": id, "heatmap_status": null, "message": "No heatmap is made for this document."}));
        let (status, header, body) = told(undrawn(id, Asset::Heatmap)).await;
        assert_eq!((status, header.as_deref()), (200, Some("failed")));
        assert_eq!(body, json!({"id": id, "heatmap_status": "failed", "message": "The heatmap could not be drawn."}));
    }

    #[actix_web::test]
    async fn only_a_preview_that_was_not_asked_for_is_blamed_on_the_request() {
        // T8, T10
        let id = DocumentId::random();
        for (outcome, blamed) in [(without(id, Asset::Preview), true), (undrawn(id, Asset::Preview), false)] {
            let (status, header, body) = told(outcome).await;
            assert_eq!((status, header), (404, None), "{body}");
            assert_eq!(body["detail"].as_str().expect("a sentence").contains("generate_preview"), blamed, "{body}");
            assert_eq!(body["detail"].as_str().expect("a sentence").contains("could not be drawn"), !blamed, "{body}");
        }
    }

    #[test]
    fn whatever_a_record_calls_it_only_what_we_draw_is_shown() {
        // T10
        for (stored, served, disposition) in [
            ("image/png", "image/png", "inline; filename=\"heatmap-"),
            ("image/svg+xml", "application/octet-stream", "attachment; "),
            ("text/html", "application/octet-stream", "attachment; "),
            ("IMAGE/PNG; x", "application/octet-stream", "attachment; "),
        ] {
            let response = picture(DocumentId::random(), Asset::Heatmap, bytes::Bytes::new(), stored);
            let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert_eq!(header(header::CONTENT_TYPE), served);
            assert!(header(header::CONTENT_DISPOSITION).starts_with(disposition), "{stored}");
            assert!(header(header::CONTENT_SECURITY_POLICY).contains("sandbox"), "{stored}");
        }
    }

    #[test]
    fn a_key_in_the_header_needs_no_body() {
        // T10
        assert!(read(Fields::parse(b"").expect("as if {}")).expect("read").key.is_none());
    }
}
