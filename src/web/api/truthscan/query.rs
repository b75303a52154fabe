//! Reading a verdict (row T5): the id is the capability, and no key is needed.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use touchstone_core::{ids::DocumentId, organization::Organization, refusal::Refusal};
use touchstone_moderation::DocumentRecord;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, schema::QueryAnswer};
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
    /// From `/detect`.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// The owner's key, needed only where the organisation's queries are private, or its pictures secure: then links to them are
    /// given to nobody else. May come in the `apikey` header instead.
    #[schema(value_type = Option<String>)]
    key: Option<SecretString>,
}

/// Read a document's verdict, as far as it has come.
///
/// An unknown id is answered with null, not with an error: published clients then go on polling.
#[utoipa::path(
    post,
    path = "/query",
    tag = "Detection",
    operation_id = "query",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Only where the organisation's queries are private or its pictures secure.")),
    request_body = QueryBody,
    responses((status = 200, description = "The document, or null", body = Option<QueryAnswer>, content_type = "application/json"), Forbidden, Bodied, Everywhere)
)]
pub(crate) async fn query(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<Option<QueryAnswer>>, Failure> {
    let asker = asker(&site, &request);
    site.limits.keyless.ask(&asker)?;
    let body = read(json(&site, payload).await?)?;
    let key = either_key(body.key, header_key(&request))?;
    let id = DocumentId(body.id);
    let found = site.road(|road| async move { road.document(id).await }).await?;
    let Some(document) = found else { return Ok(Json(None)) };
    let Organization { private_queries, secure_assets, .. } = document.organization;
    let is_owners = (private_queries || secure_assets) && is_owners(&site, &document, key, asker).await?;
    if private_queries && !is_owners {
        return Ok(Json(None));
    }
    let road = site.pure_road();
    // T10: a link that opens a secure picture is told to nobody but its owner.
    let link = |asset| if secure_assets && !is_owners { road.asset_address(id, asset) } else { road.asset_url(id, asset) };
    Ok(Json(Some(answer::of(&document, link))))
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
