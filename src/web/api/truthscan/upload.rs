//! Step 2 on a local folder: put the file (row T2). With S3 the client talks to S3 itself and never comes here.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path, Payload},
};
use touchstone_core::refusal::Refusal;
use touchstone_moderation::UploadQuery;

use crate::{
    body::{self, Pace},
    errors::Failure,
    extract::asker,
    fields::Params,
    openapi::{BadRequest, Everywhere, File, Forbidden},
    site::Site,
};

/// Put a file to its upload URL.
///
/// The Content-Type must be the one of the file's extension; `x-amz-acl: private` is accepted.
#[utoipa::path(
    put,
    path = "/blobs/uploads/{name}",
    tag = "Detection",
    operation_id = "putUpload",
    params(
        ("name" = String, Path, description = "As in presigned_url.", example = "581d47c7-3ef4-42af-88d9-6dab6bf69389_20260611-121955_example.jpg"),
        ("expires" = i64, Query, description = "As in presigned_url."),
        ("signature" = String, Query, description = "As in presigned_url."),
    ),
    request_body(content(
        (inline(File) = "image/jpeg"), (inline(File) = "image/png"), (inline(File) = "image/webp"), (inline(File) = "image/gif"),
        (inline(File) = "image/bmp"), (inline(File) = "image/tiff"), (inline(File) = "image/heic"), (inline(File) = "image/heif"),
        (inline(File) = "image/avif"), (inline(File) = "image/svg+xml"), (inline(File) = "application/pdf"), (inline(File) = "application/zip"),
    ), description = "The file's bytes: 1 KB to 10 MB."),
    responses((status = 200, description = "Stored; the body is empty"), BadRequest, Forbidden, Everywhere)
)]
pub(crate) async fn put(site: Data<Site>, request: HttpRequest, path: Path<String>, payload: Payload) -> Result<HttpResponse, Failure> {
    let name = path.into_inner();
    let query = upload_query(request.query_string());
    let content_type = content_type(&request);
    // Places are few: only a URL of ours, used as it was signed, gets one. Whoever only guesses is slowed down.
    if let Err(refusal) = site.pure_road().check_upload(&name, &query, content_type.as_deref()) {
        site.limits.keyless.ask(&asker(&site, &request))?;
        return Err(refusal.into());
    }
    let _place = site.upload_place()?;
    let (pump, stream) = body::split(payload, Pace::new(&site.settings));
    let receive = site.road(|road| async move { road.receive(&name, &query, content_type.as_deref(), stream).await });
    let (received, ()) = futures::join!(receive, pump);
    received.map(|()| HttpResponse::Ok().finish())
}

/// What is put anywhere else below the uploads' paths was no URL of ours.
pub(crate) async fn put_elsewhere() -> Result<HttpResponse, Failure> {
    Err(Refusal::InvalidPresignedUrl.into())
}

/// The content type that the client says its bytes have.
pub(crate) fn content_type(request: &HttpRequest) -> Option<String> {
    request.headers().get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What cannot be read counts as absent: such a URL is not one of ours.
fn upload_query(query: &str) -> UploadQuery {
    let params = Params::of(query);
    UploadQuery { expires: params.get("expires").and_then(|text| text.parse().ok()), signature: params.get("signature").map(str::to_owned) }
}
