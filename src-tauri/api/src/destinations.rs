//! Where streams are sent on to.

use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::extract::{Json, Path};
use crate::model::*;
use crate::router::Api;

/// Every destination and what it is doing.
#[utoipa::path(get, path = "/destinations", tag = "destinations",
    responses((status = 200, body = DestinationList))
)]
pub(crate) async fn list(State(_api): State<Api>) -> Result<Json<DestinationList>, Error> {
    Err(Error::internal())
}

/// Add a destination. It is applied at once and saved.
#[utoipa::path(post, path = "/destinations", tag = "destinations",
    request_body = DestinationCreate,
    responses((status = 201, body = Destination))
)]
pub(crate) async fn create(
    State(_api): State<Api>,
    Json(_new): Json<DestinationCreate>,
) -> Result<(StatusCode, Json<Destination>), Error> {
    Err(Error::internal())
}

/// Change a destination. What it sends is interrupted only when the change needs it.
#[utoipa::path(patch, path = "/destinations/{id}", tag = "destinations",
    params(("id" = String, Path)),
    request_body = DestinationPatch,
    responses((status = 200, body = Destination))
)]
pub(crate) async fn change(
    State(_api): State<Api>,
    Path(_id): Path<String>,
    Json(_patch): Json<DestinationPatch>,
) -> Result<Json<Destination>, Error> {
    Err(Error::internal())
}

/// Remove a destination.
#[utoipa::path(delete, path = "/destinations/{id}", tag = "destinations",
    params(("id" = String, Path)),
    responses((status = 204))
)]
pub(crate) async fn remove(State(_api): State<Api>, Path(_id): Path<String>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}

/// Try again now instead of waiting for the next attempt.
#[utoipa::path(post, path = "/destinations/{id}/retry", tag = "destinations",
    params(("id" = String, Path)),
    responses((status = 200, body = Destination))
)]
pub(crate) async fn retry(State(_api): State<Api>, Path(_id): Path<String>) -> Result<Json<Destination>, Error> {
    Err(Error::internal())
}
