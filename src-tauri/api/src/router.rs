//! The one router, and how the noun files hang in it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use tokio::sync::{Mutex, Semaphore, broadcast};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_engine::Engine;

use crate::error::{Code, Error};
use crate::model::Topic;
use crate::openapi::{Document, complete};
use crate::rates::Rates;
use crate::room::Room;
use crate::{
    access, certificate, config, desktop, destinations, events, history, hooks, listeners, log, openapi, presets,
    preview, problems, reconnect, recording_jobs, recording_media, recording_settings, recordings, settings, srt,
    status, stream_keys, streams,
};

/// Where all routes live.
const PREFIX: &str = "/api/v1";
/// Largest body of a request in bytes: settings are small, and each request holds its body in memory.
const MAX_BODY: usize = 64 << 10;
/// Changes made here that a slow event stream may fall behind by before it is told to read everything anew.
const CHANGES: usize = 64;

/// What every route works on.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) engine: Engine,
    /// Held while settings are read, changed and applied, so that two changes at once do not lose one.
    pub(crate) changing: Arc<Mutex<()>>,
    /// Places for event streams.
    pub(crate) event_streams: Arc<Semaphore>,
    /// Places for live pictures.
    pub(crate) previews: Arc<Semaphore>,
    /// The same for those who have a key for watching, so that they take none from whoever controls Weir.
    pub(crate) viewers: Arc<Semaphore>,
    /// What readers and destinations are sent.
    pub(crate) rates: Rates<String>,
    /// How long recordings still have room.
    pub(crate) room: Room,
    /// Changes that were made here and that the engine does not tell of.
    pub(crate) changed: broadcast::Sender<Topic>,
}

impl Api {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            changing: Arc::default(),
            event_streams: Arc::new(Semaphore::new(events::MAX_STREAMS)),
            previews: Arc::new(Semaphore::new(preview::MAX_PREVIEWS)),
            viewers: Arc::new(Semaphore::new(preview::MAX_PREVIEWS)),
            rates: Rates::default(),
            room: Room::default(),
            changed: broadcast::channel(CHANGES).0,
        }
    }
}

/// The whole API over `engine`, without guard: who calls it in process is trusted.
pub fn router(engine: Engine) -> Router {
    described()
        .0
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Api::new(engine))
}

/// The routes with the document that describes them.
pub(crate) fn described() -> (Router<Api>, OpenApi) {
    let nouns = OpenApiRouter::new()
        .routes(routes!(status::show))
        .routes(routes!(streams::list))
        .routes(routes!(streams::show))
        .routes(routes!(streams::record, streams::stop_recording))
        .routes(routes!(history::history))
        .routes(routes!(preview::preview))
        .routes(routes!(streams::kick_publisher))
        .routes(routes!(streams::kick_reader))
        .routes(routes!(reconnect::everyone))
        .routes(routes!(reconnect::publisher))
        .routes(routes!(reconnect::reader))
        .routes(routes!(listeners::list))
        .routes(routes!(listeners::change))
        .routes(routes!(access::show, access::change))
        .routes(routes!(stream_keys::list, stream_keys::create))
        .routes(routes!(stream_keys::revoke))
        .routes(routes!(certificate::show, certificate::import))
        .routes(routes!(certificate::renew))
        .routes(routes!(certificate::file))
        .routes(routes!(destinations::list, destinations::create))
        .routes(routes!(destinations::change, destinations::remove))
        .routes(routes!(destinations::retry))
        .routes(routes!(destinations::start))
        .routes(routes!(destinations::stop))
        .routes(routes!(history::destination))
        .routes(routes!(presets::list))
        .routes(routes!(presets::check))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::folder))
        .routes(routes!(recordings::show, recordings::rename, recordings::remove))
        .routes(routes!(recordings::file))
        .routes(routes!(recording_media::picture))
        .routes(routes!(recording_media::picture_film))
        .routes(routes!(recording_media::show))
        .routes(routes!(recording_media::initialization))
        .routes(routes!(recording_media::fragment))
        .routes(routes!(recording_jobs::create))
        .routes(routes!(recording_jobs::list))
        .routes(routes!(recording_jobs::remove))
        .routes(routes!(recording_settings::show, recording_settings::change))
        .routes(routes!(settings::show, settings::change))
        .routes(routes!(desktop::show, desktop::change))
        .routes(routes!(srt::show, srt::change))
        .routes(routes!(srt::generate))
        .routes(routes!(srt::list))
        .routes(routes!(srt::set, srt::remove))
        .routes(routes!(srt::export, srt::import))
        .routes(routes!(config::show, config::change))
        .routes(routes!(config::schema))
        .routes(routes!(hooks::list, hooks::create))
        .routes(routes!(hooks::change, hooks::remove))
        .routes(routes!(hooks::test))
        .routes(routes!(log::list))
        .routes(routes!(problems::list, problems::clear))
        .routes(routes!(events::listen));
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi()).nest(PREFIX, nouns).split_for_parts();
    complete(&mut document);
    (router.route(&format!("{PREFIX}/openapi.json"), axum::routing::get(openapi::show)), document)
}

/// The answer to an address that does not exist.
pub(crate) async fn not_found() -> Error {
    Error::new(
        Code::NotFound,
        "There is nothing at this address.",
        "The addresses are described in /api/v1/openapi.json.",
    )
}

/// The answer to an address that exists, with another method.
pub(crate) async fn method_not_allowed() -> Error {
    Error::new(
        Code::MethodNotAllowed,
        "This address does not take this method.",
        "The methods are described in /api/v1/openapi.json.",
    )
}

/// A panic is a bug: it ends this request and nothing else, and its text stays in the log.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("without words"), "a request ended by a bug in Weir");
    Error::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_and_its_text_stays_inside() {
        async fn faulty() {
            panic!("canary");
        }
        let router: Router =
            Router::new().route("/", axum::routing::get(faulty)).layer(CatchPanicLayer::custom(panicked));
        let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("\"code\":\"internal\"") && !text.contains("canary"), "{text}");
    }
}
