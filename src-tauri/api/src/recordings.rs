//! Files that were or are being written.

use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::extract::{Json, Path};
use crate::model::*;
use crate::router::Api;

/// The recordings folder and what is in it.
#[utoipa::path(get, path = "/recordings", tag = "recordings",
    responses((status = 200, body = RecordingList))
)]
pub(crate) async fn list(State(_api): State<Api>) -> Result<Json<RecordingList>, Error> {
    Err(Error::internal())
}

/// The recordings folder.
#[utoipa::path(get, path = "/recordings-folder", tag = "recordings",
    responses((status = 200, body = RecordingFolder))
)]
pub(crate) async fn folder(State(_api): State<Api>) -> Result<Json<RecordingFolder>, Error> {
    Err(Error::internal())
}

/// Delete a recording.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`, slashes written as `%2F`")),
    responses((status = 204))
)]
pub(crate) async fn remove(State(_api): State<Api>, Path(_id): Path<String>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}

/// The file itself. Takes `Range`.
#[utoipa::path(get, path = "/recordings/{id}/file", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`, slashes written as `%2F`")),
    responses((status = 200, description = "The whole file", content_type = "video/x-flv"), (status = 206, description = "The asked range", content_type = "video/x-flv"))
)]
pub(crate) async fn file(State(_api): State<Api>, Path(_id): Path<String>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}
