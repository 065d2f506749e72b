//! Changes and numbers as they happen.

use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::model::*;
use crate::router::Api;

/// Changes and numbers as server-sent events; the `data` of each is one `Event`, its name is the event's `type`.
#[utoipa::path(get, path = "/events", tag = "events",
    responses((status = 200, body = Event, content_type = "text/event-stream"))
)]
pub(crate) async fn listen(State(_api): State<Api>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}
