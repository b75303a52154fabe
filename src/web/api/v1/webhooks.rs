//! Webhooks of a project (row V10), as its keys administer them: made, changed, rotated, deleted. Their deliveries are next door.

pub(crate) mod answer;
pub(crate) mod deliveries;

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path, Payload},
};
use touchstone_core::{ids::WebhookId, refusal::Refusal, webhook};
use touchstone_moderation::WebhookChange;
use utoipa::ToSchema;

use self::answer::{V1Webhook, V1WebhookAnswer, V1WebhookDeleted, V1WebhookMade, V1Webhooks};
use super::{bearer, errors::V1Failure};
use crate::{
    extract::{TakesJson, json},
    fields::{Fields, Params},
    openapi::{V1BadRequest, V1Bodied, V1Everywhere, V1Keyed, V1NotFound},
    request_id::RequestId,
    site::Site,
};

/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;

/// A webhook to be made.
#[derive(ToSchema)]
#[schema(as = V1WebhookRequest)]
#[expect(dead_code, reason = "it is for the document: the fields are read one by one")]
pub(crate) struct Wanted {
    /// Where it is sent: the http:// or https:// URL of a public server, without user or password.
    #[schema(example = "https://club.example/hooks/touchstone")]
    url: String,
    /// What it tells of: `detection.completed`, `batch.completed`, `batch.failed`.
    #[schema(example = json!(["detection.completed"]))]
    events: Vec<String>,
    /// What you call it.
    #[schema(example = "the moderators' queue")]
    description: Option<String>,
}

/// What is to be changed; what is left out stays.
#[derive(ToSchema)]
#[schema(as = V1WebhookChange)]
#[expect(dead_code, reason = "it is for the document: the fields are read one by one")]
pub(crate) struct Change {
    /// Where it is sent.
    #[schema(example = "https://club.example/hooks/touchstone")]
    url: Option<String>,
    /// What it tells of.
    #[schema(example = json!(["detection.completed", "batch.completed"]))]
    events: Option<Vec<String>>,
    /// What you call it.
    #[schema(example = "the moderators' queue")]
    description: Option<String>,
    /// Whether it gets anything. Enabling one is a new beginning; POST …/replay with `since` fetches what it missed.
    #[schema(example = true)]
    enabled: Option<bool>,
}

/// Make a webhook.
///
/// The secret is shown this once. Every delivery is signed twice: `X-Signature` is the hex HMAC-SHA256 of the raw body, keyed by the whole
/// secret; `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of Standard Webhooks, whose libraries also refuse what is
/// old. Answer with 200 to 299 within ten seconds; the same `webhook-id` may come twice. A webhook belongs to the project of the key.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "v1",
    operation_id = "v1CreateWebhook",
    security(("bearer" = [])),
    request_body = Wanted,
    responses((status = 201, description = "It is made", body = V1WebhookMade, content_type = "application/json"), V1Keyed, V1Bodied, V1Everywhere)
)]
pub(crate) async fn create(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<HttpResponse, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let mut fields = json(&site, payload).await?;
    let url = fields.required_text("url");
    let wanted = fields.required_texts("events");
    let description = description(&mut fields).unwrap_or_default();
    fields.done()?;
    let events = events(&wanted)?;
    let made = site.road(|road| async move { road.create_webhook(&caller, &url, events, description).await }).await;
    Ok(HttpResponse::Created().json(V1WebhookMade::of(made.map_err(about_url)?, id)))
}

/// See the project's webhooks.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "v1",
    operation_id = "v1Webhooks",
    security(("bearer" = [])),
    responses((status = 200, description = "All of them, oldest first", body = V1Webhooks, content_type = "application/json"), V1Keyed, V1Everywhere)
)]
pub(crate) async fn list(site: Data<Site>, request: HttpRequest, id: RequestId, _: TakesJson) -> Result<Json<V1Webhooks>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let webhooks = site.road(|road| async move { road.webhooks(&caller).await }).await?;
    Ok(Json(V1Webhooks { webhooks: webhooks.into_iter().map(V1Webhook::of).collect(), request_id: id.0 }))
}

/// See one webhook.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "v1",
    operation_id = "v1Webhook",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "The webhook", body = V1WebhookAnswer, content_type = "application/json"), V1Keyed, V1NotFound, V1Everywhere)
)]
pub(crate) async fn show(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
) -> Result<Json<V1WebhookAnswer>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    let webhook = site.road(|road| async move { road.webhook(&caller, which).await }).await?;
    Ok(Json(V1WebhookAnswer::of(webhook, id)))
}

/// Change a webhook.
///
/// Disabling one abandons what is on its way to it.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    tag = "v1",
    operation_id = "v1ChangeWebhook",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    request_body = Change,
    responses((status = 200, description = "The webhook as it is now", body = V1WebhookAnswer, content_type = "application/json"), V1Keyed, V1NotFound, V1Bodied, V1Everywhere)
)]
pub(crate) async fn change(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1WebhookAnswer>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    let mut fields = json(&site, payload).await?;
    let (url, wanted, enabled) = (fields.text("url"), fields.texts("events"), fields.flag("enabled"));
    let description = description(&mut fields);
    fields.done()?;
    if url.is_none() && wanted.is_none() && description.is_none() && enabled.is_none() {
        return Err(V1Failure::invalid("url", "Send what is to be changed: url, events, description or enabled."));
    }
    let events = wanted.map(|wanted| events(&wanted)).transpose()?;
    let change = WebhookChange { url, events, description, enabled };
    let changed = site.road(|road| async move { road.change_webhook(&caller, which, change).await }).await;
    Ok(Json(V1WebhookAnswer::of(changed.map_err(about_url)?, id)))
}

/// Delete a webhook, with the log of its deliveries.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "v1",
    operation_id = "v1DeleteWebhook",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "It is gone", body = V1WebhookDeleted, content_type = "application/json"), V1Keyed, V1NotFound, V1Everywhere)
)]
pub(crate) async fn delete(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
) -> Result<Json<V1WebhookDeleted>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    site.road(|road| async move { road.delete_webhook(&caller, which).await }).await?;
    Ok(Json(V1WebhookDeleted { id: which.0, deleted: true, request_id: id.0 }))
}

/// Give a webhook a new secret.
///
/// It is shown this once. For 24 hours the old one signs as well: `webhook-signature` holds both signatures, `X-Signature` is still the old
/// secret's. Then only the new one signs. Within those hours another rotation, which would end the first secret at once, needs `force`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate-secret",
    tag = "v1",
    operation_id = "v1RotateWebhookSecret",
    security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The webhook."),
        ("force" = Option<bool>, Query, nullable = false, description = "Also while the secret before the last rotation still signs."),
    ),
    responses((status = 200, description = "It has a new secret", body = V1WebhookMade, content_type = "application/json"), V1BadRequest, V1Keyed, V1NotFound, V1Everywhere)
)]
pub(crate) async fn rotate(
    site: Data<Site>,
    request: HttpRequest,
    path: Path<String>,
    id: RequestId,
    _: TakesJson,
) -> Result<Json<V1WebhookMade>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let which = named(&path)?;
    let force = match Params::of(request.query_string()).get("force") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(V1Failure::invalid("force", "force must be true or false.")),
    };
    let rotated = site.road(|road| async move { road.rotate_webhook_secret(&caller, which, force).await }).await?;
    Ok(Json(V1WebhookMade::of(rotated, id)))
}

/// The webhook in a path. What is no id is nobody's.
fn named(path: &str) -> Result<WebhookId, V1Failure> {
    path.parse().map_err(|_| Refusal::Webhook(webhook::Refused::Unknown).into())
}

fn description(fields: &mut Fields) -> Option<String> {
    let description = fields.text("description")?;
    if description.chars().count() > LONGEST_DESCRIPTION {
        fields.object_to("description", &format!("description may have at most {LONGEST_DESCRIPTION} characters."));
    }
    Some(description)
}

fn events(names: &[String]) -> Result<BTreeSet<webhook::Event>, V1Failure> {
    let known = |name: &String| webhook::Event::SUBSCRIBABLE.into_iter().find(|event| event.name() == name);
    let events: Option<BTreeSet<_>> = names.iter().map(known).collect();
    let wrong = || V1Failure::invalid("events", &format!("events must name one or more of {}.", webhook::Event::choices()));
    events.filter(|events| !events.is_empty()).ok_or_else(wrong)
}

fn about_url(failure: crate::errors::Failure) -> V1Failure {
    use crate::errors::Failure;
    let about = matches!(failure, Failure::Refusal(Refusal::Webhook(webhook::Refused::Url { .. })));
    let failure = V1Failure::from(failure);
    if about { failure.about("url") } else { failure }
}
