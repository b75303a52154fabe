//! What an organisation used, for its own people and for trusted backend jobs (row T18).

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use serde::Serialize;
use touchstone_billing::{Period, UsageDay, UsageReport};
use touchstone_core::{day::Day, ids::OrganizationId, refusal::Refusal, time::Timestamp};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    errors::Failure,
    extract::{TakesJson, job_secret, require_header_key},
    fields::{Params, path_uuid},
    openapi::{BadRequest, Everywhere, JobSecret, Keyed, NotFound},
    site::Site,
};

/// Use of a range of days.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageAnswer {
    /// Whose use.
    #[schema(example = "77565038-9e3d-4e6a-8c80-e20785be5ee9")]
    organization_id: Uuid,
    /// The first day, in UTC.
    #[schema(value_type = String, format = Date, example = "2026-11-01")]
    start_date: Day,
    /// The last day, in UTC and included.
    #[schema(value_type = String, format = Date, example = "2026-11-30")]
    end_date: Day,
    /// Documents that were judged, refunds taken off. One that is billed by use counts as one, one that was prepaid by its price in
    /// credits.
    #[schema(example = 120)]
    total_documents: i64,
    /// How many of them were paid with credits.
    #[schema(example = 0)]
    prepaid: i64,
    /// How many were sent to Stripe.
    #[schema(example = 100)]
    sent: i64,
    /// How many are still to be sent.
    #[schema(example = 20)]
    pending: i64,
    /// How many could not be sent, or only perhaps: the operator looks after them.
    #[schema(example = 0)]
    not_sent: i64,
    /// How many could not be sent and are not billed any more.
    #[schema(example = 0)]
    written_off: i64,
    /// What was owed to the organisation when its use was last counted to be sent, since refunds outweighed it. Its next use pays it
    /// off.
    #[schema(example = 0)]
    credit_due: i64,
    /// Every day on which there was any.
    days: Vec<UsageDayAnswer>,
}

/// Use of one day.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageDayAnswer {
    /// The day, in UTC.
    #[schema(value_type = String, format = Date, example = "2026-11-21")]
    date: Day,
    /// Documents that were judged, refunds taken off. One that is billed by use counts as one, one that was prepaid by its price in
    /// credits.
    #[schema(example = 20)]
    documents: i64,
    /// How many of them were paid with credits.
    #[schema(example = 0)]
    prepaid: i64,
    /// How many were sent to Stripe.
    #[schema(example = 0)]
    sent: i64,
    /// How many are still to be sent.
    #[schema(example = 20)]
    pending: i64,
    /// How many could not be sent, or only perhaps.
    #[schema(example = 0)]
    not_sent: i64,
    /// How many could not be sent and are not billed any more.
    #[schema(example = 0)]
    written_off: i64,
}

/// See what an organisation used.
///
/// With a key of the organisation, or with the job secret.
#[utoipa::path(
    get,
    path = "/organizations/{id}/usage",
    tag = "Billing",
    operation_id = "usage",
    params(
        ("id" = Uuid, Path, description = "The organisation."),
        ("start_date" = Option<String>, Query, format = Date, nullable = false, description = "The first day, in UTC; that of this month when left out."),
        ("end_date" = Option<String>, Query, format = Date, nullable = false, description = "The last day, in UTC and included; today when left out."),
        ("apikey" = Option<String>, Header, nullable = false, description = "A key of the organisation."),
        ("x-job-secret" = Option<String>, Header, nullable = false, description = "The server's job secret, in place of a key."),
    ),
    responses((status = 200, description = "What was used", body = UsageAnswer, content_type = "application/json"), BadRequest, JobSecret, Keyed, NotFound, Everywhere)
)]
pub(crate) async fn usage(site: Data<Site>, request: HttpRequest, id: Path<String>, _: TakesJson) -> Result<Json<UsageAnswer>, Failure> {
    let organization = admit(&site, &request, &id).await?;
    let params = Params::of(request.query_string());
    let today = Day::of(Timestamp::now());
    let last = params.day("end_date")?.unwrap_or(today);
    let first = params.day("start_date")?.unwrap_or_else(|| Period::month(today.min(last)).first);
    let period = Period::asked(first, last, today)?;
    site.billing(|billing| async move { billing.usage(organization, period).await }).await.map(|report| Json(answer(report)))
}

/// The organisation, if the asker may know of its use.
async fn admit(site: &Site, request: &HttpRequest, id: &str) -> Result<OrganizationId, Failure> {
    if let Some(secret) = job_secret(request) {
        site.trust(Some(secret), request)?;
        return path_uuid("id", id).map(OrganizationId);
    }
    let caller = site.caller(require_header_key(request)?, request).await?;
    let organization = OrganizationId(path_uuid("id", id)?);
    if caller.organization.id == organization { Ok(organization) } else { Err(Refusal::NotYourOrganization.into()) }
}

fn answer(report: UsageReport) -> UsageAnswer {
    UsageAnswer {
        organization_id: report.organization_id.0,
        start_date: report.start_date,
        end_date: report.end_date,
        total_documents: report.total_documents,
        prepaid: report.prepaid,
        sent: report.sent,
        pending: report.pending,
        not_sent: report.not_sent,
        written_off: report.written_off,
        credit_due: report.credit_due,
        days: report.days.into_iter().map(day).collect(),
    }
}

fn day(day: UsageDay) -> UsageDayAnswer {
    let UsageDay { date, documents, prepaid, sent, pending, not_sent, written_off } = day;
    UsageDayAnswer { date, documents, prepaid, sent, pending, not_sent, written_off }
}
