//! Which part of the API each route is, for keys that are confined to some (row V7). A route that asks here and is not in the table opens
//! only to keys that nothing confines. Reading verdicts takes no key: what one shows there besides is `api/truthscan/sight.rs`'s to say.

use actix_web::HttpRequest;
use touchstone_core::{
    key::{Denial, Scope},
    organization::Caller,
    refusal::Refusal,
};

/// THE table: each route that cannot be had without a key, and the scope that the key needs.
const TABLE: &[(&str, Scope)] = &[
    ("/get-presigned-url", Scope::Detect),
    ("/detect", Scope::Detect),
    ("/detect-url", Scope::Detect),
    ("/bulk-upload", Scope::Detect),
    ("/heatmap/{id}", Scope::Assets),
    ("/preview/{id}", Scope::Assets),
    ("/check-user-credits", Scope::Credits),
    ("/organizations/{id}/usage", Scope::Usage),
    ("/v1/forensics", Scope::Detect),
    ("/v1/c2pa/verify", Scope::Detect),
    ("/v1/detections/{id}/receipt", Scope::Query),
    ("/v1/detect", Scope::Detect),
    ("/v1/detect/batch", Scope::Detect),
    ("/v1/detect/async", Scope::Detect),
    ("/v1/detections/{id}", Scope::Query),
    ("/v1/jobs/{id}", Scope::Query),
    ("/v1/usage", Scope::Usage),
];

/// Whether the key opens this request's route.
///
/// # Errors
/// [`Refusal::KeyRefused`] when the key is confined to other parts.
pub(crate) fn check(caller: &Caller, request: &HttpRequest) -> Result<(), Refusal> {
    let route = request.match_pattern().unwrap_or_default();
    let needed = TABLE.iter().find(|(path, _)| *path == route).map(|(_, scope)| *scope);
    let may = match needed {
        Some(scope) => caller.allows(scope),
        None => caller.scopes.is_none(),
    };
    if may { Ok(()) } else { Err(Refusal::KeyRefused(Denial::OutOfScope { needed })) }
}
