//! Step 3: submit an uploaded image, or the URL of one (rows T3, T4, T17, U2).

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use secrecy::SecretString;
use serde::Serialize;
use touchstone_core::{
    ids::DocumentId,
    organization::Caller,
    refusal::Refusal,
    submission::{HeatmapStyle, Options, Profile, Route, Submission},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{schema::Progress, sight::Sight};
use crate::{
    errors::Failure,
    extract::{TakesJson, header_key, json, require_either_key},
    fields::Fields,
    openapi::{BadRequest, Bodied, Everywhere, Keyed},
    site::Site,
};

/// What to judge, and what to make of it. Unknown fields are ignored; null is the same as left out.
#[derive(ToSchema)]
#[schema(as = DetectRequest)]
pub(crate) struct DetectBody {
    /// Your API key; may come in the `apikey` header instead.
    #[schema(value_type = Option<String>, example = "YOUR-API-KEY")]
    key: Option<SecretString>,
    /// Any host, followed by `/` and the `file_path` of `/get-presigned-url`; or the public http(s) URL of an image, which is fetched then (`/bulk-upload` fetches none).
    #[schema(example = "http://127.0.0.1:8080/uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_20260611-121955_example.jpg")]
    pub(super) url: String,
    /// An id of your own choice, which nothing else may have.
    id: Option<Uuid>,
    /// Make a preview. When left out: true, or false for organisations of the undetectable dialect; false for a ZIP.
    generate_preview: Option<bool>,
    /// Make a heatmap of suspicious regions; true when left out.
    generate_heatmap: Option<bool>,
    /// Blend it over the image (true, also when left out), or leave it transparent.
    generate_heatmap_overlayed: Option<bool>,
    /// Stretch it to the image's own extremes (true, also when left out), or keep raw scores.
    generate_heatmap_normalized: Option<bool>,
    /// Write an analysis. When left out: true, or false for a ZIP.
    generate_analysis_details: Option<bool>,
    /// `generic` (also when left out), `sheerid` (documents and identity cards: more is said to be unsure), or either behind the
    /// name of an instance and a slash, to be judged by that instance alone.
    #[schema(example = "generic")]
    model: Option<String>,
    /// Accepted, without effect.
    #[schema(example = "Image")]
    #[expect(dead_code, reason = "documented and checked, without effect")]
    document_type: Option<String>,
    /// For the operator's own support; never in an answer. May be left out, not blank.
    email: Option<String>,
    /// For the operator's own statistics; never in an answer.
    user_agent: Option<String>,
    /// Accepted, without effect.
    #[expect(dead_code, reason = "documented and checked, without effect")]
    include_content_moderation: Option<bool>,
}

/// The submission was accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectAnswer {
    /// To be sent to `/query`. Whoever knows it may read the verdict.
    pub(crate) id: Uuid,
    /// Always `pending`.
    #[schema(example = "pending")]
    pub(crate) status: Progress,
}

/// Submit an uploaded image, or the URL of one.
///
/// Answers at once; poll `/query` with the id. A repeat within ten minutes answers the same id and costs nothing.
#[utoipa::path(
    post,
    path = "/detect",
    tag = "Detection",
    operation_id = "detect",
    params(("apikey" = Option<String>, Header, nullable = false, description = "Your API key, when it is not in the body.")),
    request_body = DetectBody,
    responses((status = 200, description = "Accepted", body = DetectAnswer, content_type = "application/json"), BadRequest, Keyed, Bodied, Everywhere)
)]
pub(crate) async fn detect(site: Data<Site>, request: HttpRequest, _: TakesJson, payload: Payload) -> Result<Json<DetectAnswer>, Failure> {
    let body = body(&site, payload).await?;
    let (id, _) = accept(&site, &request, body).await?;
    Ok(Json(DetectAnswer { id: id.0, status: Progress::Pending }))
}

/// The body of a request, checked.
pub(super) async fn body(site: &Site, payload: Payload) -> Result<DetectBody, Failure> {
    let mut fields = json(site, payload).await?;
    let body = read(&mut fields);
    fields.done().map(|()| body)
}

/// What is made when the body does not say: the rest of it is the same for single images and batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) preview: bool,
    pub(super) analysis: bool,
}

/// Who asks, and where the body's `model` leads; everything in the body but its `url` is checked.
pub(super) async fn asked(site: &Site, request: &HttpRequest, body: &DetectBody) -> Result<(Caller, Route), Failure> {
    let key = require_either_key(body.key.clone(), header_key(request))?;
    let caller = site.caller(key, request).await?;
    let route = site.pure_road().route(body.model.as_deref())?;
    if body.email.as_deref().is_some_and(|email| email.trim().is_empty()) {
        return Err(Refusal::EmptyEmail.into());
    }
    Ok((caller, route))
}

/// The body as the road takes it.
pub(super) fn submission(body: &DetectBody, caller: Caller, route: Route, object_key: String, defaults: Defaults) -> Submission {
    Submission {
        object_key,
        id: body.id.map(DocumentId),
        options: options(body, defaults, route.profile),
        queue: route.queue,
        asked: None,
        email: body.email.as_deref().map(shorten),
        user_agent: body.user_agent.as_deref().map(shorten),
        caller,
    }
}

/// Submits what a body asks for, in the name of whoever's key came along, and says what that key may see of it. A client that goes
/// away meanwhile changes nothing.
pub(super) async fn accept(site: &Site, request: &HttpRequest, body: DetectBody) -> Result<(DocumentId, Sight), Failure> {
    let (caller, route) = asked(site, request, &body).await?;
    let sight = Sight::strangers(&caller.organization).with(&caller);
    let defaults = Defaults { preview: caller.organization.dialect.previews_by_default(), analysis: true };
    let id = site.road(|road| async move {
        let object_key = road.object_at(&caller, &body.url).await?;
        road.submit(submission(&body, caller, route, object_key, defaults)).await
    });
    Ok((id.await?, sight))
}

/// The fields of a body. What is wrong with them is kept for [`Fields::done`].
pub(super) fn read(fields: &mut Fields) -> DetectBody {
    let body = DetectBody {
        key: fields.secret(),
        url: fields.required_text("url"),
        id: fields.uuid("id"),
        generate_preview: fields.flag("generate_preview"),
        generate_heatmap: fields.flag("generate_heatmap"),
        generate_heatmap_overlayed: fields.flag("generate_heatmap_overlayed"),
        generate_heatmap_normalized: fields.flag("generate_heatmap_normalized"),
        generate_analysis_details: fields.flag("generate_analysis_details"),
        model: fields.text("model"),
        document_type: fields.text("document_type"),
        email: fields.text("email"),
        user_agent: fields.text("user_agent"),
        include_content_moderation: fields.flag("include_content_moderation"),
    };
    if body.generate_heatmap == Some(false) {
        let styles = [
            ("generate_heatmap_overlayed", body.generate_heatmap_overlayed),
            ("generate_heatmap_normalized", body.generate_heatmap_normalized),
        ];
        for (name, _) in styles.into_iter().filter(|(_, wanted)| *wanted == Some(true)) {
            fields.object_to(name, "Cannot be true while generate_heatmap is false");
        }
    }
    body
}

/// Free text, no longer than anybody needs it: it is stored.
fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

fn options(body: &DetectBody, defaults: Defaults, profile: Profile) -> Options {
    let style = HeatmapStyle {
        overlay: body.generate_heatmap_overlayed.unwrap_or(true),
        normalized: body.generate_heatmap_normalized.unwrap_or(true),
    };
    Options {
        preview: body.generate_preview.unwrap_or(defaults.preview),
        heatmap: body.generate_heatmap.unwrap_or(true).then_some(style),
        analysis: body.generate_analysis_details.unwrap_or(defaults.analysis),
        profile,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use serde_json::{Value, json};

    use super::*;

    const GENERIC: Profile = Profile::Generic;
    const DEFAULTS: Defaults = Defaults { preview: true, analysis: true };

    fn read_json(body: &Value) -> Result<DetectBody, Failure> {
        let mut fields = Fields::parse(body.to_string().as_bytes()).expect("an object");
        let body = read(&mut fields);
        fields.done().map(|()| body)
    }

    #[test]
    fn what_is_left_out_is_as_the_contract_says() {
        // T3
        let body = read_json(&json!({"key": "k", "url": "u", "unheard_of": {"a": 1}})).expect("read");
        let style = HeatmapStyle { overlay: true, normalized: true };
        let expected = Options { preview: true, heatmap: Some(style), analysis: true, profile: GENERIC };
        assert_eq!(options(&body, DEFAULTS, GENERIC), expected);
        // T11
        let batch = Defaults { preview: false, analysis: false };
        assert_eq!(options(&body, batch, GENERIC), Options { preview: false, analysis: false, ..expected });
    }

    #[test]
    fn what_is_sent_wins_over_the_defaults() {
        let sent = json!({
            "url": "u", "generate_preview": false, "generate_analysis_details": false,
            "generate_heatmap_overlayed": false, "generate_heatmap_normalized": false,
        });
        let style = HeatmapStyle { overlay: false, normalized: false };
        let body = read_json(&sent).expect("read");
        let expected = Options { preview: false, heatmap: Some(style), analysis: false, profile: GENERIC };
        assert_eq!(options(&body, DEFAULTS, GENERIC), expected);
        let none = read_json(&json!({"url": "u", "generate_heatmap": false})).expect("read");
        assert_eq!(options(&none, DEFAULTS, GENERIC).heatmap, None);
    }

    #[test]
    fn a_heatmap_that_is_not_made_has_no_style() {
        // T3
        for style in ["generate_heatmap_overlayed", "generate_heatmap_normalized"] {
            let body = json!({"url": "u", "generate_heatmap": false, style: true});
            assert_eq!(read_json(&body).err().expect("refused").status_code(), 422, "{style}");
            assert!(read_json(&json!({"url": "u", "generate_heatmap": false, style: false})).is_ok(), "{style}");
        }
    }
}
