//! The card of the model that judges, for machines (row X1).

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{bearer, errors::V1Failure};
use crate::{
    console::model::CardFacts,
    errors::Failure,
    extract::TakesJson,
    openapi::{V1Everywhere, V1NotFound},
    request_id::RequestId,
    site::Site,
};

/// The model's card.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Model {
    #[serde(flatten)]
    card: CardFacts,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// Read the card of the model that judges: where its thresholds lie, what it was trained on, and how often it was right.
///
/// No key is needed. `GET /model` is the same for people. 404 on a node without the model's folder.
#[utoipa::path(
    get,
    path = "/v1/model",
    tag = "v1",
    operation_id = "v1Model",
    responses((status = 200, description = "The card", body = V1Model, content_type = "application/json"), V1NotFound, V1Everywhere)
)]
pub(crate) async fn model(site: Data<Site>, request: HttpRequest, id: RequestId, _: TakesJson) -> Result<Json<V1Model>, V1Failure> {
    bearer::keyless(&site, &request)?;
    let card = site.card.as_ref().ok_or(Failure::NoSuchPath)?.facts.clone();
    Ok(Json(V1Model { card, request_id: id.0 }))
}
