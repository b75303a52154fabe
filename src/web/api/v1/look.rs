//! Looking at one image for its caller and keeping nothing (rows V4, V5). The doors of the lab differ only in what they ask.

use actix_web::{HttpRequest, web::Payload};
use touchstone_core::{organization::Caller, refusal::Refusal};
use touchstone_moderation::{Road, Sent};

use super::{
    bearer,
    errors::V1Failure,
    sample::{self, Sample},
};
use crate::site::Site;

/// What is asked about the image of a request.
///
/// # Errors
/// 401 and 403 for the key, whatever [`sample::read`] refuses, and what the step refuses, told of the field that the image came in.
pub(crate) async fn look<T, F>(
    site: &Site,
    request: &HttpRequest,
    payload: Payload,
    step: impl FnOnce(Road, Caller, Sent) -> F,
) -> Result<T, V1Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    let caller = bearer::caller(site, request).await?;
    let Sample { sent, param, memory, .. } = sample::read(site, request, payload).await?;
    let looked = site.road(|road| memory.held(step(road, caller, sent))).await;
    looked.map_err(|failure| V1Failure::from(failure).about_image(&param))
}
