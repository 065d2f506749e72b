//! What went wrong lately.

use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::extract::Json;
use crate::model::*;
use crate::router::Api;

/// What went wrong lately.
#[utoipa::path(get, path = "/problems", tag = "problems",
    responses((status = 200, body = ProblemList))
)]
pub(crate) async fn list(State(_api): State<Api>) -> Result<Json<ProblemList>, Error> {
    Err(Error::internal())
}

/// Forget the problems.
#[utoipa::path(delete, path = "/problems", tag = "problems",
    responses((status = 204))
)]
pub(crate) async fn clear(State(_api): State<Api>) -> Result<StatusCode, Error> {
    Err(Error::internal())
}
