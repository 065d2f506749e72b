//! The page's requests: `weir://localhost/api/...` goes straight into the API's router, without a port or a token.

use std::borrow::Cow;

use axum::body::{Body, to_bytes};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HOST,
    HeaderValue, ORIGIN, VARY,
};
use axum::http::{Method, Request, Response, StatusCode};
use tower::ServiceExt as _;

use super::origin::is_our_origin;
use weir_tray::Core;

/// The scheme; Windows turns it into the host `weir.localhost`.
pub(super) const NAME: &str = "weir";

/// Largest answer in bytes. The web view takes an answer as a whole, so a file of gigabytes must not go this way.
const MAX_ANSWER: usize = 64 << 20;

type Answer = Response<Cow<'static, [u8]>>;

/// Answers one request of the page.
pub(super) async fn answer(core: &Core, request: Request<Vec<u8>>) -> Answer {
    // The page has another scheme than its API, so the web view asks for permission as between two sites.
    let origin = request.headers().get(ORIGIN).cloned();
    let ours = origin.as_ref().and_then(|origin| origin.to_str().ok()).is_some_and(is_our_origin);
    let mut answer = match (ours, request.method()) {
        (false, _) => empty(StatusCode::FORBIDDEN),
        (true, &Method::OPTIONS) => permission(),
        (true, _) => ask(core, request).await,
    };
    if let (true, Some(origin)) = (ours, origin) {
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    }
    answer
}

async fn ask(core: &Core, request: Request<Vec<u8>>) -> Answer {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = path.parse() else { return empty(StatusCode::BAD_REQUEST) };
    head.uri = uri;
    head.headers.insert(HOST, HeaderValue::from_static("localhost"));
    // A router cannot fail; what goes wrong is an answer.
    let Ok(answer) = core.router().oneshot(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = answer.into_parts();
    if head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        // It has no end; the page reads events through the channel instead.
        return empty(StatusCode::NOT_ACCEPTABLE);
    }
    match to_bytes(body, MAX_ANSWER).await {
        Ok(bytes) => Response::from_parts(head, Cow::Owned(bytes.into())),
        Err(error) => {
            tracing::warn!(%error, "an answer is too large for the window, or broke off");
            empty(StatusCode::BAD_GATEWAY)
        }
    }
}

fn permission() -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Cow::Borrowed(&[][..]));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(method: &str, origin: Option<&str>) -> Answer {
        let core = Core::stopped("a test");
        let mut request = Request::builder().method(method).uri("weir://localhost/api/v1/status");
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        answer(&core, request.body(Vec::new()).expect("a request")).await
    }

    #[tokio::test]
    async fn a_page_of_somebody_else_is_refused() {
        for origin in [None, Some("https://example.org"), Some("null")] {
            for method in ["GET", "OPTIONS", "DELETE"] {
                let answer = asked(method, origin).await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN);
                assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
            }
        }
    }

    #[tokio::test]
    async fn our_page_may_ask_and_may_change() {
        let permission = asked("OPTIONS", Some("tauri://localhost")).await;
        assert_eq!(permission.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "tauri://localhost");
        assert!(permission.headers()[ACCESS_CONTROL_ALLOW_METHODS].to_str().expect("text").contains("PATCH"));
    }

    #[tokio::test]
    async fn an_engine_that_cannot_start_answers_with_the_reason() {
        let answer = asked("GET", Some("tauri://localhost")).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(text.contains("engine_failed") && text.contains("a test"), "{text}");
    }
}
