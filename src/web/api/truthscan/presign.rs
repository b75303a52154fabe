//! Step 1: ask for an upload URL (row T1).

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    errors::Failure,
    extract::{TakesJson, require_header_key},
    fields::Params,
    openapi::{BadRequest, Everywhere, Keyed},
    site::Site,
};

/// An upload that may now be sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresignAnswer {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// Where to PUT the file, with the content type of its extension and `x-amz-acl: private`.
    #[schema(
        example = "http://127.0.0.1:8080/blobs/uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_20260611-121955_example.jpg?expires=1781180395&signature=00ff"
    )]
    presigned_url: String,
    /// The stored name, to be sent back in `/detect` as part of `url`.
    #[schema(example = "uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_20260611-121955_example.jpg")]
    file_path: String,
    /// For correlation only; not the id of a document.
    document_id: Uuid,
}

/// Ask for an upload URL.
#[utoipa::path(
    get,
    path = "/get-presigned-url",
    tag = "Detection",
    operation_id = "getPresignedUrl",
    params(
        ("file_name" = String, Query, description = "The file's name with its extension. Unsafe characters are replaced, never refused.", example = "example.jpg"),
        ("expiration" = Option<i64>, Query, nullable = false, description = "Seconds that the URL lives, 60 to 86400; 3600 when left out.", example = 3600),
        ("apikey" = String, Header, description = "Your API key."),
    ),
    responses((status = 200, description = "An upload URL", body = PresignAnswer, content_type = "application/json"), BadRequest, Keyed, Everywhere)
)]
pub(crate) async fn presign(site: Data<Site>, request: HttpRequest, _: TakesJson) -> Result<Json<PresignAnswer>, Failure> {
    let key = require_header_key(&request)?;
    let params = Params::of(request.query_string());
    let file_name = params.required("file_name")?.to_owned();
    let expiration = params.integer("expiration")?;
    let caller = site.caller(key, &request).await?;
    let presigned = site.road(|road| async move { road.presign(&caller, &file_name, expiration).await }).await?;
    Ok(Json(PresignAnswer {
        status: "success",
        presigned_url: presigned.url,
        file_path: presigned.file_path,
        document_id: presigned.document_id,
    }))
}
