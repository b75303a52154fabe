//! What was sent to a webhook (row V10): the log, a test, and everything once more.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path, Payload},
};
use touchstone_core::{ids::DeliveryId, time::Timestamp};
use touchstone_moderation::{DeliveryState, LogPage};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    answer::{V1Deliveries, V1Delivery, V1Queued},
    named,
};
use crate::{
    api::v1::{bearer, errors::V1Failure},
    extract::{TakesJson, json},
    fields::Params,
    openapi::{V1BadRequest, V1Bodied, V1Everywhere, V1Keyed, V1NotFound},
    request_id::RequestId,
    site::Site,
};

/// Deliveries in one part of a log, unless another number is asked for.
const PAGE: u64 = 20;

/// Most deliveries in one part: each may have six tries, each with a body.
const LONGEST_PAGE: u64 = 50;

/// What is to be sent once more: one of the two.
#[derive(ToSchema)]
#[schema(as = V1ReplayRequest)]
#[expect(dead_code, reason = "it is for the document: the fields are read one by one")]
pub(crate) struct Again {
    /// One delivery, whatever became of it.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    delivery_id: Option<Uuid>,
    /// Everything that happened since then and did not arrive, also while the webhook was disabled (RFC 3339). At most 10 000 events at
    /// once: ask again until `queued` is 0.
    #[schema(example = "2026-11-20T00:00:00Z")]
    since: Option<String>,
}

/// See what was sent to a webhook, and how it was answered.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "v1",
    operation_id = "v1WebhookDeliveries",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The webhook."),
        ("cursor" = Option<String>, Query, nullable = false, description = "`next_cursor` of the part before."),
        ("limit" = Option<u64>, Query, nullable = false, minimum = 1, maximum = 50, description = "How many; 20 when left out."),
        ("state" = Option<String>, Query, nullable = false, description = "Only `pending`, `delivered`, `failed` or `abandoned` ones."),
    ),
    responses((status = 200, description = "A part of the log", body = V1Deliveries, content_type = "application/json"), V1BadRequest, V1Keyed, V1NotFound, V1Everywhere)
)]
pub(crate) async fn log(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
) -> Result<Json<V1Deliveries>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let (which, page) = (named(&path)?, page(&request)?);
    let found = site.road(|road| async move { road.deliveries(&caller, which, page).await }).await?;
    let more = found.len() as u64 == page.limit;
    let next_cursor = found.last().filter(|_| more).map(|last| last.cursor.to_string());
    Ok(Json(V1Deliveries { deliveries: found.into_iter().map(V1Delivery::of).collect(), next_cursor, request_id: id.0 }))
}

/// Send a test event to a webhook.
///
/// It is of type `webhook.test`, and signed and logged as every other.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "v1",
    operation_id = "v1TestWebhook",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The webhook.")),
    responses((status = 202, description = "It is on its way", body = V1Queued, content_type = "application/json"), V1BadRequest, V1Keyed, V1NotFound, V1Everywhere)
)]
pub(crate) async fn test(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
) -> Result<HttpResponse, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    let made = site.road(|road| async move { road.test_webhook(&caller, which).await }).await?;
    Ok(accepted(Some(made), 1, id))
}

/// Send again what was sent, or what did not arrive.
///
/// It comes with the same `webhook-id`, and what it tells is as it is now.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    tag = "v1",
    operation_id = "v1ReplayWebhook",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The webhook.")),
    request_body = Again,
    responses((status = 202, description = "It is on its way", body = V1Queued, content_type = "application/json"), V1Keyed, V1NotFound, V1Bodied, V1Everywhere)
)]
pub(crate) async fn replay(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<HttpResponse, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    let mut fields = json(&site, payload).await?;
    let (delivery, since) = (fields.uuid("delivery_id").map(DeliveryId), fields.text("since"));
    fields.done()?;
    match (delivery, since) {
        (Some(delivery), None) => {
            let made = site.road(|road| async move { road.replay_delivery(&caller, which, delivery).await }).await?;
            Ok(accepted(Some(made), 1, id))
        }
        (None, Some(since)) => {
            let since = Timestamp::parse(&since)
                .ok_or_else(|| V1Failure::invalid("since", "since must be a moment such as 2026-11-20T00:00:00Z."))?;
            let queued = site.road(|road| async move { road.replay_since(&caller, which, since).await }).await?;
            Ok(accepted(None, queued, id))
        }
        _ => Err(V1Failure::invalid("delivery_id", "Send either delivery_id or since.")),
    }
}

fn accepted(made: Option<DeliveryId>, queued: u64, id: RequestId) -> HttpResponse {
    HttpResponse::Accepted().json(V1Queued { delivery_id: made.map(|made| made.0), queued, request_id: id.0 })
}

fn page(request: &HttpRequest) -> Result<LogPage, V1Failure> {
    let params = Params::of(request.query_string());
    let limit = match params.integer("limit")? {
        None => PAGE,
        Some(limit) => u64::try_from(limit)
            .ok()
            .filter(|limit| (1..=LONGEST_PAGE).contains(limit))
            .ok_or_else(|| V1Failure::invalid("limit", &format!("limit must be 1 to {LONGEST_PAGE}.")))?,
    };
    let state = params.get("state").map(|name| {
        let found = DeliveryState::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| {
            V1Failure::invalid("state", &format!("state must be one of {}.", DeliveryState::ALL.map(DeliveryState::name).join(", ")))
        })
    });
    Ok(LogPage { before: params.integer("cursor")?, limit, state: state.transpose()? })
}
