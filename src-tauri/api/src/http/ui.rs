//! The UI's files, part of the program.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::page;
use crate::error::{Code, Error};

/// What `npm run build:ui` made. A debug build reads it from the source folder while it runs.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// Where the build puts files whose names change with their content.
const HASHED: &str = "assets/";

/// Answers with a file of the UI; with its page for every other address that a person may have opened, as the page itself
/// decides what to show there.
pub(super) async fn file(request: Request<Body>) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return crate::router::not_found().await.into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return crate::router::method_not_allowed().await.into_response();
    }
    if let Some(file) = Files::get(path) {
        return send(path, file);
    }
    if path.starts_with(HASHED) {
        return Error::new(Code::NotFound, "This file is not part of Weir's page.", "Reload the page.").into_response();
    }
    match Files::get("index.html") {
        Some(file) => send("index.html", file),
        None => page::without_ui(),
    }
}

fn send(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let body = match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    (StatusCode::OK, [(header::CONTENT_TYPE, media_type(path)), (header::CACHE_CONTROL, cache)], body).into_response()
}

/// Media type by the end of the name; the kinds a build makes.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
