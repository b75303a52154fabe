//! Signed receipts of verdicts, and the keys that verify them (row X3).

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use serde::Serialize;
use touchstone_core::{
    receipt::{PublicKey, Signed},
    refusal::Refusal,
};
use utoipa::ToSchema;

use super::{bearer, detect::own, errors::V1Failure};
use crate::{
    extract::TakesJson,
    openapi::{V1Everywhere, V1Keyed, V1NotFound},
    request_id::RequestId,
    site::Site,
};

/// A signed receipt: a JSON Web Signature in flattened form (RFC 7515), EdDSA with Ed25519.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1Receipt {
    /// Base64url of the receipt: `{version, document, organization, project, image, model, profile, rules, label, ai_likelihood, confidence, unsure,
    /// decided_by, signals, submitted_at, judged_at, test}`.
    payload: String,
    /// Base64url of `{alg, kid, typ, jwk}`: the key travels along.
    protected: String,
    /// Base64url of the signature.
    signature: String,
    /// As in the header `X-Request-Id`; no part of what is signed.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// The public keys of all receipts, as a JSON Web Key Set.
#[derive(Serialize, ToSchema)]
pub(crate) struct V1ReceiptKeys {
    /// The newest first; old ones stay.
    keys: Vec<V1ReceiptKey>,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01KAKX1P2Q0Z8S4T9V7W6Y5X3R")]
    request_id: String,
}

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub(crate) struct V1ReceiptKey {
    /// Always `OKP`.
    #[schema(example = "OKP")]
    kty: String,
    /// Always `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: String,
    /// Base64url of its 32 bytes.
    x: String,
    /// Its thumbprint (RFC 7638), as receipts name it.
    kid: String,
    /// Always `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// Always `sig`.
    #[schema(example = "sig")]
    r#use: &'static str,
}

impl From<PublicKey> for V1ReceiptKey {
    fn from(PublicKey { kty, crv, x, kid }: PublicKey) -> Self {
        Self { kty, crv, x, kid, alg: "EdDSA", r#use: "sig" }
    }
}

/// Read the signed receipt of a verdict.
///
/// It says what was judged, with which weights and thresholds, and what came of it. `touchstone verify-receipt` checks it offline, and so does
/// any JOSE library. 404 while there is no verdict.
#[utoipa::path(
    get,
    path = "/v1/detections/{id}/receipt",
    tag = "v1",
    operation_id = "v1Receipt",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The detection's `id`.")),
    responses(
        (status = 200, description = "The receipt", body = V1Receipt, content_type = "application/json"),
        V1Keyed, V1NotFound, V1Everywhere,
    )
)]
pub(crate) async fn receipt(
    site: Data<Site>,
    request: HttpRequest,
    id: RequestId,
    path: Path<String>,
    _: TakesJson,
) -> Result<Json<V1Receipt>, V1Failure> {
    let caller = bearer::caller(&site, &request).await?;
    let document = own(&site, &caller, &path).await?.ok_or(Refusal::NoSuchDocument)?;
    let signed = site.road(|road| async move { road.receipt(&document).await });
    let Signed { payload, protected, signature } = signed.await?;
    Ok(Json(V1Receipt { payload, protected, signature, request_id: id.0 }))
}

/// Read the public keys of receipts.
///
/// No key is needed. Whoever keeps receipts should keep these too: they prove whose receipts they are.
#[utoipa::path(
    get,
    path = "/v1/receipts/keys",
    tag = "v1",
    operation_id = "v1ReceiptKeys",
    responses((status = 200, description = "The keys", body = V1ReceiptKeys, content_type = "application/json"), V1Everywhere)
)]
pub(crate) async fn keys(site: Data<Site>, request: HttpRequest, id: RequestId, _: TakesJson) -> Result<Json<V1ReceiptKeys>, V1Failure> {
    bearer::keyless(&site, &request)?;
    let set = site.road(|road| async move { road.receipt_keys().await }).await?;
    Ok(Json(V1ReceiptKeys { keys: set.keys.into_iter().map(V1ReceiptKey::from).collect(), request_id: id.0 }))
}
