//! What an organisation has left (row T13). Cheap, and never refused for asking often: clients test their key with it.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    errors::Failure,
    extract::{TakesJson, require_header_key},
    openapi::{Everywhere, Keyed},
    site::Site,
};

/// Three whole numbers, never null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditsAnswer {
    /// Left of the monthly allowance.
    #[schema(example = 10000)]
    base_credits: i64,
    /// Left of what was bought.
    #[schema(example = 1000)]
    boost_credits: i64,
    /// Both together; 2147483647 for organisations that are billed by use.
    #[schema(example = 11000)]
    credits: i64,
}

/// See what is left.
#[utoipa::path(
    get,
    path = "/check-user-credits",
    tag = "Account",
    operation_id = "checkUserCredits",
    params(("apikey" = String, Header, description = "Your API key.")),
    responses((status = 200, description = "What is left", body = CreditsAnswer, content_type = "application/json"), Keyed, Everywhere)
)]
pub(crate) async fn credits(site: Data<Site>, request: HttpRequest, _: TakesJson) -> Result<Json<CreditsAnswer>, Failure> {
    let key = require_header_key(&request)?;
    let caller = site.permitted(key, &request).await?;
    let credits = site.road(|road| async move { road.credits(&caller).await }).await?;
    Ok(Json(CreditsAnswer { base_credits: credits.base, boost_credits: credits.boost, credits: credits.total() }))
}
