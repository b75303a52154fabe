//! The try-it page (row A9): drop an image, watch, read the verdict and why. One page, nothing loaded from elsewhere.
//!
//! It is paid by an organisation that the operator names, and capped by address, so that a stranger cannot drain it. Other
//! origins cannot use it: an image's content type makes browsers ask first, and they are not told yes.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Json, Payload},
};
use uuid::Uuid;

use crate::{
    api::truthscan::{detect::DetectAnswer, schema::Progress, upload::content_type},
    body::{self, Pace},
    errors::Failure,
    extract::{TakesJson, asker},
    site::Site,
};

/// The page, with places for a nonce and the model's name.
const PAGE: &str = include_str!("try_it.html");

/// `GET /`: the page where it is served, else the documentation.
pub(crate) async fn page(site: Data<Site>) -> HttpResponse {
    if !site.tries() {
        return HttpResponse::Found().insert_header((header::LOCATION, "/docs/")).finish();
    }
    // One nonce an answer: a script that somebody smuggled in would not know it.
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' blob: data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    static PARTS: LazyLock<(String, String)> = LazyLock::new(|| {
        let (before, after) = PAGE.split_once("{{model}}").unwrap_or((PAGE, ""));
        (before.to_owned(), after.to_owned())
    });
    let (before, after) = &*PARTS;
    let model = site.model.as_ref().map(|model| format!("{} {}", model.name, model.version)).unwrap_or_default();
    let html = format!("{before}{}{after}", escape(&model)).replace("{{nonce}}", &nonce);
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .body(html)
}

/// `POST /try`: one image as the body; the page then polls `/query`.
pub(crate) async fn submit(site: Data<Site>, request: HttpRequest, _: TakesJson, payload: Payload) -> Result<Json<DetectAnswer>, Failure> {
    if !site.tries() {
        return Err(Failure::NoSuchPath);
    }
    let asker = asker(&site, &request);
    site.limits.try_it.ask(&asker)?;
    site.limits.try_it_day.ask(&asker)?;
    let content_type = content_type(&request).unwrap_or_default();
    let _place = site.upload_place()?;
    let (pump, stream) = body::split(payload, Pace::new(&site.settings));
    let submit = site.road(|road| async move { road.try_it(&content_type, stream).await });
    let (submitted, ()) = futures::join!(submit, pump);
    Ok(Json(DetectAnswer { id: submitted?.0, status: Progress::Pending }))
}

/// Text as HTML text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_writes_only_text() {
        for forbidden in ["http://", "https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=\"", " onclick="] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
        assert_eq!(PAGE.matches("{{model}}").count(), 1);
        assert_eq!(PAGE.matches("<script").count() + PAGE.matches("<style").count(), PAGE.matches("nonce=\"{{nonce}}\"").count());
    }

    #[test]
    fn a_models_name_cannot_bring_markup() {
        assert_eq!(escape("<b>&"), "&lt;b&gt;&amp;");
    }
}
