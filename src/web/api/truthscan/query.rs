//! Reading a verdict (row T5): the id is the capability, and no key is needed.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use touchstone_core::ids::DocumentId;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, schema::QueryAnswer, sight::Sight};
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
    let sight = Sight::of(&site, &document.organization, key, asker).await?;
    let shown = sight.sees.then(|| answer::of(&document, |asset| sight.link(site.pure_road(), id, asset)));
    Ok(Json(shown))
}

fn read(mut fields: Fields) -> Result<QueryBody, Failure> {
    let body = QueryBody { id: fields.required_uuid("id"), key: fields.secret() };
    fields.done().map(|()| body)
}
