//! The page of the model that judges (row X1): its card, with everything that it was measured at. Made once, when the server starts; the card's
//! plots travel inside the page, so that nothing is loaded from elsewhere.

use std::path::{Component, Path};

use actix_web::{HttpResponse, http::header, web::Data};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;
use serde_json::Value;
use touchstone_core::causes::chain;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    data_url::data_url,
    errors::Failure,
    site::{ModelFacts, Site},
};

/// The page, with places for a nonce and the card.
const PAGE: &str = include_str!("model.html");

/// The largest plot that travels inside the page, in bytes.
const MOST_PLOT: u64 = 1 << 20;

/// The model's card, as people and as machines read it.
#[derive(Debug, Clone)]
pub struct Card {
    pub(crate) facts: CardFacts,
    page: String,
}

/// What the card says of the model, beside its name and its sum.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CardFacts {
    /// Which weights.
    #[serde(flatten)]
    pub model: ModelFacts,
    /// One sentence about it.
    pub summary: String,
    /// Licence of the weights.
    #[schema(example = "Apache-2.0")]
    pub license_weights: String,
    /// Licences of the pictures that it was trained on.
    pub license_data: String,
    /// What the training started from.
    pub starting_weights: String,
    /// From this likelihood of AI on, 0–1, its label names AI.
    #[schema(example = 0.5)]
    pub threshold: f64,
    /// The families of generators that it can name; whatever fits none is `other`.
    pub families: Vec<String>,
    /// How it was trained, free of form.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub training: Value,
    /// What it was measured at, free of form: one object for each set of images.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, Value>>)]
    pub measured: Vec<Value>,
}

impl Card {
    /// The card of the model in this folder, with `card.md` where there is one.
    #[must_use]
    pub fn new(facts: CardFacts, folder: &Path) -> Self {
        let written = std::fs::read_to_string(folder.join("card.md"));
        let text = written.unwrap_or_else(|_| format!("# {}\n\n{}\n\nIts accuracy was not measured.", facts.model.name, facts.summary));
        Self { page: PAGE.replace("{{card}}", &rendered(&text, folder)), facts }
    }
}

/// Markdown as HTML: tables can be scrolled, plots of the folder travel along, and markup is shown as the text that it is.
fn rendered(text: &str, folder: &Path) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = plot(&folder.join(&*dest_url), &dest_url).map_or(CowStr::Borrowed(""), CowStr::from);
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        other => other,
    });
    let framed = events.flat_map(|event| match event {
        Event::Start(Tag::Table(_)) => vec![Event::Html(r#"<div class="table">"#.into()), event],
        Event::End(TagEnd::Table) => vec![event, Event::Html("</div>\n".into())],
        other => vec![other],
    });
    let mut page = String::new();
    html::push_html(&mut page, framed);
    page
}

/// A PNG of the model's folder as a data URL.
fn plot(path: &Path, name: &str) -> Option<String> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let small = || std::fs::metadata(path).is_ok_and(|found| found.len() <= MOST_PLOT);
    if !(inside && name.ends_with(".png") && small()) {
        return None;
    }
    match std::fs::read(path) {
        Ok(bytes) => Some(data_url("image/png", &bytes)),
        Err(error) => {
            tracing::warn!(name, error = chain(&error), "a plot of the model's card cannot be read");
            None
        }
    }
}

/// `GET /model`: the card, for people.
pub(crate) async fn page(site: Data<Site>) -> Result<HttpResponse, Failure> {
    let card = site.card.as_ref().ok_or(Failure::NoSuchPath)?;
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(card.page.replace("{{nonce}}", &nonce)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // X1
    #[test]
    fn a_card_is_shown_with_its_tables_and_without_anybodys_markup() {
        let text =
            "# A model\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n<script>alert(1)</script>\n\nSee ![p](../secret.png) ![q](https://host/x.png)";
        let shown = rendered(text, Path::new("nowhere"));
        assert!(shown.contains("<h1>A model</h1>") && shown.contains(r#"<div class="table"><table>"#), "{shown}");
        assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("https://"), "{shown}");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for forbidden in ["http://", "https://", "<script", " style=\"", " onclick="] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }
}
