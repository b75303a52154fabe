//! THE route table: every path, its methods, and who answers. What is not here is 404, and a wrong method is 405.

use actix_web::{
    Handler, HttpResponse, Resource, Responder, Route,
    guard::{self, Guard},
    middleware::Compress,
    web::{self, ServiceConfig},
};

use crate::{
    api::{
        billing::{events, sync, usage},
        truthscan::{assets, bulk, credits, detect, detect_url, health, help, presign, query, upload},
        v1,
    },
    console::{model, try_it},
    docs,
    errors::Failure,
};

/// Adds every route.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        .service(at("/", "GET, HEAD").route(get(try_it::page)))
        .service(at("/try", "POST").route(web::post().to(try_it::submit)))
        .service(at("/model", "GET, HEAD").route(get(model::page)).wrap(Compress::default()))
        .service(at("/get-presigned-url", "GET, HEAD").route(get(presign::presign)))
        .service(at("/blobs/uploads/{name}", "PUT").route(web::put().to(upload::put)))
        // n8n turns `host/blobs/uploads/…` into `blobs.host/uploads/…` (real-clients.md 2.6, trap 2).
        .service(at("/uploads/{name}", "PUT").route(web::put().to(upload::put)))
        .service(at("/blobs/{path:.*}", "PUT").route(web::put().to(upload::put_elsewhere)))
        .service(at("/uploads/{path:.*}", "PUT").route(web::put().to(upload::put_elsewhere)))
        .service(at("/detect", "POST").route(web::post().to(detect::detect)))
        .service(at("/detect-url", "POST").route(web::post().to(detect_url::detect_url)))
        .service(at("/bulk-upload", "POST").route(web::post().to(bulk::submit)))
        .service(at("/bulk-upload/query", "POST").route(web::post().to(bulk::query)))
        .service(at("/query", "POST").route(web::post().to(query::query)))
        .service(at("/heatmap/{id}", "GET, HEAD, POST").route(get(assets::get_heatmap)).route(web::post().to(assets::post_heatmap)))
        .service(at("/preview/{id}", "GET, HEAD, POST").route(get(assets::get_preview)).route(web::post().to(assets::post_preview)))
        .service(at("/check-user-credits", "GET, HEAD").route(get(credits::credits)))
        .service(at("/organizations/{id}/usage", "GET, HEAD").route(get(usage::usage)))
        .service(at("/organizations/{id}/usage/sync-to-stripe", "POST").route(web::post().to(sync::sync)))
        .service(at("/billing/stripe/events", "POST").route(web::post().to(events::take)))
        .service(at("/health", "GET, HEAD").route(get(health::health)))
        .service(at("/metrics", "GET, HEAD").route(get(health::metrics)))
        .service(at("/help", "GET, HEAD").route(get(help::help)))
        .service(at("/openapi.json", "GET, HEAD").route(get(docs::openapi)).wrap(Compress::default()))
        .service(at("/docs", "GET, HEAD").route(get(docs::slash)))
        .service(at("/docs/{file:.*}", "GET, HEAD").route(get(docs::page)).wrap(Compress::default()))
        .configure(v1_table)
        .default_service(web::to(nothing_here));
}

/// The part of the table under `/v1`: there everything, also what goes wrong, is told in that dialect.
fn v1_table(config: &mut ServiceConfig) {
    config
        .service(at("/v1/model", "GET, HEAD").route(get(v1::model::model)))
        .service(at("/v1/receipts/keys", "GET, HEAD").route(get(v1::receipts::keys)))
        .service(at("/v1/detections/{id}/receipt", "GET, HEAD").route(get(v1::receipts::receipt)))
        .service(at("/v1/forensics", "POST").route(web::post().to(v1::forensics::forensics)))
        .service(at("/v1/c2pa/verify", "POST").route(web::post().to(v1::c2pa::verify)))
        .service(at("/v1/detect", "POST").route(web::post().to(v1::detect::detect)))
        .service(at("/v1/detect/batch", "POST").route(web::post().to(v1::batch::batch)))
        .service(at("/v1/detect/async", "POST").route(web::post().to(v1::batch::in_background)))
        .service(at("/v1/jobs/{id}", "GET, HEAD").route(get(v1::jobs::job)))
        .service(at("/v1/usage", "GET, HEAD").route(get(v1::usage::usage)))
        .service(at("/v1/detections/{id}", "GET, HEAD").route(get(v1::detect::detection)))
        .service(at("/v1/health", "GET, HEAD").route(get(v1::health::health)));
}

/// A path that tells those who use another method which ones it takes.
fn at(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move { Err::<HttpResponse, _>(Failure::WrongMethod(allow)) }))
}

/// GET, and HEAD with the same headers.
fn get<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(either()).to(handler)
}

fn either() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

async fn nothing_here() -> Result<HttpResponse, Failure> {
    Err(Failure::NoSuchPath)
}
