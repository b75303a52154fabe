//! Reading a verdict (row T5): the id is the capability, and no key is needed.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use serde::Serialize;
use touchstone_core::ids::DocumentId;
use touchstone_moderation::{DocumentKind, DocumentRecord};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    answer,
    batch::{self, BatchAnswer},
    schema::QueryAnswer,
};
use crate::{
    errors::Failure,
    extract::{TakesJson, asker, either_key, header_key, json},
    fields::Fields,
    openapi::{Bodied, Everywhere, Forbidden},
    site::Site,
};

/// Which document.
#[derive(ToSchema)]
#[schema(as = QueryRequest)]
pub(crate) struct QueryBody {
    /// From `/detect` or `/bulk-upload`, or that of an image in a batch.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// Only needed for organisations whose queries are private; may come in the `apikey` header instead.
    #[schema(value_type = Option<String>)]
    key: Option<SecretString>,
}

/// What an id stands for: the answer has `results` if and only if it is a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Queried {
    /// One image.
    Image(Box<QueryAnswer>),
    /// A batch of them.
    Batch(BatchAnswer),
}

/// Read a verdict, or those of a ZIP, as far as they have come.
///
/// An unknown id is answered with null, not with an error: published clients then go on polling.
#[utoipa::path(
    post,
    path = "/query",
    tag = "Detection",
    operation_id = "query",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Only for organisations whose queries are private.")),
    request_body = QueryBody,
    responses((status = 200, description = "The image or the batch, or null", body = Option<Queried>, content_type = "application/json"), Forbidden, Bodied, Everywhere)
)]
pub(crate) async fn query(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<Option<Queried>>, Failure> {
    let Some(document) = found(&site, &request, payload).await? else { return Ok(Json(None)) };
    let link = |id, asset| site.pure_road().asset_url(id, asset);
    if document.kind == DocumentKind::Image {
        return Ok(Json(Some(Queried::Image(Box::new(answer::of(&document, |asset| link(document.id, asset)))))));
    }
    let batch = site.road(|road| async move { road.batch(&document).await }).await?;
    Ok(Json(batch.map(|batch| Queried::Batch(batch::results(&batch, link)))))
}

/// The document that is asked for, if there is one that the asker may know of.
pub(super) async fn found(site: &Site, request: &HttpRequest, payload: Payload) -> Result<Option<DocumentRecord>, Failure> {
    let asker = asker(site, request);
    site.limits.keyless.ask(&asker)?;
    let body = read(json(site, payload).await?)?;
    let key = either_key(body.key, header_key(request))?;
    let id = DocumentId(body.id);
    let found = site.road(|road| async move { road.document(id).await }).await?;
    let Some(document) = found else { return Ok(None) };
    if document.organization.private_queries && !is_owners(site, &document, key, asker).await? {
        return Ok(None);
    }
    Ok(Some(document))
}

/// Whether the key is the document's own organisation's. A key that is none is like no key: what is private stays unknown.
async fn is_owners(site: &Site, document: &DocumentRecord, key: Option<SecretString>, asker: std::net::IpAddr) -> Result<bool, Failure> {
    let Some(key) = key else { return Ok(false) };
    match site.authenticate(key, asker).await {
        Ok(caller) => Ok(caller.organization.id == document.organization.id),
        Err(Failure::Refusal(touchstone_core::refusal::Refusal::VerificationFailed)) => Ok(false),
        Err(other) => Err(other),
    }
}

fn read(mut fields: Fields) -> Result<QueryBody, Failure> {
    let body = QueryBody { id: fields.required_uuid("id"), key: fields.secret() };
    fields.done().map(|()| body)
}
