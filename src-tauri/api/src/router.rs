//! The one router, and how the noun files hang in it.

use axum::Router;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::openapi::{Document, complete};
use crate::{destinations, events, listeners, problems, recordings, settings, status, streams};

/// What every route works on.
#[derive(Debug, Clone)]
pub(crate) struct Api {}

/// Where all routes live.
const PREFIX: &str = "/api/v1";

/// The routes with the document that describes them.
pub(crate) fn described() -> (Router<Api>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest(
            PREFIX,
            OpenApiRouter::new()
                .routes(routes!(status::show))
                .routes(routes!(streams::list))
                .routes(routes!(streams::show))
                .routes(routes!(streams::record, streams::stop_recording))
                .routes(routes!(streams::kick_publisher))
                .routes(routes!(streams::kick_reader))
                .routes(routes!(listeners::list))
                .routes(routes!(listeners::change))
                .routes(routes!(destinations::list, destinations::create))
                .routes(routes!(destinations::change, destinations::remove))
                .routes(routes!(destinations::retry))
                .routes(routes!(recordings::list))
                .routes(routes!(recordings::folder))
                .routes(routes!(recordings::remove))
                .routes(routes!(recordings::file))
                .routes(routes!(settings::show, settings::change))
                .routes(routes!(problems::list, problems::clear))
                .routes(routes!(events::listen)),
        )
        .split_for_parts();
    complete(&mut document);
    (router, document)
}

/// The router.
pub fn router() -> Router {
    described().0.with_state(Api {})
}
