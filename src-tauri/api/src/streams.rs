//! Live streams: look, record, disconnect.

use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::extract::{Json, Path};
use crate::model::*;
use crate::router::Api;

/// Every stream that exists now.
#[utoipa::path(get, path = "/streams", tag = "streams",
    responses((status = 200, body = StreamList))
)]
pub(crate) async fn list(State(_api): State<Api>) -> Result<Json<StreamList>, Error> {
    Err(Error::internal())
}

/// One stream.
#[utoipa::path(get, path = "/streams/{path}", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn show(State(_api): State<Api>, Path(_path): Path<String>) -> Result<Json<Stream>, Error> {
    Err(Error::internal())
}

/// Start a recording of this stream. It is no error when one runs.
#[utoipa::path(post, path = "/streams/{path}/record", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn record(State(_api): State<Api>, Path(_path): Path<String>) -> Result<Json<Stream>, Error> {
    Err(Error::internal())
}

/// Stop the recording of this stream. It is no error when none runs.
#[utoipa::path(delete, path = "/streams/{path}/record", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn stop_recording(State(_api): State<Api>, Path(_path): Path<String>) -> Result<Json<Stream>, Error> {
    Err(Error::internal())
}

/// Disconnect the publisher.
#[utoipa::path(delete, path = "/streams/{path}/publisher", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 204))
)]
pub(crate) async fn kick_publisher(State(_api): State<Api>, Path(_path): Path<String>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}

/// Disconnect a reader: a player. A destination is switched off instead, a recording stopped.
#[utoipa::path(delete, path = "/streams/{path}/readers/{reader}", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`"), ("reader" = String, Path, description = "The reader's `id`")),
    responses((status = 204))
)]
pub(crate) async fn kick_reader(
    State(_api): State<Api>,
    Path((_path, _reader)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    Err(Error::internal())
}
