//! Webhooks, deliveries and tries as /v1 shows them. No field ever leaves them (row V14).

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use touchstone_moderation::{Attempt, DeliveryRecord, Webhook};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::request_id::RequestId;

/// One webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Webhook {
    /// Its id.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// Where it is sent.
    #[schema(example = "https://club.example/hooks/touchstone")]
    url: String,
    /// What it tells of.
    #[schema(example = json!(["detection.completed"]))]
    events: Vec<&'static str>,
    /// What you call it; may be empty.
    #[schema(example = "the moderators' queue")]
    description: String,
    /// Whether it gets anything.
    #[schema(example = true)]
    enabled: bool,
    /// Why not: `gone` (it answered 410), `failing` (for days), `by_owner`; null while it does.
    #[schema(example = json!(null))]
    disabled_reason: Option<&'static str>,
    /// Since when not.
    #[schema(example = json!(null))]
    disabled_at: Option<String>,
    /// Since when every try failed; null while they do not.
    #[schema(example = json!(null))]
    failing_since: Option<String>,
    /// Until when it rests after failures in a row: its deliveries wait, and no try of theirs is used up.
    #[schema(example = json!(null))]
    paused_until: Option<String>,
    /// Until when the secret before the last rotation signs as well.
    #[schema(example = json!(null))]
    old_secret_until: Option<String>,
    /// When it was made.
    #[schema(example = "2026-11-21T18:00:00.000Z")]
    created_at: String,
}

/// One webhook, as an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1WebhookAnswer {
    #[serde(flatten)]
    webhook: V1Webhook,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// One webhook and its new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1WebhookMade {
    #[serde(flatten)]
    webhook: V1Webhook,
    /// What its deliveries are signed with. Shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…")]
    secret: String,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// A project's webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Webhooks {
    /// All of them, oldest first.
    pub(crate) webhooks: Vec<V1Webhook>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    pub(crate) request_id: String,
}

/// A webhook that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1WebhookDeleted {
    /// Which it was.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    pub(crate) id: Uuid,
    /// Always true.
    #[schema(example = true)]
    pub(crate) deleted: bool,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    pub(crate) request_id: String,
}

/// A part of a webhook's log.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Deliveries {
    /// Newest first.
    pub(crate) deliveries: Vec<V1Delivery>,
    /// What to send as `cursor` for the next part; null at the end.
    #[schema(example = "1042")]
    pub(crate) next_cursor: Option<String>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    pub(crate) request_id: String,
}

/// One event on its way to one webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Delivery {
    /// Its id, for POST …/replay.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    id: Uuid,
    /// The event, as `webhook-id` tells it: the same in every try and every replay.
    #[schema(example = "evt_775650389e3d4e6a8c80e20785be5ee9")]
    event_id: String,
    /// What happened.
    #[schema(example = "detection.completed")]
    r#type: &'static str,
    /// The detection or the batch; null for a test.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    document_id: Option<Uuid>,
    /// `pending`, `delivered`, `failed` (every try did) or `abandoned` (the webhook was disabled first).
    #[schema(example = "delivered")]
    state: &'static str,
    /// Whether somebody asked for it once more.
    #[schema(example = false)]
    replay: bool,
    /// When it was queued.
    #[schema(example = "2026-11-21T18:00:00.000Z")]
    created_at: String,
    /// When it is tried next; null when it is not.
    #[schema(example = json!(null))]
    next_attempt_at: Option<String>,
    /// When it ended; null while it has not.
    #[schema(example = "2026-11-21T18:00:00.120Z")]
    ended_at: Option<String>,
    /// Every try, oldest first.
    attempts: Vec<V1Attempt>,
}

/// One try.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Attempt {
    /// When it began.
    #[schema(example = "2026-11-21T18:00:00.000Z")]
    started_at: String,
    /// How long it took.
    #[schema(example = 118)]
    duration_ms: u64,
    /// What was sent.
    request: V1Sent,
    /// What came back; null when nothing did.
    response: Option<V1Heard>,
    /// What went wrong, if nothing came back.
    #[schema(example = json!(null))]
    error: Option<String>,
}

/// What was sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Sent {
    /// Where to.
    #[schema(example = "https://club.example/hooks/touchstone")]
    url: String,
    /// The headers that sign it.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    headers: Value,
    /// The body, to the byte. Empty where nothing is kept but verdicts, and once what it told of was forgotten or erased.
    #[schema(example = "{\"type\":\"detection.completed\",…}")]
    body: String,
}

/// What came back.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Heard {
    /// The status.
    #[schema(example = 200)]
    status: u16,
    /// The first 4 KB of the body; empty where the body that was sent is.
    #[schema(example = "ok")]
    body: String,
}

/// A delivery that was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Queued {
    /// The new delivery; null where several were asked for.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    pub(crate) delivery_id: Option<Uuid>,
    /// How many were queued.
    #[schema(example = 1)]
    pub(crate) queued: u64,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    pub(crate) request_id: String,
}

impl V1Webhook {
    pub(crate) fn of(webhook: Webhook) -> Self {
        let Webhook { id, url, events, description, created_at, old_secret_until, health, disabled } = webhook;
        Self {
            id: id.0,
            url,
            events: events.into_iter().map(|event| event.name()).collect(),
            description,
            enabled: disabled.is_none(),
            disabled_reason: disabled.map(|(_, why)| why.name()),
            disabled_at: disabled.map(|(at, _)| at.rfc3339()),
            failing_since: health.failing_since.map(|since| since.rfc3339()),
            paused_until: health.rests_until.map(|until| until.rfc3339()),
            old_secret_until: old_secret_until.map(|until| until.rfc3339()),
            created_at: created_at.rfc3339(),
        }
    }
}

impl V1WebhookAnswer {
    pub(crate) fn of(webhook: Webhook, id: RequestId) -> Self {
        Self { webhook: V1Webhook::of(webhook), request_id: id.0 }
    }
}

impl V1WebhookMade {
    pub(crate) fn of((webhook, secret): (Webhook, SecretString), id: RequestId) -> Self {
        Self { webhook: V1Webhook::of(webhook), secret: secret.expose_secret().to_owned(), request_id: id.0 }
    }
}

impl V1Delivery {
    pub(crate) fn of(delivery: DeliveryRecord) -> Self {
        Self {
            id: delivery.id.0,
            event_id: delivery.event.shown(),
            r#type: delivery.kind.name(),
            document_id: delivery.document.map(|document| document.0),
            state: delivery.state.name(),
            replay: delivery.replay,
            created_at: delivery.created_at.rfc3339(),
            next_attempt_at: delivery.next_attempt_at.map(|at| at.rfc3339()),
            ended_at: delivery.ended_at.map(|at| at.rfc3339()),
            attempts: delivery.attempts.into_iter().map(V1Attempt::of).collect(),
        }
    }
}

impl V1Attempt {
    fn of(attempt: Attempt) -> Self {
        let Attempt { started_at, took, url, headers, body, status, answer, error } = attempt;
        Self {
            started_at: started_at.rfc3339(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            request: V1Sent { url, headers: serde_json::from_str(&headers).unwrap_or_default(), body },
            response: status.map(|status| V1Heard { status, body: answer.unwrap_or_default() }),
            error,
        }
    }
}
