//! What was used of this month, and what is left (row V6).

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{bearer, errors::V1Failure};
use crate::{
    extract::TakesJson,
    openapi::{V1Everywhere, V1Keyed},
    request_id::RequestId,
    site::Site,
};

/// The use of the present month. Images of test keys are free and counted apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Usage {
    /// The organisation's plan: `free`, `pro` or `enterprise`.
    #[schema(example = "pro")]
    plan: &'static str,
    /// Which month.
    period: V1Period,
    /// What was used: images that were judged, and those under way.
    #[schema(example = 120)]
    used: i64,
    /// The plan's allowance a month; null where there is none.
    #[schema(example = 500)]
    quota: Option<i64>,
    /// What is left, bought credits included; null where use is billed afterwards.
    #[schema(example = 380)]
    remaining: Option<i64>,
    /// What test keys used today.
    test: V1TestUsage,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// A month, in UTC.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Period {
    /// Its first moment.
    #[schema(example = "2026-11-01T00:00:00.000Z")]
    start: String,
    /// The first moment after it.
    #[schema(example = "2026-12-01T00:00:00.000Z")]
    end: String,
}

/// What test keys used.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1TestUsage {
    /// Images today (UTC).
    #[schema(example = 3)]
    used: u64,
    /// How many they may be a day; null when there is no such cap.
    #[schema(example = 100)]
    quota: Option<u64>,
}

/// Read what was used this month, and what is left.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "v1",
    operation_id = "v1Usage",
    responses((status = 200, description = "The use", body = V1Usage, content_type = "application/json"), V1Keyed, V1Everywhere),
    security(("bearer" = []))
)]
pub(crate) async fn usage(site: Data<Site>, request: HttpRequest, id: RequestId, _: TakesJson) -> Result<Json<V1Usage>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let plan = caller.organization.plan.name();
    let usage = site.road(|road| async move { road.usage(&caller).await }).await?;
    Ok(Json(V1Usage {
        plan,
        period: V1Period { start: usage.first.start().rfc3339(), end: usage.next.start().rfc3339() },
        used: usage.used,
        quota: usage.quota,
        remaining: usage.remaining,
        test: V1TestUsage { used: usage.tests, quota: usage.tests_a_day },
        request_id: id.0,
    }))
}
