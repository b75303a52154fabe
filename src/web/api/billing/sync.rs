//! Sending usage to Stripe (row T18): the job secret comes before everything else, so that nobody learns which organisations there are.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path, Payload},
};
use serde::Serialize;
use touchstone_billing::{SyncReport, SyncRequest};
use touchstone_core::{day::Day, ids::OrganizationId};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    errors::Failure,
    extract::{TakesJson, job_secret, json},
    fields::{Fields, path_uuid},
    openapi::{BadRequest, Bodied, Everywhere, JobSecret, NotFound},
    site::Site,
};

/// Longest name of a call.
const LONGEST_NAME: usize = 255;

/// Which days.
#[derive(ToSchema)]
#[schema(as = UsageSyncRequest)]
pub(crate) struct SyncBody {
    /// The first day, in UTC.
    #[schema(value_type = String, format = Date, example = "2026-11-01")]
    start_date: Day,
    /// The last day, in UTC and included. What lies in the future belongs to a later call. At most 92 days in all.
    #[schema(value_type = String, format = Date, example = "2026-11-30")]
    end_date: Day,
    /// The caller's name for this call: the same name with the same days is answered the same, and sends nothing again.
    #[schema(min_length = 1, max_length = 255, example = "2026-11")]
    idempotency_id: Option<String>,
}

/// What was sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageSyncAnswer {
    /// Always true.
    success: bool,
    /// Whose use.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    organization_id: Uuid,
    /// Documents of these days that are billed by use, refunds taken off.
    #[schema(example = 120)]
    total_documents: i64,
    /// How many of them this call sent; 0 when all were sent before.
    #[schema(example = 20)]
    value_sent_to_stripe: i64,
    /// The UTC day on which they were counted.
    #[schema(value_type = String, format = Date, example = "2026-11-21")]
    report_date: Day,
    /// The same in words, and what could not be sent.
    #[schema(example = "Sent 20 units in 1 meter event.")]
    message: String,
}

/// Send an organisation's use to Stripe.
///
/// For trusted backend jobs. Every document is sent once, however often, however interrupted and with whatever ranges this is called.
#[utoipa::path(
    post,
    path = "/organizations/{id}/usage/sync-to-stripe",
    tag = "Billing",
    operation_id = "syncUsage",
    params(
        ("id" = Uuid, Path, description = "The organisation."),
        ("x-job-secret" = String, Header, description = "The server's job secret."),
    ),
    request_body = SyncBody,
    responses((status = 200, description = "What was sent", body = UsageSyncAnswer, content_type = "application/json"), BadRequest, JobSecret, NotFound, Bodied, Everywhere)
)]
pub(crate) async fn sync(
    site: Data<Site>,
    request: HttpRequest,
    id: Path<String>,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<UsageSyncAnswer>, Failure> {
    site.trust(job_secret(&request), &request)?;
    let SyncBody { start_date: first, end_date: last, idempotency_id } = read(json(&site, payload).await?)?;
    let organization = OrganizationId(path_uuid("id", &id)?);
    let ask = SyncRequest { organization, first, last, idempotency_id };
    let SyncReport { success, organization_id, total_documents, value_sent_to_stripe, report_date, message } =
        site.billing(|billing| async move { billing.sync(ask).await }).await?;
    let organization_id = organization_id.0;
    Ok(Json(UsageSyncAnswer { success, organization_id, total_documents, value_sent_to_stripe, report_date, message }))
}

fn read(mut fields: Fields) -> Result<SyncBody, Failure> {
    let (start_date, end_date) = (fields.required_day("start_date"), fields.required_day("end_date"));
    let idempotency_id = fields.text("idempotency_id");
    if idempotency_id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > LONGEST_NAME) {
        fields.object_to("idempotency_id", "Input should have 1 to 255 characters");
    }
    fields.done().map(|()| SyncBody { start_date, end_date, idempotency_id })
}
