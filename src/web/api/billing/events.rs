//! Where Stripe reports meter events that it refused after it had accepted them (row B4).

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_core::refusal::Refusal;
use utoipa::ToSchema;

use crate::{
    body::{self, Pace},
    errors::Failure,
    extract::asker,
    openapi::{Bodied, Everywhere, Signed},
    site::Site,
};

/// What Stripe signs with.
const SIGNATURE: &str = "stripe-signature";

/// What Stripe posts: only that something happened. What it was is asked for.
#[derive(ToSchema)]
#[schema(as = StripeEvent)]
#[expect(dead_code, reason = "only the document reads it: the body is signed as bytes, and read by touchstone_billing")]
pub(crate) struct EventBody {
    /// The event's id.
    #[schema(example = "evt_test_65R2GpwDsnmpzihMj")]
    id: String,
    /// What happened.
    #[schema(example = "v1.billing.meter.error_report_triggered")]
    r#type: String,
}

/// Thanks.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// Always true.
    received: bool,
}

/// Take an event of Stripe's.
///
/// For Stripe alone: an event destination of thin events about meters.
#[utoipa::path(
    post,
    path = "/billing/stripe/events",
    tag = "Billing",
    operation_id = "stripeEvent",
    params(("stripe-signature" = String, Header, description = "Stripe's signature over the body.")),
    request_body = EventBody,
    responses((status = 200, description = "It was taken", body = EventAnswer, content_type = "application/json"), Signed, Bodied, Everywhere)
)]
pub(crate) async fn take(site: Data<Site>, request: HttpRequest, payload: Payload) -> Result<Json<EventAnswer>, Failure> {
    let signature = request.headers().get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = body::whole(payload, site.settings.max_json_bytes, Pace::new(&site.settings)).await?;
    let taken = site.billing(|billing| async move { billing.take_report(&signature, &body).await }).await;
    if matches!(taken, Err(Failure::Refusal(Refusal::BadSignature))) {
        site.limits.keyless.ask(&asker(&site, &request))?;
    }
    taken.map(|()| Json(EventAnswer { received: true }))
}
