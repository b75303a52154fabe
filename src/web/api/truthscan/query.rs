//! Reading a verdict (row T5): the id is the capability, and no key is needed.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use serde::Serialize;
use touchstone_core::{ids::DocumentId, organization::Organization, refusal::Refusal};
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
    /// The owner's key, needed only where the organisation's queries are private, or its pictures secure: then links to them are
    /// given to nobody else. May come in the `apikey` header instead.
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
    params(("apikey" = Option<String>, Header, nullable = false, description = "Only where the organisation's queries are private or its pictures secure.")),
    request_body = QueryBody,
    responses((status = 200, description = "The image or the batch, or null", body = Option<Queried>, content_type = "application/json"), Forbidden, Bodied, Everywhere)
)]
pub(crate) async fn query(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<Option<Queried>>, Failure> {
    let Some(Found { document, is_owners }) = found(&site, &request, payload).await? else { return Ok(Json(None)) };
    let (road, bare) = (site.pure_road(), document.organization.secure_assets && !is_owners);
    // T10: a link that opens a secure picture is told to nobody but its owner.
    let link = |id, asset| if bare { road.asset_address(id, asset) } else { road.asset_url(id, asset) };
    if document.kind == DocumentKind::Image {
        return Ok(Json(Some(Queried::Image(Box::new(answer::of(&document, |asset| link(document.id, asset)))))));
    }
    let batch = site.road(|road| async move { road.batch(&document).await }).await?;
    Ok(Json(batch.map(|batch| Queried::Batch(batch::results(&batch, link)))))
}

/// A document that the asker may know of.
pub(super) struct Found {
    pub(super) document: DocumentRecord,
    /// Its owner's key came along; looked at only where the organisation makes a difference of it.
    is_owners: bool,
}

/// The document that is asked for, if there is one that the asker may know of.
pub(super) async fn found(site: &Site, request: &HttpRequest, payload: Payload) -> Result<Option<Found>, Failure> {
    let asker = asker(site, request);
    site.limits.keyless.ask(&asker)?;
    let body = read(json(site, payload).await?)?;
    let key = either_key(body.key, header_key(request))?;
    let id = DocumentId(body.id);
    let found = site.road(|road| async move { road.document(id).await }).await?;
    let Some(document) = found else { return Ok(None) };
    let Organization { private_queries, secure_assets, .. } = document.organization;
    let is_owners = (private_queries || secure_assets) && is_owners(site, &document, key, asker).await?;
    Ok((is_owners || !private_queries).then_some(Found { document, is_owners }))
}

/// Whether the key is the document's own organisation's. A key that is none is like no key: what is private stays unknown.
async fn is_owners(site: &Site, document: &DocumentRecord, key: Option<SecretString>, asker: std::net::IpAddr) -> Result<bool, Failure> {
    let Some(key) = key else { return Ok(false) };
    match site.authenticate(key, asker).await {
        Ok(caller) => Ok(caller.organization.id == document.organization.id),
        Err(Failure::Refusal(Refusal::VerificationFailed)) => Ok(false),
        Err(other) => Err(other),
    }
}

fn read(mut fields: Fields) -> Result<QueryBody, Failure> {
    let body = QueryBody { id: fields.required_uuid("id"), key: fields.secret() };
    fields.done().map(|()| body)
}
