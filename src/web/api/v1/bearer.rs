//! Who asks: a Bearer key (row V7), counted against its project's limit (row V8), for what its scopes open.

use actix_web::{HttpMessage, HttpRequest, http::header};
use secrecy::SecretString;
use touchstone_core::{organization::Caller, refusal::Refusal};

use super::errors::V1Failure;
use crate::{extract::asker, scopes, site::Site};

/// Whoever's key came along, once it was counted and may use this route.
///
/// # Errors
/// 401 for no key or one that opens nothing, 403 for one that does not open this, 429 when its project asks too often.
pub(crate) async fn caller(site: &Site, request: &HttpRequest) -> Result<Caller, V1Failure> {
    let key = match key(request) {
        Some(key) => key,
        None => {
            keyless(site, request)?;
            return Err(Refusal::VerificationFailed.into());
        }
    };
    let caller = site.authenticate(key, request).await?;
    let standing = site.project_limit(&caller).await?;
    request.extensions_mut().insert(standing.0);
    standing.1?;
    scopes::check(&caller, request)?;
    Ok(caller)
}

/// Counts somebody without a key.
///
/// # Errors
/// 429 when that address asks too often.
pub(crate) fn keyless(site: &Site, request: &HttpRequest) -> Result<(), V1Failure> {
    let (standing, passed) = site.limits.keyless.stand(&asker(site, request));
    request.extensions_mut().insert(standing);
    Ok(passed?)
}

/// The key of `Authorization: Bearer …`; a blank one counts as none.
fn key(request: &HttpRequest) -> Option<SecretString> {
    let text = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.trim().split_once(' ')?;
    let key = Some(key.trim()).filter(|key| scheme.eq_ignore_ascii_case("bearer") && !key.is_empty())?;
    Some(key.to_owned().into())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use secrecy::ExposeSecret;

    use super::*;

    // V7
    #[test]
    fn only_a_bearer_key_is_one() {
        let found = |value: &str| {
            let request = TestRequest::default().insert_header(("authorization", value)).to_http_request();
            key(&request).map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(found("Bearer k").as_deref(), Some("k"));
        assert_eq!(found("bearer  k ").as_deref(), Some("k"));
        for none in ["", "Bearer", "Bearer  ", "Basic k", "k"] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }
}
