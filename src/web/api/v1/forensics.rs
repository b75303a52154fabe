//! Forensics of a picture: figures and maps for people who look closely (row V4). Nothing is stored, and no credit is taken.

use std::time::Instant;

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use serde::Serialize;
use touchstone_moderation::{
    Road,
    forensics::{Map, Maps, Report},
};
use utoipa::ToSchema;

use super::{detect::millis, errors::V1Failure, look::look, sample::V1Image};
use crate::{
    data_url::data_url,
    extract::TakesJson,
    openapi::{V1Bodied, V1Everywhere, V1Fetched, V1Keyed},
    request_id::RequestId,
    site::Site,
};

/// What was measured, in figures and in maps.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Forensics {
    #[serde(flatten)]
    report: Report,
    /// The figures as pictures.
    maps: V1Maps,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
    /// Milliseconds that this answer took.
    #[schema(example = 240)]
    latency_ms: u64,
}

/// Grey pictures, longest side at most 512 pixels: black is 0.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Maps {
    /// Where the picture changes when it is saved once more.
    error_level: Vec<V1LevelMap>,
    /// The logarithm of the power at each frequency, 0 in the middle; null for a picture smaller than 256 × 256 pixels.
    #[schema(required)]
    spectrum: Option<V1Map>,
    /// The noise residual's magnitude.
    noise: V1Map,
}

/// The map of one quality.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1LevelMap {
    /// The quality that the picture was saved at.
    #[schema(example = 85)]
    quality: u8,
    #[serde(flatten)]
    map: V1Map,
}

/// A picture of figures.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Map {
    /// A PNG as a data URL.
    #[schema(example = "data:image/png;base64,iVBORw0KGgo…")]
    png: String,
    /// The figure that is drawn white: grey levels, or for the spectrum powers of ten.
    #[schema(example = 12.5)]
    white: f64,
}

impl From<Map> for V1Map {
    fn from(map: Map) -> Self {
        Self { png: data_url(map.image.content_type, &map.image.bytes), white: map.white }
    }
}

impl From<Maps> for V1Maps {
    fn from(maps: Maps) -> Self {
        let level = |(quality, map): (u8, Map)| V1LevelMap { quality, map: map.into() };
        Self {
            error_level: maps.error_level.into_iter().map(level).collect(),
            spectrum: maps.spectrum.map(V1Map::from),
            noise: maps.noise.into(),
        }
    }
}

/// Look closely at a picture: error levels, spectrum, noise, compression, records.
///
/// The image comes as `image_url`, as `image_base64`, or as the file `image` of a form, as in POST /v1/detect. These figures are no verdict and
/// enter none. Nothing is stored and nothing is charged; the project's rate limit counts.
#[utoipa::path(
    post,
    path = "/v1/forensics",
    tag = "v1",
    operation_id = "v1Forensics",
    security(("bearer" = [])),
    request_body(content((V1Image = "application/json"))),
    responses(
        (status = 200, description = "What was measured", body = V1Forensics, content_type = "application/json"),
        V1Bodied, V1Fetched, V1Keyed, V1Everywhere,
    )
)]
pub(crate) async fn forensics(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    _: TakesJson,
    payload: Payload,
) -> Result<Json<V1Forensics>, V1Failure> {
    let begun = Instant::now();
    let examine = |road: Road, caller, sent| async move { road.examine(&caller, sent).await };
    let (report, maps) = look(&site, &request, payload, examine).await?;
    Ok(Json(V1Forensics { report, maps: maps.into(), request_id: id.0, latency_ms: millis(begun) }))
}
