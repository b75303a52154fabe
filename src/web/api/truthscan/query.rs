//! Reading a verdict (row T5): the id is the capability, and no key is needed.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use serde::Serialize;
use touchstone_core::{ids::DocumentId, refusal::Refusal};
use touchstone_moderation::{DocumentKind, DocumentRecord, Forgotten};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    answer,
    batch::{self, BatchAnswer},
    schema::QueryAnswer,
    sight::Sight,
};
use crate::{
    errors::Failure,
    extract::{TakesJson, asker, either_key, header_key, json},
    fields::Fields,
    openapi::{Bodied, Everywhere, Forbidden, Gone},
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
    responses((status = 200, description = "The image or the batch, or null", body = Option<Queried>, content_type = "application/json"), Forbidden, Gone, Bodied, Everywhere)
)]
pub(crate) async fn query(
    site: Data<Site>,
    request: HttpRequest,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<Option<Queried>>, Failure> {
    let Some((document, sight)) = found(&site, &request, payload).await? else { return Ok(Json(None)) };
    let link = |id, asset| sight.link(site.pure_road(), id, asset);
    if document.kind == DocumentKind::Image {
        return Ok(Json(Some(Queried::Image(Box::new(answer::of(&document, |asset| link(document.id, asset)))))));
    }
    let batch = site.road(|road| async move { road.batch(&document).await }).await?;
    Ok(Json(batch.map(|batch| Queried::Batch(batch::results(&batch, link)))))
}

/// The document that is asked for, if there is one that the asker may know of, and what may be told of it.
pub(super) async fn found(site: &Site, request: &HttpRequest, payload: Payload) -> Result<Option<(DocumentRecord, Sight)>, Failure> {
    site.limits.keyless.ask(&asker(site, request))?;
    let body = read(json(site, payload).await?)?;
    let key = either_key(body.key, header_key(request))?;
    let id = DocumentId(body.id);
    let found = site.road(|road| async move { road.document(id).await }).await?;
    let Some(document) = found else { return Ok(None) };
    let sight = Sight::of(site, &document.organization, key, request).await?;
    match document.forgotten.filter(|_| sight.sees) {
        Some(Forgotten::Expired) => Err(Refusal::Removed.into()),
        // Of what somebody wanted gone not even that is told: the id is as unknown as any.
        Some(Forgotten::Erased) => Ok(None),
        None => Ok(sight.sees.then_some((document, sight))),
    }
}

fn read(mut fields: Fields) -> Result<QueryBody, Failure> {
    let body = QueryBody { id: fields.required_uuid("id"), key: fields.secret() };
    fields.done().map(|()| body)
}
