//! The few pages that are not the UI: plain words in plain HTML, without script.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The UI was not there when the program was built.
pub(super) fn without_ui() -> Response {
    plain(
        StatusCode::OK,
        "Weir runs, without its page",
        "This program was built before its page was. Run <code>npm ci</code> and <code>npm run build:ui</code> in the \
         source folder, then build the program again. The API is at <code>/api/v1/status</code>.",
    )
}

/// Goes on to the page, now that the browser has its cookie. A redirect would not do: a browser that came here from a link
/// on another site sends no `SameSite=Strict` cookie along one.
pub(super) fn unlocked() -> Response {
    let mut response = plain(StatusCode::OK, "Weir", "<a href=\"/\">Go on to Weir</a>");
    response.headers_mut().insert(header::REFRESH, header::HeaderValue::from_static("0; url=/"));
    response
}

fn plain(status: StatusCode, title: &str, text: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:15vh auto;\
         padding:0 1.5rem}}</style><h1>{title}</h1><p>{text}</p></html>\n"
    );
    (status, [(header::CACHE_CONTROL, "no-store")], Html(page)).into_response()
}
